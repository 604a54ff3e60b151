//! A registration packet as the text of a DNS record (RFC 1035), which is all that pkarr carries: one
//! answer, `_p2p.KEY. 300 IN TXT`, the packet cut into strings of at most 255 octets.
//!
//! What is read may hold other records beside it. Names of theirs may be compressed, so they are skipped by
//! their shape; the record looked for is spelled in full.

use data_encoding::{Encoding, Specification};

use crate::identity::PublicKey;
use crate::registration::Packet;

/// The label under which the packet stands.
const LABEL: &[u8] = b"_p2p";
const TXT: u16 = 16;
const IN: u16 = 1;
/// A response with authority, and nothing else.
const FLAGS: u16 = 0x8400;
/// For how long relays may answer from memory, in seconds; they take no less than five minutes.
const TTL: u32 = 300;
const HEADER_LENGTH: usize = 12;
/// As many records as fit beside a packet are fewer.
const MAX_RECORDS: u16 = 32;

/// Wraps a packet of at most [`Packet::MAX_LENGTH`] octets.
pub fn encode(key: &PublicKey, packet: &[u8]) -> Vec<u8> {
    let strings = packet.chunks(255);
    let length = packet.len() + strings.len();
    let mut dns = Vec::with_capacity(HEADER_LENGTH + 69 + length);
    for number in [0, FLAGS, 0, 1, 0, 0] {
        dns.extend_from_slice(&number.to_be_bytes());
    }
    dns.extend_from_slice(&owner(key));
    dns.extend_from_slice(&TXT.to_be_bytes());
    dns.extend_from_slice(&IN.to_be_bytes());
    dns.extend_from_slice(&TTL.to_be_bytes());
    dns.extend_from_slice(&(length as u16).to_be_bytes()); // 904 at most
    for string in strings {
        dns.push(string.len() as u8);
        dns.extend_from_slice(string);
    }
    dns
}

/// Unwraps the packet of a key; None if there is none.
pub fn decode(key: &PublicKey, dns: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(dns);
    let (_id, _flags) = (reader.number()?, reader.number()?);
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.take(4)?; // authorities and additional records come after what is looked for
    if questions != 0 {
        return None;
    }
    let owner = owner(key);
    for _ in 0..answers.min(MAX_RECORDS) {
        let name = reader.name()?;
        let (kind, class) = (reader.number()?, reader.number()?);
        reader.take(4)?;
        let length = reader.number()?.into();
        let data = reader.take(length)?;
        if (kind, class) == (TXT, IN) && name == owner {
            return join(data);
        }
    }
    None
}

/// The name of the record: two labels and the root.
fn owner(key: &PublicKey) -> Vec<u8> {
    let key = z_base_32(key);
    let labels = [LABEL, key.as_bytes(), b""];
    labels.iter().flat_map(|label| [&[label.len() as u8], *label].concat()).collect()
}

/// A key as pkarr spells it.
pub(super) fn z_base_32(key: &PublicKey) -> String {
    encoding().encode(key.as_bytes())
}

/// z-base-32, 52 characters for a key.
fn encoding() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("ybndrfg8ejkmcpqxot1uwisza345h769");
    specification.encoding().expect("32 different symbols")
}

/// Puts the strings of a text together.
fn join(data: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut packet) = (Reader(data), Vec::new());
    while let [length, ..] = *rest.0 {
        rest.take(1)?;
        packet.extend_from_slice(rest.take(length.into())?);
    }
    (1..=Packet::MAX_LENGTH).contains(&packet.len()).then_some(packet)
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A name as it is spelled, compressed or not.
    fn name(&mut self) -> Option<&'a [u8]> {
        let whole = self.0;
        loop {
            let length = *self.take(1)?.first()?;
            match length {
                0 => break,
                1..=63 => drop(self.take(length.into())?),
                192.. => {
                    self.take(1)?;
                    break;
                }
                _ => return None,
            }
        }
        Some(&whole[..whole.len() - self.0.len()])
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const KEY: PublicKey = PublicKey([7; 32]);

    #[test]
    fn lengths_are_those_of_pkarr() {
        for (packet, dns) in [(400, 483), (900, 985)] {
            assert_eq!(encode(&KEY, &vec![1; packet]).len(), dns);
        }
    }

    #[test]
    fn records_beside_it_are_passed_over() {
        let mut dns = encode(&KEY, b"packet");
        dns[7] = 2;
        // a compressed name, an address
        let other = [&[192, 12][..], &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]].concat();
        dns.splice(HEADER_LENGTH..HEADER_LENGTH, other);
        assert_eq!(decode(&KEY, &dns).as_deref(), Some(&b"packet"[..]));
        assert_eq!(decode(&PublicKey([8; 32]), &dns), None);
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let dns = encode(&KEY, &[5; 600]);
        for length in 0..dns.len() {
            assert_eq!(decode(&KEY, &dns[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(dns in vec(any::<u8>(), 0..1200)) {
            let _ = decode(&KEY, &dns);
        }

        #[test]
        fn a_damaged_answer_is_survived(packet in vec(any::<u8>(), 1..901), at in 0usize..985, to: u8) {
            let mut dns = encode(&KEY, &packet);
            prop_assert_eq!(decode(&KEY, &dns), Some(packet));
            let at = at % dns.len();
            dns[at] = to;
            let _ = decode(&KEY, &dns);
        }
    }

    #[test]
    fn keys_are_spelled_as_pkarr_does() {
        // the example of z-base-32's own text, and the length of a key
        assert_eq!(encoding().encode(&[0xf0, 0xbf, 0xc7]), "6n9hq");
        assert_eq!(z_base_32(&PublicKey([0; 32])), "y".repeat(52));
    }
}
