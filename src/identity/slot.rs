//! Slots: under which 160 bits a packet lies in an overlay.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};

use super::{Name, PublicKey};

/// The place of a packet in an overlay: 160 bits of a domain-separated SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub [u8; 20]);

impl Slot {
    /// Where those look who know only the name. Anybody can write there.
    pub fn of_name(name: &Name) -> Slot {
        Slot::hash(b"p2p slot name\0", name.as_str().as_bytes())
    }

    /// Where those look who know the key.
    pub fn of_key(key: &PublicKey) -> Slot {
        Slot::hash(b"p2p slot key\0", key.as_bytes())
    }

    /// Where the revocation list of an authority's key lies.
    pub fn of_revocations(authority: &PublicKey) -> Slot {
        Slot::hash(b"p2p slot revocations\0", authority.as_bytes())
    }

    /// Where calls for the owner of a key are left. Anybody can write there.
    pub fn of_call(key: &PublicKey) -> Slot {
        Slot::hash(b"p2p slot call\0", key.as_bytes())
    }

    /// The swarm in which the owner of a name announces addresses. Anybody can announce his own there.
    pub fn of_announcements(name: &Name) -> Slot {
        Slot::hash(b"p2p slot announcements\0", name.as_str().as_bytes())
    }

    fn hash(domain: &[u8], value: &[u8]) -> Slot {
        let mut context = Context::new(&SHA256);
        context.update(domain);
        context.update(value);
        let mut slot = [0; 20];
        slot.copy_from_slice(&context.finish().as_ref()[..20]);
        Slot(slot)
    }

    /// Reads 40 lower-case hexadecimal digits, the form in URLs of stores.
    pub fn from_hex(text: &str) -> Option<Slot> {
        let digits: &[u8; 40] = text.as_bytes().try_into().ok()?;
        let mut octets = [0; 20];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Some(Slot(octets))
    }
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Slot {
    /// 40 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_key_have_their_own_slots() {
        let name = Name::parse("alice@example.com").unwrap();
        // sha256 of "p2p slot name", a zero octet and the name
        let slot = Slot::of_name(&name);
        assert_eq!(slot.to_string(), "b3643f9043e2d0f778783baeae917e5912f9ab84");
        let key = PublicKey(*b"alice@example.com and 15 octets.");
        assert_ne!(Slot::of_key(&key), slot);
        assert_ne!(Slot::of_key(&key), Slot::of_revocations(&key));
        assert_ne!(Slot::of_call(&key), Slot::of_key(&key));
        assert_ne!(
            Slot::of_announcements(&name),
            slot,
            "who knows one store's slot knows no swarm"
        );
        assert_eq!(Slot::from_hex(&slot.to_string()), Some(slot));
    }

    #[test]
    fn reads_forty_lower_case_digits_only() {
        let good = "00112233445566778899aabbccddeeff00112233";
        assert!(Slot::from_hex(good).is_some());
        for bad in ["", &good[1..], &good.to_uppercase(), &format!("{good}0"), &format!("{good}00")]
        {
            assert_eq!(Slot::from_hex(bad), None, "{bad}");
        }
    }
}
