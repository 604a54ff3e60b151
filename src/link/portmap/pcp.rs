//! The Port Control Protocol as octets (RFC 6887): MAP for UDP, and ANNOUNCE to ask for the epoch.
//!
//! ```text
//! request  = 2 ‖ 0x01 ‖ 0 u16 ‖ lifetime u32 ‖ client address 16 ‖ map
//! response = 2 ‖ 0x81 ‖ 0 ‖ result ‖ lifetime u32 ‖ epoch u32 ‖ 0 12 ‖ map
//! announce = as a map without its last part, operation 0
//! map      = nonce 12 ‖ 17 ‖ 0 3 ‖ internal port u16 ‖ external port u16 ‖ external address 16
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

const VERSION: u8 = 2;
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;
const RESPONSE: u8 = 0x80;
const UDP: u8 = 17;
const HEADER_LENGTH: usize = 24;
const MAP_LENGTH: usize = 36;

/// What makes a mapping ours; unpredictable.
pub(super) type Nonce = [u8; 12];

/// Asks for a mapping, or for its end with a lifetime of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapRequest {
    pub(super) nonce: Nonce,
    /// The source address of the request.
    pub(super) client: Ipv4Addr,
    pub(super) internal_port: u16,
    /// What we would like.
    pub(super) external_port: u16,
    /// In seconds.
    pub(super) lifetime: u32,
}

/// What the gateway says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapResponse {
    /// 0 is success (section 7.4).
    pub(super) result: u8,
    pub(super) nonce: Nonce,
    pub(super) internal_port: u16,
    pub(super) external_port: u16,
    /// Nothing useful when a mapping ends.
    pub(super) external_address: Ipv4Addr,
    /// In seconds: of the mapping, or of the error.
    pub(super) lifetime: u32,
    /// Seconds since the gateway lost its mappings.
    pub(super) epoch: u32,
}

/// The result of a gateway that speaks another version.
const UNSUPP_VERSION: u8 = 1;

impl MapRequest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut octets = header(MAP, self.lifetime, self.client);
        octets.extend(self.nonce);
        octets.extend([UDP, 0, 0, 0]);
        octets.extend(self.internal_port.to_be_bytes());
        octets.extend(self.external_port.to_be_bytes());
        octets.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
        octets
    }
}

/// Asks for nothing but the epoch.
pub(super) fn announce_request(client: Ipv4Addr) -> Vec<u8> {
    header(ANNOUNCE, 0, client)
}

/// The epoch in the answer to it, whether it says yes or no.
pub(super) fn announced_epoch(datagram: &[u8]) -> Option<u32> {
    let header = datagram.first_chunk::<HEADER_LENGTH>()?;
    let [VERSION, operation, .., e0, e1, e2, e3] = &header[..12] else { return None };
    let is_answer = *operation == RESPONSE | ANNOUNCE;
    is_answer.then(|| u32::from_be_bytes([*e0, *e1, *e2, *e3]))
}

fn header(operation: u8, lifetime: u32, client: Ipv4Addr) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADER_LENGTH + MAP_LENGTH);
    octets.extend([VERSION, operation, 0, 0]);
    octets.extend(lifetime.to_be_bytes());
    octets.extend(client.to_ipv6_mapped().octets());
    octets
}

impl MapResponse {
    /// None for what is no response to a MAP request; options behind it are skipped.
    pub(super) fn decode(datagram: &[u8]) -> Option<MapResponse> {
        let (header, rest) = datagram.split_first_chunk::<HEADER_LENGTH>()?;
        let map = rest.first_chunk::<MAP_LENGTH>()?;
        if header[..2] != [VERSION, RESPONSE | MAP] || map[12] != UDP {
            return None;
        }
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| header[at + i]));
        let port = |at: usize| u16::from_be_bytes([map[at], map[at + 1]]);
        let mut nonce = Nonce::default();
        nonce.copy_from_slice(&map[..12]);
        let mut external = [0; 16];
        external.copy_from_slice(&map[20..]);
        Some(MapResponse {
            result: header[3],
            nonce,
            internal_port: port(16),
            external_port: port(18),
            external_address: Ipv6Addr::from(external)
                .to_ipv4_mapped()
                .unwrap_or(Ipv4Addr::UNSPECIFIED),
            lifetime: number(4),
            epoch: number(8),
        })
    }
}

/// The result in a response of any operation and of the versions that exist: a gateway that does not
/// know version 2 answers in its own (section 9).
pub(super) fn refusal(datagram: &[u8]) -> Option<u8> {
    match datagram {
        [VERSION, op, _, result, ..] if *op == RESPONSE | MAP && *result != 0 => Some(*result),
        // NAT-PMP has 16 bits for it
        [0, op, 0, UNSUPP_VERSION, ..] if op & RESPONSE != 0 => Some(UNSUPP_VERSION),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> Vec<u8> {
        let mut octets = vec![2, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 0, 0, 0x30, 0x39];
        octets.extend([0; 12]);
        octets.extend([7; 12]);
        octets.extend([17, 0, 0, 0, 0x13, 0xba, 0x13, 0xbb]);
        octets.extend(Ipv4Addr::new(11, 1, 0, 1).to_ipv6_mapped().octets());
        octets
    }

    #[test]
    fn a_request_is_laid_out_as_in_the_rfc() {
        let request = MapRequest {
            nonce: [7; 12],
            client: Ipv4Addr::new(192, 168, 1, 2),
            internal_port: 5050,
            external_port: 5051,
            lifetime: 7200,
        };
        let octets = request.encode();
        assert_eq!(octets.len(), 60);
        assert_eq!(octets[..8], [2, 1, 0, 0, 0, 0, 0x1c, 0x20]);
        assert_eq!(octets[18..24], [0xff, 0xff, 192, 168, 1, 2]);
        assert_eq!(octets[36..44], [17, 0, 0, 0, 0x13, 0xba, 0x13, 0xbb]);
    }

    #[test]
    fn responses_are_read_strictly() {
        let octets = response();
        let read = MapResponse {
            result: 0,
            nonce: [7; 12],
            internal_port: 5050,
            external_port: 5051,
            external_address: Ipv4Addr::new(11, 1, 0, 1),
            lifetime: 7200,
            epoch: 12345,
        };
        assert_eq!(MapResponse::decode(&octets), Some(read));
        for length in 0..octets.len() {
            assert_eq!(MapResponse::decode(&octets[..length]), None);
        }
        for (at, octet) in [(0, 1), (1, 0x80), (1, 1), (36, 6)] {
            let mut other = octets.clone();
            other[at] = octet;
            assert_eq!(MapResponse::decode(&other), None, "octet {at}");
        }
    }

    #[test]
    fn an_announcement_tells_the_epoch() {
        assert_eq!(announce_request(Ipv4Addr::new(192, 168, 1, 2)).len(), 24);
        let mut octets = vec![2, 0x80, 0, 4, 0, 0, 0, 0, 0, 0, 0x30, 0x39];
        octets.extend([0; 12]);
        assert_eq!(announced_epoch(&octets), Some(12345));
        assert_eq!(announced_epoch(&octets[..23]), None);
        assert_eq!(announced_epoch(&response()), None);
    }

    #[test]
    fn refusals_of_both_versions_are_understood() {
        let mut refused = response();
        assert_eq!(refusal(&refused), None);
        refused[3] = 8;
        assert_eq!(refusal(&refused), Some(8));
        assert_eq!(refusal(&[0, 0x81, 0, 1, 0, 0, 0, 9]), Some(UNSUPP_VERSION));
        assert_eq!(refusal(&[0, 0x81, 0, 0]), None);
        assert_eq!(refusal(&[2]), None);
    }
}
