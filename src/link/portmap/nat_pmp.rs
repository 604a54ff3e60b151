//! The NAT Port Mapping Protocol as octets (RFC 6886), for UDP.
//!
//! ```text
//! address request   = 0 ‖ 0
//! address response  = 0 ‖ 128 ‖ result u16 ‖ epoch u32 ‖ external address 4
//! mapping request   = 0 ‖ 1 ‖ 0 u16 ‖ internal port u16 ‖ external port u16 ‖ lifetime u32
//! mapping response  = 0 ‖ 129 ‖ result u16 ‖ epoch u32 ‖ internal port u16 ‖ external port u16 ‖
//!                     lifetime u32
//! ```

use std::net::Ipv4Addr;

const VERSION: u8 = 0;
const ADDRESS: u8 = 0;
const MAP_UDP: u8 = 1;
const RESPONSE: u8 = 0x80;

/// Asks for the public address.
pub(super) const ADDRESS_REQUEST: [u8; 2] = [VERSION, ADDRESS];

/// What a gateway says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// 0 is success (section 3.5).
    pub(super) result: u16,
    /// Seconds since the gateway lost its mappings.
    pub(super) epoch: u32,
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Address(Ipv4Addr),
    /// Lifetime in seconds.
    Mapping {
        internal_port: u16,
        external_port: u16,
        lifetime: u32,
    },
    /// There is no more than the result.
    Refusal,
}

/// Asks for a mapping; with lifetime and external port zero, for its end.
pub(super) fn map_request(internal_port: u16, external_port: u16, lifetime: u32) -> Vec<u8> {
    let mut octets = vec![VERSION, MAP_UDP, 0, 0];
    octets.extend(internal_port.to_be_bytes());
    octets.extend(external_port.to_be_bytes());
    octets.extend(lifetime.to_be_bytes());
    octets
}

impl Response {
    /// None for what is no response of this version.
    pub(super) fn decode(datagram: &[u8]) -> Option<Response> {
        let (&[version, operation, r0, r1, e0, e1, e2, e3], rest) = datagram.split_first_chunk()?;
        let (result, epoch) = (u16::from_be_bytes([r0, r1]), u32::from_be_bytes([e0, e1, e2, e3]));
        if version != VERSION || operation & RESPONSE == 0 {
            return None;
        }
        let content = match (operation & !RESPONSE, rest) {
            _ if result != 0 => Content::Refusal,
            (ADDRESS, &[a, b, c, d]) => Content::Address(Ipv4Addr::new(a, b, c, d)),
            (MAP_UDP, &[i0, i1, p0, p1, l0, l1, l2, l3]) => Content::Mapping {
                internal_port: u16::from_be_bytes([i0, i1]),
                external_port: u16::from_be_bytes([p0, p1]),
                lifetime: u32::from_be_bytes([l0, l1, l2, l3]),
            },
            _ => return None,
        };
        Some(Response { result, epoch, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_laid_out_as_in_the_rfc() {
        let request = [0, 1, 0, 0, 0x13, 0xba, 0x13, 0xbb, 0, 0, 0x1c, 0x20];
        assert_eq!(map_request(5050, 5051, 7200), request);
        let address = [0, 128, 0, 0, 0, 0, 0, 9, 11, 1, 0, 1];
        let content = Content::Address(Ipv4Addr::new(11, 1, 0, 1));
        let read = Response { result: 0, epoch: 9, content };
        assert_eq!(Response::decode(&address), Some(read));
        let mapping = [0, 129, 0, 0, 0, 0, 0, 9, 0x13, 0xba, 0x13, 0xbb, 0, 0, 0x1c, 0x20];
        let content = Content::Mapping { internal_port: 5050, external_port: 5051, lifetime: 7200 };
        let read = Response { result: 0, epoch: 9, content };
        assert_eq!(Response::decode(&mapping), Some(read));
        for length in 0..mapping.len() {
            assert_eq!(Response::decode(&mapping[..length]), None);
        }
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for octets in [
            &[][..],
            &[0, 1, 0, 0, 0, 0, 0, 9, 11, 1, 0, 1],
            &[2, 128, 0, 0, 0, 0, 0, 9, 11, 1, 0, 1],
            &[0, 130, 0, 0, 0, 0, 0, 9, 11, 1, 0, 1],
            &[0, 128, 0, 0, 0, 0, 0, 9, 11, 1, 0, 1, 0],
        ] {
            assert_eq!(Response::decode(octets), None, "{octets:?}");
        }
        let refusal = Response { result: 2, epoch: 9, content: Content::Refusal };
        assert_eq!(Response::decode(&[0, 129, 0, 2, 0, 0, 0, 9]), Some(refusal));
    }
}
