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
        let octets = HEXLOWER.decode(text.as_bytes()).ok()?;
        octets.try_into().ok().map(Slot)
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
