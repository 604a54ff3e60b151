//! Certificates: an authority's statement that a key belongs to a name for a time.
//!
//! A certificate is a short text with a signature beside it, both readable and verifiable without this
//! program (`minisign -V -p authority.pub -m bob.cert`):
//!
//! ```text
//! p2p certificate 1
//! name bob@example.com
//! key 7zk2…(52 characters)
//! from 2026-11-22T07:25:18Z
//! until 2027-11-22T07:25:18Z
//! serial 17
//! authority abcd-efgh-…(fingerprint)
//! ```
//!
//! In registration packets it travels in a compact form, from which whoever knows the authority's key
//! rebuilds text and signature octet by octet:
//!
//! ```text
//! version 1 ‖ key id (8) ‖ from (8) ‖ until (8) ‖ serial (4) ‖ hint (8) ‖ signatures (64, 64) ‖ name
//! ```
//!
//! Numbers are big-endian, times in seconds since 1970; the hint is the begin of the certified key.

use std::fmt;

use crate::identity::{
    Fingerprint, KeyId, Name, PublicKey, PublicKeyFile, SecretKeyFile, SignatureFile,
    SignatureFileError, Timestamp,
};

/// What an authority states. The signature is kept beside it; see [`SignedCertificate`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// Whose key it is.
    pub name: Name,
    /// The key.
    pub key: PublicKey,
    /// From when it holds, in whole seconds.
    pub from: Timestamp,
    /// Until when it holds, in whole seconds.
    pub until: Timestamp,
    /// By which the authority can revoke it.
    pub serial: u32,
    /// The key that signs.
    pub authority: Fingerprint,
}

/// A certificate and its signature, which has not been checked unless somebody says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCertificate {
    /// The statement.
    pub certificate: Certificate,
    signature: SignatureFile,
}

/// The first line, by which a certificate can be told from every other text that an authority signs.
const HEADER: &str = "p2p certificate 1";
/// The trusted comment, the same in all certificates so that it need not travel.
const COMMENT: &str = "p2p certificate";
/// The untrusted comment of signature files written here.
const UNTRUSTED: &str = "p2p";
const VERSION: u8 = 1;
/// What the compact form has before the name.
const COMPACT_HEAD: usize = 1 + 8 + 8 + 8 + 4 + 8 + 64 + 64;

impl Certificate {
    /// The longest name in octets that can be certified, so that certificate and signature stay within
    /// [`SignedCertificate::MAX_LENGTH`].
    pub const MAX_NAME: usize = 64;

    /// The signed text.
    pub fn to_text(&self) -> String {
        let Certificate { name, key, from, until, serial, authority } = self;
        let (from, until) = (from.to_date_time(), until.to_date_time());
        format!(
            "{HEADER}\nname {name}\nkey {key}\nfrom {from}\nuntil {until}\nserial {serial}\n\
             authority {authority}\n"
        )
    }

    /// Reads the text; there is one way to write it.
    ///
    /// # Errors
    /// [`CertificateError::NotACertificate`] for everything else.
    pub fn parse(text: &str) -> Result<Certificate, CertificateError> {
        let read = || {
            let mut lines = text.split('\n');
            if lines.next()? != HEADER {
                return None;
            }
            let mut field = |label: &str| lines.next()?.strip_prefix(label)?.strip_prefix(' ');
            let certificate = Certificate {
                name: Name::parse(field("name")?).ok()?,
                key: field("key")?.parse().ok()?,
                from: Timestamp::parse_date_time(field("from")?)?,
                until: Timestamp::parse_date_time(field("until")?)?,
                serial: field("serial")?.parse().ok()?,
                authority: field("authority")?.parse().ok()?,
            };
            (certificate.to_text() == text).then_some(certificate)
        };
        let certificate = read().ok_or(CertificateError::NotACertificate)?;
        if certificate.name.as_str().len() > Certificate::MAX_NAME {
            return Err(CertificateError::NameTooLong);
        }
        Ok(certificate)
    }
}

impl SignedCertificate {
    /// The longest text and signature file together, in octets.
    pub const MAX_LENGTH: usize = 512;
    /// The longest compact form in octets.
    pub const MAX_COMPACT: usize = COMPACT_HEAD + Certificate::MAX_NAME;

    /// Signs a certificate; its `authority` becomes the signing key's.
    ///
    /// # Errors
    /// [`CertificateError::NameTooLong`].
    pub fn sign(
        certificate: Certificate,
        key: &SecretKeyFile,
    ) -> Result<SignedCertificate, CertificateError> {
        if certificate.name.as_str().len() > Certificate::MAX_NAME {
            return Err(CertificateError::NameTooLong);
        }
        let whole = |time: Timestamp| Timestamp::from_secs(time.as_secs());
        let certificate = Certificate {
            from: whole(certificate.from),
            until: whole(certificate.until),
            authority: key.pair.public().fingerprint(),
            ..certificate
        };
        let signature = SignatureFile::sign(key, certificate.to_text().as_bytes(), COMMENT);
        Ok(SignedCertificate { certificate, signature })
    }

    /// Reads a certificate and its signature file, without checking whether they fit.
    ///
    /// # Errors
    /// Says which of the two is not what it should be.
    pub fn parse(text: &str, signature: &str) -> Result<SignedCertificate, CertificateError> {
        let certificate = Certificate::parse(text)?;
        let signature = SignatureFile::parse(signature).map_err(CertificateError::Signature)?;
        if signature.comment != COMMENT {
            return Err(CertificateError::Signature(SignatureFileError::Comment));
        }
        Ok(SignedCertificate { certificate, signature })
    }

    /// The signature file.
    pub fn signature_text(&self) -> String {
        self.signature.to_text(UNTRUSTED)
    }

    /// By which key it says to be signed.
    pub fn key_id(&self) -> KeyId {
        self.signature.id
    }

    /// Checks that an authority's key signed it.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn verify(&self, authority: &PublicKeyFile) -> Result<(), CertificateError> {
        if self.certificate.authority != authority.key.fingerprint() {
            return Err(CertificateError::Signature(SignatureFileError::OtherKey));
        }
        let text = self.certificate.to_text();
        self.signature.verify(authority, text.as_bytes()).map_err(CertificateError::Signature)
    }

    /// The form for registration packets.
    pub fn to_compact(&self) -> Vec<u8> {
        let Certificate { name, key, from, until, serial, .. } = &self.certificate;
        let mut compact = Vec::with_capacity(SignedCertificate::MAX_COMPACT);
        compact.push(VERSION);
        compact.extend_from_slice(&self.signature.id.0);
        compact.extend_from_slice(&from.as_secs().to_be_bytes());
        compact.extend_from_slice(&until.as_secs().to_be_bytes());
        compact.extend_from_slice(&serial.to_be_bytes());
        compact.extend_from_slice(&key.as_bytes()[..8]);
        compact.extend_from_slice(&self.signature.signature);
        compact.extend_from_slice(&self.signature.comment_signature);
        compact.extend_from_slice(name.as_str().as_bytes());
        compact
    }
}

/// A certificate as it came in a packet, before its authority is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactCertificate {
    /// By which the authority's key is found.
    pub key_id: KeyId,
    certificate: Certificate,
    hint: [u8; 8],
    signatures: [[u8; 64]; 2],
}

impl CompactCertificate {
    /// Reads the compact form of a certificate that `key` shows about itself.
    ///
    /// # Errors
    /// [`CertificateError::NotACertificate`].
    pub fn decode(compact: &[u8], key: PublicKey) -> Result<CompactCertificate, CertificateError> {
        let read = || {
            let (version, rest) = compact.split_first()?;
            let (id, rest) = rest.split_first_chunk::<8>()?;
            let (from, rest) = rest.split_first_chunk::<8>()?;
            let (until, rest) = rest.split_first_chunk::<8>()?;
            let (serial, rest) = rest.split_first_chunk::<4>()?;
            let (hint, rest) = rest.split_first_chunk::<8>()?;
            let (signature, rest) = rest.split_first_chunk::<64>()?;
            let (comment_signature, name) = rest.split_first_chunk::<64>()?;
            let text = str::from_utf8(name).ok()?;
            let name = Name::parse(text).ok().filter(|name| name.as_str() == text)?;
            let in_time = |secs: &[u8; 8]| {
                let time = Timestamp::from_secs(u64::from_be_bytes(*secs));
                // what no date can say was never signed
                (Timestamp::parse_date_time(&time.to_date_time()) == Some(time)).then_some(time)
            };
            let certificate = Certificate {
                name,
                key,
                from: in_time(from)?,
                until: in_time(until)?,
                serial: u32::from_be_bytes(*serial),
                authority: key.fingerprint(), // until `rebuild` knows better
            };
            let fits = *version == VERSION && text.len() <= Certificate::MAX_NAME;
            fits.then_some(CompactCertificate {
                key_id: KeyId(*id),
                certificate,
                hint: *hint,
                signatures: [*signature, *comment_signature],
            })
        };
        read().ok_or(CertificateError::NotACertificate)
    }

    /// Whether it was made for the key that shows it, as far as the hint tells.
    pub fn is_about_its_key(&self) -> bool {
        self.hint == self.certificate.key.as_bytes()[..8]
    }

    /// What it says, unchecked; the authority is not known yet.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Rebuilds the text and the signature file, and checks that the authority signed them.
    ///
    /// # Errors
    /// [`CertificateError::OtherSubject`] when it was made for another key than the one that shows it;
    /// else says what does not fit.
    pub fn rebuild(self, authority: &PublicKeyFile) -> Result<SignedCertificate, CertificateError> {
        if !self.is_about_its_key() {
            return Err(CertificateError::OtherSubject);
        }
        let CompactCertificate { key_id, certificate, signatures, .. } = self;
        let [signature, comment_signature] = signatures;
        let authority_key = authority.key.fingerprint();
        let signed = SignedCertificate {
            certificate: Certificate { authority: authority_key, ..certificate },
            signature: SignatureFile {
                id: key_id,
                signature,
                comment: COMMENT.into(),
                comment_signature,
            },
        };
        signed.verify(authority).map(|()| signed)
    }
}

/// Why a text or its compact form is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateError {
    /// It is something else, or damaged.
    NotACertificate,
    /// The name is longer than [`Certificate::MAX_NAME`].
    NameTooLong,
    /// It was made for another key.
    OtherSubject,
    /// Its signature does not fit.
    Signature(SignatureFileError),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::NotACertificate => f.write_str("this is not a certificate"),
            CertificateError::NameTooLong => {
                write!(f, "names over {} characters cannot be certified", Certificate::MAX_NAME)
            }
            CertificateError::OtherSubject => f.write_str("it was made for another key"),
            CertificateError::Signature(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::identity::{KeyPair, Seed};

    fn key(seed: u8) -> SecretKeyFile {
        SecretKeyFile::new(KeyPair::from_seed(&Seed::new([seed; 32])))
    }

    fn certificate(name: &str) -> Certificate {
        Certificate {
            name: Name::parse(name).unwrap(),
            key: key(2).pair.public(),
            from: Timestamp::from_micros(1_795_332_318_123_456),
            until: Timestamp::from_secs(1_826_868_318),
            serial: u32::MAX,
            authority: key(9).pair.public().fingerprint(),
        }
    }

    fn longest() -> SignedCertificate {
        let name = format!("{}@example.com", "b".repeat(Certificate::MAX_NAME - 12));
        SignedCertificate::sign(certificate(&name), &key(1)).unwrap()
    }

    #[test]
    fn text_and_compact_form_are_short_and_come_back() {
        let signed = longest();
        assert_eq!(signed.verify(&key(1).public()), Ok(()));
        let (text, signature) = (signed.certificate.to_text(), signed.signature_text());
        assert!(text.len() + signature.len() <= SignedCertificate::MAX_LENGTH);
        assert_eq!(SignedCertificate::parse(&text, &signature), Ok(signed.clone()));
        let compact = signed.to_compact();
        assert!(compact.len() <= 250, "{}", compact.len());
        let read = CompactCertificate::decode(&compact, key(2).pair.public()).unwrap();
        assert_eq!(read.key_id, signed.key_id());
        let rebuilt = read.rebuild(&key(1).public()).unwrap();
        assert_eq!(rebuilt, signed);
        assert_eq!(rebuilt.certificate.to_text(), text);
        assert_eq!(rebuilt.signature_text(), signature);
        let long = certificate(&format!("{}@example.com", "b".repeat(53)));
        let refused = SignedCertificate::sign(long, &key(1));
        assert_eq!(refused, Err(CertificateError::NameTooLong));
    }

    #[test]
    fn a_changed_octet_anywhere_is_noticed() {
        let compact = longest().to_compact();
        for at in 0..compact.len() {
            let mut changed = compact.clone();
            changed[at] ^= 1;
            let read = CompactCertificate::decode(&changed, key(2).pair.public());
            let rebuilt = read.and_then(|read| read.rebuild(&key(1).public()));
            assert!(rebuilt.is_err(), "octet {at}");
        }
    }

    #[test]
    fn it_fits_one_key_and_one_authority() {
        let compact = longest().to_compact();
        let moved = CompactCertificate::decode(&compact, key(3).pair.public()).unwrap();
        assert_eq!(moved.rebuild(&key(1).public()), Err(CertificateError::OtherSubject));
        // a key with the same beginning gets further, not through
        let mut near = *key(2).pair.public().as_bytes();
        near[31] ^= 1;
        let near = CompactCertificate::decode(&compact, PublicKey(near)).unwrap();
        let text = CertificateError::Signature(SignatureFileError::Text);
        assert_eq!(near.rebuild(&key(1).public()), Err(text));
        let own = CompactCertificate::decode(&compact, key(2).pair.public()).unwrap();
        let other = CertificateError::Signature(SignatureFileError::OtherKey);
        assert_eq!(own.rebuild(&key(3).public()), Err(other));
    }

    #[test]
    fn there_is_one_way_to_write_it() {
        let good = longest().certificate.to_text();
        assert!(Certificate::parse(&good).is_ok());
        for (from, to) in [
            ("\n", "\r\n"),
            ("serial 4", "serial +4"),
            ("serial 4", "serial 04"),
            ("name b", "name B"),
            ("key ", "key  "),
            ("certificate 1", "certificate 2"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert_eq!(Certificate::parse(&bad), Err(CertificateError::NotACertificate), "{bad}");
        }
        assert!(Certificate::parse(&format!("{good}more\n")).is_err());
        assert!(Certificate::parse(good.trim_end()).is_err());
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..260), text in "\\PC{0,120}") {
            let _ = CompactCertificate::decode(&octets, key(2).pair.public());
            let _ = Certificate::parse(&format!("{HEADER}\n{text}"));
        }
    }
}
