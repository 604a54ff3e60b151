//! Revocation lists: which certificates an authority has taken back.
//!
//! Each list is complete and numbered; of two the higher number counts, so an old one that somebody offers
//! again changes nothing. Certificates that have expired need not stand in it. Like certificates, a list is
//! a text with a minisign signature:
//!
//! ```text
//! p2p revocations 1
//! authority abcd-efgh-…(fingerprint)
//! number 7
//! issued 2026-11-22T07:25:18Z
//! next RWQ…(the key that will sign after this one; may be absent)
//! serial 3
//! serial 17
//! ```
//!
//! In overlays it has a compact form of at most 900 octets, which anybody can check and pass on:
//!
//! ```text
//! magic "p2pv" ‖ version 1 ‖ key (32) ‖ key id (8) ‖ number (4) ‖ issued (8)
//!     ‖ next: 0, or 1 and key id (8) and key (32) ‖ steps between serials (LEB128) ‖ signatures (64, 64)
//! ```

use std::fmt;

use crate::identity::{
    Fingerprint, KeyId, PublicKey, PublicKeyFile, SecretKeyFile, SignatureFile, SignatureFileError,
    Timestamp,
};

/// What an authority has taken back. The signature is kept beside it; see [`SignedRevocations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// The key that signs.
    pub authority: Fingerprint,
    /// Counts up from list to list.
    pub number: u32,
    /// When it was signed, in whole seconds.
    pub issued: Timestamp,
    /// A further key of the same authority, which takes over from this one.
    pub next: Option<PublicKeyFile>,
    /// The certificates that do not count any more, in rising order.
    pub serials: Vec<u32>,
}

/// A list whose signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRevocations {
    list: Revocations,
    key: PublicKeyFile,
    signature: SignatureFile,
}

const HEADER: &str = "p2p revocations 1";
const COMMENT: &str = "p2p revocations";
const UNTRUSTED: &str = "p2p";
const MAGIC: &[u8; 5] = b"p2pv\x01";

impl Revocations {
    /// The longest text in octets that is read.
    pub const MAX_TEXT: usize = 16 * 1024;

    /// Whether the certificate of this serial has been taken back.
    pub fn contains(&self, serial: u32) -> bool {
        self.serials.binary_search(&serial).is_ok()
    }

    fn to_text(&self) -> String {
        let Revocations { authority, number, issued, next, serials } = self;
        let issued = issued.to_date_time();
        let mut text =
            format!("{HEADER}\nauthority {authority}\nnumber {number}\nissued {issued}\n");
        if let Some(next) = next {
            text.push_str(&format!("next {}\n", next.to_line()));
        }
        for serial in serials {
            text.push_str(&format!("serial {serial}\n"));
        }
        text
    }

    fn parse(text: &str) -> Option<Revocations> {
        let mut lines = text.lines().peekable();
        if text.len() > Revocations::MAX_TEXT || lines.next()? != HEADER {
            return None;
        }
        let authority = lines.next()?.strip_prefix("authority ")?.parse().ok()?;
        let number = lines.next()?.strip_prefix("number ")?.parse().ok()?;
        let issued = Timestamp::parse_date_time(lines.next()?.strip_prefix("issued ")?)?;
        let next = match lines.next_if(|line| line.starts_with("next ")) {
            Some(line) => Some(PublicKeyFile::parse(line.strip_prefix("next ")?).ok()?),
            None => None,
        };
        let serials = lines.map(|line| line.strip_prefix("serial ")?.parse().ok());
        let serials = serials.collect::<Option<Vec<u32>>>()?;
        let list = Revocations { authority, number, issued, next, serials };
        (list.is_ordered() && list.to_text() == text).then_some(list)
    }

    fn is_ordered(&self) -> bool {
        self.serials.windows(2).all(|pair| pair[0] < pair[1])
    }
}

impl SignedRevocations {
    /// The longest compact form in octets, as long as a registration packet.
    pub const MAX_COMPACT: usize = 900;

    /// Signs a list; `authority` becomes the signing key's, and serials are put in order.
    ///
    /// # Errors
    /// [`RevocationsError::TooMany`] when it would not fit into an overlay.
    pub fn sign(
        list: Revocations,
        key: &SecretKeyFile,
    ) -> Result<SignedRevocations, RevocationsError> {
        let mut list = Revocations {
            authority: key.pair.public().fingerprint(),
            issued: Timestamp::from_secs(list.issued.as_secs()),
            ..list
        };
        list.serials.sort_unstable();
        list.serials.dedup();
        let signature = SignatureFile::sign(key, list.to_text().as_bytes(), COMMENT);
        let signed = SignedRevocations { list, key: key.public(), signature };
        if signed.to_compact().len() > SignedRevocations::MAX_COMPACT {
            return Err(RevocationsError::TooMany);
        }
        Ok(signed)
    }

    /// Reads a list with its signature file, signed by one of `keys`.
    ///
    /// # Errors
    /// Says what is not as it should be.
    pub fn parse(
        text: &str,
        signature: &str,
        keys: &[PublicKeyFile],
    ) -> Result<SignedRevocations, RevocationsError> {
        let list = Revocations::parse(text).ok_or(RevocationsError::NotAList)?;
        let signature = SignatureFile::parse(signature).map_err(RevocationsError::Signature)?;
        let key = keys.iter().find(|key| key.key.fingerprint() == list.authority);
        let key = *key.ok_or(RevocationsError::Signature(SignatureFileError::OtherKey))?;
        let signed = SignedRevocations { list, key, signature };
        signed.check().map(|()| signed)
    }

    /// Reads the compact form and checks its signature; whether the key is an authority's is another
    /// question.
    ///
    /// # Errors
    /// Says what is not as it should be; no input panics.
    pub fn decode(compact: &[u8]) -> Result<SignedRevocations, RevocationsError> {
        let signed = decode(compact).ok_or(RevocationsError::NotAList)?;
        signed.check().map(|()| signed)
    }

    /// What it says.
    pub fn list(&self) -> &Revocations {
        &self.list
    }

    /// The key that signed it.
    pub fn key(&self) -> &PublicKeyFile {
        &self.key
    }

    /// The text, for a file.
    pub fn to_text(&self) -> String {
        self.list.to_text()
    }

    /// The signature file that belongs to the text.
    pub fn signature_text(&self) -> String {
        self.signature.to_text(UNTRUSTED)
    }

    /// The form for overlays.
    pub fn to_compact(&self) -> Vec<u8> {
        let mut compact = MAGIC.to_vec();
        compact.extend_from_slice(self.key.key.as_bytes());
        compact.extend_from_slice(&self.signature.id.0);
        compact.extend_from_slice(&self.list.number.to_be_bytes());
        compact.extend_from_slice(&self.list.issued.as_secs().to_be_bytes());
        match &self.list.next {
            None => compact.push(0),
            Some(next) => {
                compact.push(1);
                compact.extend_from_slice(&next.id.0);
                compact.extend_from_slice(next.key.as_bytes());
            }
        }
        let mut last = 0;
        for serial in &self.list.serials {
            push_leb128(&mut compact, serial - last);
            last = *serial;
        }
        compact.extend_from_slice(&self.signature.signature);
        compact.extend_from_slice(&self.signature.comment_signature);
        compact
    }

    fn check(&self) -> Result<(), RevocationsError> {
        if self.signature.comment != COMMENT {
            return Err(RevocationsError::Signature(SignatureFileError::Comment));
        }
        let text = self.list.to_text();
        self.signature.verify(&self.key, text.as_bytes()).map_err(RevocationsError::Signature)
    }
}

fn decode(compact: &[u8]) -> Option<SignedRevocations> {
    let rest = compact.strip_prefix(MAGIC)?;
    if compact.len() > SignedRevocations::MAX_COMPACT {
        return None;
    }
    let (key, rest) = rest.split_first_chunk::<32>()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (issued, rest) = rest.split_first_chunk::<8>()?;
    let (has_next, rest) = rest.split_first()?;
    let (next, rest) = match has_next {
        0 => (None, rest),
        1 => {
            let (id, rest) = rest.split_first_chunk::<8>()?;
            let (key, rest) = rest.split_first_chunk::<32>()?;
            let next = PublicKeyFile { id: KeyId(*id), key: PublicKey(*key) };
            (Some(next), rest)
        }
        _ => return None,
    };
    let (rest, comment_signature) = rest.split_last_chunk::<64>()?;
    let (mut steps, signature) = rest.split_last_chunk::<64>()?;
    let (mut serials, mut last) = (Vec::new(), 0_u32);
    while !steps.is_empty() {
        let (step, rest) = read_leb128(steps)?;
        steps = rest;
        // serial 0 may stand first; a step of nothing would repeat one
        if step == 0 && !serials.is_empty() {
            return None;
        }
        last = last.checked_add(step)?;
        serials.push(last);
    }
    let id = KeyId(*id);
    let key = PublicKeyFile { id, key: PublicKey(*key) };
    let list = Revocations {
        authority: key.key.fingerprint(),
        number: u32::from_be_bytes(*number),
        issued: Timestamp::from_secs(u64::from_be_bytes(*issued)),
        next,
        serials,
    };
    let signature = SignatureFile {
        id,
        signature: *signature,
        comment: COMMENT.into(),
        comment_signature: *comment_signature,
    };
    Some(SignedRevocations { list, key, signature })
}

fn push_leb128(octets: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

/// A number in its shortest form, and what follows.
fn read_leb128(octets: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0_u32;
    for (index, octet) in octets.iter().enumerate().take(5) {
        let bits = u32::from(octet & 0x7f);
        number |= bits.checked_shl(7 * index as u32).filter(|b| b >> (7 * index) == bits)?;
        if octet & 0x80 == 0 {
            let shortest = *octet != 0 || index == 0;
            return shortest.then(|| (number, &octets[index + 1..]));
        }
    }
    None
}

/// Why something is no revocation list that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationsError {
    /// It is something else, or damaged.
    NotAList,
    /// Its signature does not fit.
    Signature(SignatureFileError),
    /// It is longer than an overlay takes.
    TooMany,
    /// A newer one is known: somebody offers an old list again.
    Replayed {
        /// The number of the list that was offered.
        number: u32,
        /// The number of the one that is known.
        known: u32,
    },
}

impl fmt::Display for RevocationsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevocationsError::NotAList => f.write_str("this is not a revocation list"),
            RevocationsError::Signature(error) => write!(f, "the revocation list: {error}"),
            RevocationsError::TooMany => {
                f.write_str("the revocation list would be longer than an overlay takes")
            }
            RevocationsError::Replayed { number, known } => {
                write!(f, "the revocation list has number {number}, and number {known} is known")
            }
        }
    }
}

impl std::error::Error for RevocationsError {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::identity::{KeyPair, Seed};

    fn key(seed: u8) -> SecretKeyFile {
        SecretKeyFile::new(KeyPair::from_seed(&Seed::new([seed; 32])))
    }

    fn list(serials: &[u32]) -> Revocations {
        Revocations {
            authority: key(1).pair.public().fingerprint(),
            number: 7,
            issued: Timestamp::from_secs(1_795_332_318),
            next: Some(key(2).public()),
            serials: serials.to_vec(),
        }
    }

    #[test]
    fn both_forms_come_back() {
        for serials in [&[][..], &[0], &[0, 1, 128, u32::MAX], &[17, 3, 3]] {
            let signed = SignedRevocations::sign(list(serials), &key(1)).unwrap();
            assert_eq!(SignedRevocations::decode(&signed.to_compact()), Ok(signed.clone()));
            let (text, signature) = (signed.to_text(), signed.signature_text());
            let read = SignedRevocations::parse(&text, &signature, &[key(1).public()]);
            assert_eq!(read, Ok(signed.clone()));
            assert!(serials.iter().all(|serial| signed.list().contains(*serial)));
            assert!(!signed.list().contains(5));
        }
    }

    #[test]
    fn hundreds_fit_and_too_many_are_told() {
        let many: Vec<u32> = (0..600).map(|n| n * 3).collect();
        assert!(SignedRevocations::sign(list(&many), &key(1)).is_ok());
        let more: Vec<u32> = (0..700).collect();
        let refused = SignedRevocations::sign(list(&more), &key(1));
        assert_eq!(refused, Err(RevocationsError::TooMany));
    }

    #[test]
    fn a_changed_octet_anywhere_is_noticed() {
        let compact = SignedRevocations::sign(list(&[3, 17]), &key(1)).unwrap().to_compact();
        for at in 0..compact.len() {
            let mut changed = compact.clone();
            changed[at] ^= 1;
            // the key's id is no part of what is signed; who looks the key up by it compares both
            let noticed = match SignedRevocations::decode(&changed) {
                Err(_) => true,
                Ok(read) => (37..45).contains(&at) && *read.key() != key(1).public(),
            };
            assert!(noticed, "octet {at}");
        }
        assert!(SignedRevocations::decode(&compact[..compact.len() - 1]).is_err());
        let signed = SignedRevocations::decode(&compact).unwrap();
        let (text, signature) = (signed.to_text(), signed.signature_text());
        let parse =
            |text: &str, by| SignedRevocations::parse(text, &signature, &[key(by).public()]);
        let wrong = |error| Err(RevocationsError::Signature(error));
        assert_eq!(parse(&text, 2), wrong(SignatureFileError::OtherKey));
        let fewer = text.replace("serial 3\n", "");
        assert_eq!(parse(&fewer, 1), wrong(SignatureFileError::Text));
        assert_eq!(parse("p2p", 1), Err(RevocationsError::NotAList));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..300), text in "\\PC{0,99}") {
            let _ = SignedRevocations::decode(&[&MAGIC[..], &octets].concat());
            let _ = Revocations::parse(&format!("{HEADER}\n{text}"));
        }

        #[test]
        fn numbers_have_one_form(number: u32, octets in vec(any::<u8>(), 0..6)) {
            let mut written = Vec::new();
            push_leb128(&mut written, number);
            prop_assert_eq!(read_leb128(&written), Some((number, &[][..])));
            if let Some((read, rest)) = read_leb128(&octets) {
                let mut again = Vec::new();
                push_leb128(&mut again, read);
                prop_assert_eq!(&[&again, rest].concat(), &octets);
            }
        }
    }
}
