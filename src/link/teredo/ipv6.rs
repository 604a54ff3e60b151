//! The few IPv6 packets that a Teredo client without a network interface reads and writes: UDP
//! (RFC 768), router solicitation and advertisement (RFC 4861), and the bubble, which is empty
//! (RFC 4380, section 2.8).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// The largest packet: Teredo's link knows no other size (RFC 4380, section 5.1).
const MTU: usize = 1280;
const HEADER: usize = 40;
const UDP_HEADER: usize = 8;
/// What a UDP datagram over Teredo carries at most.
pub(in crate::link) const MAX_PAYLOAD: usize = MTU - HEADER - UDP_HEADER;

const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const NO_NEXT_HEADER: u8 = 59;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const PREFIX_INFORMATION: u8 = 3;

/// Router messages that came over a router have another one and are void.
const HOP_LIMIT: u8 = 255;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The link-local address that solicits: without the cone bit (RFC 5991, section 3).
pub(super) const SOLICITOR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xffff, 0xffff, 0xffff);

/// A link-local address that nobody else has, of unpredictable octets.
pub(super) fn anonymous(random: &[u8; 32]) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&random[..8]);
    octets.into()
}

/// An IPv6 packet without extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    /// The flow label.
    pub(super) flow: u32,
    next_header: u8,
    hop_limit: u8,
    payload: &'a [u8],
}

/// A UDP datagram with a correct checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Octets behind the packet are ignored: trailers of RFC 6081 stand there.
    pub(super) fn parse(octets: &'a [u8]) -> Option<Packet<'a>> {
        let (header, rest) = octets.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let whole = header[0] >> 4 == 6 && length <= MTU - HEADER;
        let payload = rest.get(..length).filter(|_| whole)?;
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&header[at..at + 16]);
            Ipv6Addr::from(octets)
        };
        Some(Packet {
            source: address(8),
            destination: address(24),
            flow: u32::from_be_bytes([0, header[1] & 0x0f, header[2], header[3]]),
            next_header: header[6],
            hop_limit: header[7],
            payload,
        })
    }

    /// Whether it is a bubble.
    pub(super) fn is_bubble(&self) -> bool {
        self.next_header == NO_NEXT_HEADER && self.payload.is_empty()
    }

    /// The UDP datagram in it.
    pub(super) fn udp(&self) -> Option<Datagram<'a>> {
        let (header, _) = self.payload.split_first_chunk::<UDP_HEADER>()?;
        let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let good = self.next_header == UDP
            && usize::from(field(4)) == self.payload.len()
            && field(6) != 0 // obligatory in IPv6
            && self.is_sound();
        good.then(|| Datagram {
            source_port: field(0),
            destination_port: field(2),
            payload: &self.payload[UDP_HEADER..],
        })
    }

    /// The server of the prefix that this router advertisement gives to [`SOLICITOR`].
    pub(super) fn advertised_server(&self) -> Option<Ipv4Addr> {
        let link_local = self.source.is_unicast_link_local() && self.destination == SOLICITOR;
        let advertisement = self.next_header == ICMPV6
            && self.hop_limit == HOP_LIMIT
            && self.payload.starts_with(&[ROUTER_ADVERTISEMENT, 0]);
        if !(link_local && advertisement && self.is_sound()) {
            return None;
        }
        let mut options = self.payload.get(16..)?;
        let mut server = None;
        while let [kind, length, ..] = *options {
            let length = usize::from(length) * 8;
            let (option, rest) = options.split_at_checked(length).filter(|_| length > 0)?;
            if kind == PREFIX_INFORMATION && server.replace(prefix_server(option)?).is_some() {
                return None; // exactly one prefix (RFC 4380, section 5.2.1)
            }
            options = rest;
        }
        server
    }

    fn is_sound(&self) -> bool {
        checksum(self.source, self.destination, self.next_header, self.payload) == 0
    }
}

/// The server in a prefix option for 2001:0:server::/64.
fn prefix_server(option: &[u8]) -> Option<Ipv4Addr> {
    let prefix: &[u8; 16] = option.get(16..32)?.try_into().ok()?;
    let [0x20, 0x01, 0, 0, a, b, c, d, ..] = *prefix else { return None };
    (option[2] == 64).then_some(Ipv4Addr::new(a, b, c, d))
}

/// A UDP datagram in an IPv6 packet with this flow label; `payload` is at most [`MAX_PAYLOAD`] octets long.
pub(super) fn udp(
    source: SocketAddrV6,
    destination: SocketAddrV6,
    flow: u32,
    payload: &[u8],
) -> Vec<u8> {
    let length = UDP_HEADER + payload.len();
    let mut packet = header(*source.ip(), *destination.ip(), UDP, 64, length);
    let [_, high, middle, low] = flow.to_be_bytes();
    packet[1..4].copy_from_slice(&[high & 0x0f, middle, low]);
    packet.extend(source.port().to_be_bytes());
    packet.extend(destination.port().to_be_bytes());
    packet.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    let sum = match checksum(*source.ip(), *destination.ip(), UDP, &packet[HEADER..]) {
        0 => 0xffff, // zero would mean "none"
        sum => sum,
    };
    packet[HEADER + 6..HEADER + 8].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// A bubble.
pub(super) fn bubble(source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    header(source, destination, NO_NEXT_HEADER, HOP_LIMIT, 0)
}

/// A router solicitation from [`SOLICITOR`] to all routers of the link.
pub(super) fn router_solicitation() -> Vec<u8> {
    let mut message = [ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    let sum = checksum(SOLICITOR, ALL_ROUTERS, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = header(SOLICITOR, ALL_ROUTERS, ICMPV6, HOP_LIMIT, message.len());
    packet.extend(message);
    packet
}

/// A router advertisement to [`SOLICITOR`], as a Teredo server writes it.
#[cfg(test)]
pub(super) fn router_advertisement(prefix: Ipv6Addr) -> Vec<u8> {
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x8000, 0xf227, 0xf4fe, 0xffeb);
    let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([PREFIX_INFORMATION, 4, 64, 0x40, 255, 255, 255, 255, 255, 255, 255, 255]);
    message.extend([0, 0, 0, 0]);
    message.extend(prefix.octets());
    message.extend([5, 1, 0, 0, 0, 0, 5, 0]); // the MTU
    let sum = checksum(router, SOLICITOR, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = header(router, SOLICITOR, ICMPV6, HOP_LIMIT, message.len());
    packet.extend(message);
    packet
}

fn header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: u8,
    hop_limit: u8,
    length: usize,
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + length);
    packet.extend([0x60, 0, 0, 0]);
    packet.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
    packet.extend([next_header, hop_limit]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet
}

/// The Internet checksum over pseudo-header and payload (RFC 8200, section 8.1); zero for a payload
/// that holds its own.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, payload: &[u8]) -> u16 {
    let words = |octets: &[u8]| -> u64 {
        let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
        octets.chunks(2).map(word).sum()
    };
    let mut sum = words(&source.octets())
        + words(&destination.octets())
        + payload.len() as u64
        + u64::from(next_header)
        + words(payload);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (SocketAddrV6, SocketAddrV6) {
        let address = |text: &str| text.parse().unwrap();
        (address("[2001:0:b01:14::1]:5050"), address("[2001:0:b01:14::2]:5051"))
    }

    #[test]
    fn udp_comes_back_and_every_flipped_bit_is_noticed() {
        let (source, destination) = ends();
        let written = udp(source, destination, 0xf_1234, b"odd length");
        let packet = Packet::parse(&written).unwrap();
        assert_eq!(packet.flow, 0xf_1234);
        assert_eq!((packet.source, packet.destination), (*source.ip(), *destination.ip()));
        let wanted = Datagram { source_port: 5050, destination_port: 5051, payload: b"odd length" };
        assert_eq!(packet.udp(), Some(wanted));
        for bit in 4 * 8..written.len() * 8 {
            if bit / 8 == 7 {
                continue; // the hop limit may change
            }
            let mut flipped = written.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Packet::parse(&flipped).and_then(|p| p.udp()), None, "bit {bit}");
        }
    }

    #[test]
    fn a_known_checksum_is_computed() {
        // "ping" from ::1 port 1 to ::1 port 2: 0001+0001 (addresses) +000c+0011 +0001+0002+000c
        // +7069+6e67 = defe, of which the complement is 2101
        let loopback = |port| SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0);
        let packet = udp(loopback(1), loopback(2), 0, b"ping");
        assert_eq!(packet[46..48], [0x21, 0x01]);
    }

    #[test]
    fn the_largest_datagram_makes_the_largest_packet() {
        let (source, destination) = ends();
        let written = udp(source, destination, 0, &[7; MAX_PAYLOAD]);
        assert_eq!((written.len(), MAX_PAYLOAD), (1280, 1232));
        assert!(Packet::parse(&written).and_then(|p| p.udp()).is_some());
        assert!(Packet::parse(&udp(source, destination, 0, &[7; MAX_PAYLOAD + 1])).is_none());
    }

    #[test]
    fn a_bubble_may_have_trailers_but_no_payload() {
        let (source, destination) = ends();
        let mut written = bubble(*source.ip(), *destination.ip());
        written.extend([1, 4, 0, 0, 0, 0]); // a nonce trailer of RFC 6081
        let packet = Packet::parse(&written).unwrap();
        assert!(packet.is_bubble());
        assert_eq!(packet.udp(), None);
        written[5] = 6;
        assert!(!Packet::parse(&written).unwrap().is_bubble());
    }

    #[test]
    fn an_advertisement_names_its_server_and_only_a_sound_one_counts() {
        let prefix: Ipv6Addr = "2001:0:b01:14::".parse().unwrap();
        let written = router_advertisement(prefix);
        let server = |octets: &[u8]| Packet::parse(octets)?.advertised_server();
        assert_eq!(server(&written), Some(Ipv4Addr::new(11, 1, 0, 20)));
        for bit in 6 * 8..written.len() * 8 {
            let mut flipped = written.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(server(&flipped), None, "bit {bit}");
        }
        assert_eq!(server(&router_advertisement("2001:db8::".parse().unwrap())), None);
        assert_eq!(server(&router_solicitation()), None);
    }
}
