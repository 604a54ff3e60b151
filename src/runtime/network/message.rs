//! What the kernel's routing messages say (rtnetlink(7)), as far as it matters here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Something in the machine's network has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An interface lost this address, perhaps for a moment only.
    AddressGone(IpAddr),
    /// A way out, a default route, is gone, perhaps for a moment only.
    RouteGone,
    /// Anything else: whether it matters is to be seen.
    Other,
}

/// Message types and attributes of `linux/rtnetlink.h` and `linux/if_addr.h`.
const DELETE_ADDRESS: u16 = 21;
const DELETE_ROUTE: u16 = 25;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
/// `struct nlmsghdr`, `struct ifaddrmsg`, `struct rtattr`.
const MESSAGE_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
const ATTRIBUTE_HEADER: usize = 4;

/// Reads the messages of one datagram; what makes no sense is still a sign that something changed.
pub(super) fn notices(mut datagram: &[u8]) -> Vec<Notice> {
    let mut notices = Vec::new();
    while let Some((length, kind)) = header(datagram) {
        let message = &datagram[MESSAGE_HEADER..length];
        notices.push(match kind {
            DELETE_ADDRESS => address(message).map_or(Notice::Other, Notice::AddressGone),
            // `struct rtmsg` begins with family and length of the destination's prefix
            DELETE_ROUTE if message.get(1) == Some(&0) => Notice::RouteGone,
            _ => Notice::Other,
        });
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
    }
    if notices.is_empty() {
        notices.push(Notice::Other);
    }
    notices
}

/// Length and type of the message that begins here.
fn header(datagram: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
    let kind = number(datagram.get(4..)?)?;
    (MESSAGE_HEADER..=datagram.len()).contains(&length).then_some((length, kind))
}

/// The address in `struct ifaddrmsg`: the local one where it differs from that of the other end.
fn address(message: &[u8]) -> Option<IpAddr> {
    let mut attributes = message.get(ADDRESS_HEADER..)?;
    let mut found = None;
    while let (Some(length), Some(kind)) =
        (number(attributes), attributes.get(2..).and_then(number))
    {
        let value = attributes.get(ATTRIBUTE_HEADER..length.into())?;
        match kind {
            ATTRIBUTE_LOCAL => return ip(value),
            ATTRIBUTE_ADDRESS => found = ip(value),
            _ => {}
        }
        attributes = attributes.get(aligned(length.into())..).unwrap_or_default();
    }
    found
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

fn number(octets: &[u8]) -> Option<u16> {
    octets.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

/// Messages and attributes begin at multiples of four.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = (MESSAGE_HEADER + body.len()) as u32;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend_from_slice(&kind.to_ne_bytes());
        message.resize(MESSAGE_HEADER, 0);
        message.extend_from_slice(body);
        message.resize(aligned(message.len()), 0);
        message
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = (ATTRIBUTE_HEADER + value.len()) as u16;
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat()
    }

    #[test]
    fn it_says_what_went_away() {
        let label = attribute(3, b"eth0\0\0\0\0");
        let v4 = [&[0; 8][..], &attribute(1, &[10, 0, 0, 1]), &attribute(2, &[10, 0, 0, 2])];
        let v6 = [&[0; 8][..], &label, &attribute(1, &Ipv6Addr::LOCALHOST.octets())];
        let default_route = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let datagram = [
            message(DELETE_ADDRESS, &v4.concat()),
            message(DELETE_ADDRESS, &v6.concat()),
            message(DELETE_ROUTE, &default_route),
            message(DELETE_ROUTE, &[2, 24]),
            message(20, &v4.concat()),
        ];
        assert_eq!(
            notices(&datagram.concat()),
            [
                Notice::AddressGone(Ipv4Addr::new(10, 0, 0, 2).into()),
                Notice::AddressGone(Ipv6Addr::LOCALHOST.into()),
                Notice::RouteGone,
                Notice::Other,
                Notice::Other,
            ]
        );
    }

    #[test]
    fn nonsense_is_a_change_and_no_panic() {
        let good = message(DELETE_ADDRESS, &[&[0; 8][..], &attribute(2, &[10, 0, 0, 2])].concat());
        for length in 0..good.len() {
            assert_eq!(notices(&good[..length]), [Notice::Other], "{length}");
        }
        for at in 0..good.len() {
            for octet in 0..=u8::MAX {
                let mut bad = good.clone();
                bad[at] = octet;
                assert!(!notices(&bad).is_empty());
            }
        }
    }
}
