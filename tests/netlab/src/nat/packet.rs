//! IPv4 packets as a NAT sees them: where the ports are, and how they change without a wrong checksum.

use std::net::Ipv4Addr;

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// Octets of the header.
const PROTOCOL: usize = 9;
const CHECKSUM: usize = 10;
const SOURCE: usize = 12;
const DESTINATION: usize = 16;

/// The least that a translatable packet has: a header, and 8 octets of UDP, ICMP or TCP.
const MINIMUM: usize = 28;

/// ICMP messages about another packet, which they quote: unreachable, time exceeded, parameter problem.
const ICMP_ERRORS: [u8; 3] = [3, 11, 12];

/// An end of a packet: its address, and its port (or the number of an ICMP echo).
pub(super) type Endpoint = (Ipv4Addr, u16);

/// Where the ports of a translatable packet are. An ICMP echo has one number, used as both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) protocol: u8,
    source: usize,
    destination: usize,
}

impl Ports {
    /// None: no NAT translates such a packet (it is a fragment, or of a protocol without ports).
    pub(super) fn find(packet: &[u8]) -> Option<Ports> {
        const FRAGMENT_OFFSET: u16 = 0x1fff;
        if packet.len() < MINIMUM || packet[0] >> 4 != 4 || be16(packet, 6) & FRAGMENT_OFFSET != 0 {
            return None;
        }
        let header = header_length(packet);
        if packet.len() < header + 8 {
            return None;
        }
        let protocol = packet[PROTOCOL];
        let (source, destination) = match protocol {
            TCP | UDP => (header, header + 2),
            ICMP if packet[header] == 8 || packet[header] == 0 => (header + 4, header + 4),
            _ => return None,
        };
        Some(Ports { protocol, source, destination })
    }

    pub(super) fn source(self, packet: &[u8]) -> Endpoint {
        (address(packet, SOURCE), be16(packet, self.source))
    }

    pub(super) fn destination(self, packet: &[u8]) -> Endpoint {
        (address(packet, DESTINATION), be16(packet, self.destination))
    }

    pub(super) fn set_source(self, packet: &mut [u8], endpoint: Endpoint) {
        rewrite(packet, SOURCE, self.source, endpoint);
    }

    pub(super) fn set_destination(self, packet: &mut [u8], endpoint: Endpoint) {
        rewrite(packet, DESTINATION, self.destination, endpoint);
    }
}

/// What an ICMP error is about: protocol and public port of the quoted packet, and where that begins.
pub(super) fn quoted(packet: &[u8]) -> Option<(u8, u16, usize)> {
    if packet.len() < MINIMUM || packet[0] >> 4 != 4 || packet[PROTOCOL] != ICMP {
        return None;
    }
    let header = header_length(packet);
    let inner = header + 8;
    if packet.len() < inner + MINIMUM || !ICMP_ERRORS.contains(&packet[header]) {
        return None;
    }
    let ports = inner + header_length(&packet[inner..]);
    (packet.len() >= ports + 4).then(|| (packet[inner + PROTOCOL], be16(packet, ports), inner))
}

/// Sends an ICMP error on to the inside: as destination, and as source of the packet that it quotes.
pub(super) fn redirect_error(packet: &mut [u8], inner: usize, (inside, port): Endpoint) {
    let header = header_length(packet);
    let ports = header_length(&packet[inner..]);
    rewrite(&mut packet[inner..], SOURCE, ports, (inside, port));
    replace(packet, CHECKSUM, DESTINATION, &inside.octets());
    // the checksum covers the quoted packet, which has changed
    packet[header + 2..header + 4].fill(0);
    let sum = ones_complement_sum(&packet[header..]);
    packet[header + 2..header + 4].copy_from_slice(&(!sum).to_be_bytes());
}

/// Puts an address at `address_at` and a port at `port_at`, with all checksums.
fn rewrite(packet: &mut [u8], address_at: usize, port_at: usize, (ip, port): Endpoint) {
    let header = header_length(packet);
    let (checksum, covers_address) = match packet[PROTOCOL] {
        TCP => (header + 16, true),
        UDP => (header + 6, true),
        _ => (header + 2, false),
    };
    let old_address = address(packet, address_at).octets();
    let old_port = be16(packet, port_at).to_be_bytes();
    let is_udp = packet[PROTOCOL] == UDP;
    // a quoted packet may end before its checksum; UDP may have none (0)
    let has_checksum = packet.len() >= checksum + 2 && !(is_udp && be16(packet, checksum) == 0);
    if has_checksum {
        if covers_address {
            adjust(packet, checksum, &old_address, &ip.octets());
        }
        adjust(packet, checksum, &old_port, &port.to_be_bytes());
        if is_udp && be16(packet, checksum) == 0 {
            packet[checksum..checksum + 2].fill(0xff);
        }
    }
    replace(packet, CHECKSUM, address_at, &ip.octets());
    packet[port_at..port_at + 2].copy_from_slice(&port.to_be_bytes());
}

/// Overwrites the octets at `offset` and adjusts the checksum at `checksum`.
fn replace(packet: &mut [u8], checksum: usize, offset: usize, new: &[u8]) {
    let range = offset..offset + new.len();
    let old = packet[range.clone()].to_vec();
    adjust(packet, checksum, &old, new);
    packet[range].copy_from_slice(new);
}

/// Adjusts the checksum at `at` for octets that change (RFC 1624).
fn adjust(packet: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let mut sum = u32::from(!be16(packet, at));
    for pair in old.chunks(2) {
        sum += u32::from(!u16::from_be_bytes([pair[0], pair[1]]));
    }
    for pair in new.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    packet[at..at + 2].copy_from_slice(&(!fold(sum)).to_be_bytes());
}

/// The sum of RFC 1071, before it is inverted: all ones over a packet with a right checksum.
pub(super) fn ones_complement_sum(octets: &[u8]) -> u16 {
    let pair = |pair: &[u8]| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    fold(octets.chunks(2).map(pair).sum())
}

fn fold(mut sum: u32) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn header_length(packet: &[u8]) -> usize {
    usize::from(packet[0] & 15) * 4
}

fn be16(packet: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([packet[offset], packet[offset + 1]])
}

fn address(packet: &[u8], offset: usize) -> Ipv4Addr {
    let octets: [u8; 4] = packet[offset..offset + 4].try_into().expect("four octets");
    octets.into()
}
