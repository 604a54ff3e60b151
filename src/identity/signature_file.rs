//! Signatures over texts in minisign's format, so that Debian's `minisign -V` verifies what is signed here.
//!
//! ```text
//! untrusted comment: anything
//! base64 of "ED", key id (8), signature of the text's BLAKE2b-512 (64)
//! trusted comment: what is signed with it
//! base64 of the signature of the first signature and the trusted comment (64)
//! ```
//!
//! Only the pre-hashed form is read and written. Format: <https://jedisct1.github.io/minisign/#signature-format>.

use std::fmt;

use blake2::{Blake2b512, Digest};
use data_encoding::BASE64;

use super::{KeyId, PublicKeyFile, SecretKeyFile, Signature, SignatureFault};

/// What a signature file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFile {
    /// Whose signature it is said to be.
    pub id: KeyId,
    /// Over the hash of the text.
    pub signature: Signature,
    /// A line that is signed along with the text.
    pub comment: String,
    /// Over signature and comment.
    pub comment_signature: Signature,
}

/// The longest signature file in octets that is read.
pub const MAX_SIGNATURE_FILE: usize = 4096;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";
const PREHASHED: [u8; 2] = *b"ED";

impl SignatureFile {
    /// Signs a text and a comment of one line.
    pub fn sign(key: &SecretKeyFile, text: &[u8], comment: &str) -> SignatureFile {
        let signature = key.pair.sign(&hash(text));
        let comment = comment.replace(char::is_control, " ");
        let comment_signature = key.pair.sign(&with_comment(&signature, &comment));
        SignatureFile { id: key.id, signature, comment, comment_signature }
    }

    /// Reads a signature file.
    ///
    /// # Errors
    /// [`SignatureFileError::NotASignature`] when it is something else.
    pub fn parse(text: &str) -> Result<SignatureFile, SignatureFileError> {
        SignatureFile::read(text).ok_or(SignatureFileError::NotASignature)
    }

    fn read(text: &str) -> Option<SignatureFile> {
        if text.len() > MAX_SIGNATURE_FILE {
            return None;
        }
        let mut lines = text.lines();
        lines.next()?.strip_prefix(UNTRUSTED.trim_end())?;
        let octets: [u8; 74] = decode(lines.next()?)?;
        let comment = lines.next()?.strip_prefix(TRUSTED)?;
        let comment_signature = decode(lines.next()?)?;
        if comment.chars().any(char::is_control) || lines.any(|line| !line.is_empty()) {
            return None;
        }
        let (kind, rest) = octets.split_first_chunk::<2>()?;
        let (id, signature) = rest.split_first_chunk::<8>()?;
        Some(SignatureFile {
            id: KeyId(*id),
            signature: signature.try_into().ok().filter(|_| *kind == PREHASHED)?,
            comment: comment.to_owned(),
            comment_signature,
        })
    }

    /// Checks that `key` signed exactly this text and the comment.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn verify(&self, key: &PublicKeyFile, text: &[u8]) -> Result<(), SignatureFileError> {
        if self.id != key.id {
            return Err(SignatureFileError::OtherKey);
        }
        let check = |message: &[u8], signature, error| {
            key.key.verify(message, signature).map_err(|_| match key.key.fault_of(signature) {
                SignatureFault::WeakKey => SignatureFileError::WeakKey,
                SignatureFault::Malleable => SignatureFileError::Malleable,
                SignatureFault::Mismatch => error,
            })
        };
        check(&hash(text), &self.signature, SignatureFileError::Text)?;
        let commented = with_comment(&self.signature, &self.comment);
        check(&commented, &self.comment_signature, SignatureFileError::Comment)
    }

    /// The file, with a first line that nobody needs to believe.
    pub fn to_text(&self, untrusted: &str) -> String {
        let octets = [&PREHASHED[..], &self.id.0, &self.signature].concat();
        let (first, second) = (BASE64.encode(&octets), BASE64.encode(&self.comment_signature));
        format!("{UNTRUSTED}{untrusted}\n{first}\n{TRUSTED}{}\n{second}\n", self.comment)
    }
}

fn hash(text: &[u8]) -> [u8; 64] {
    Blake2b512::digest(text).into()
}

fn with_comment(signature: &Signature, comment: &str) -> Vec<u8> {
    [&signature[..], comment.as_bytes()].concat()
}

fn decode<const N: usize>(line: &str) -> Option<[u8; N]> {
    BASE64.decode(line.trim_end().as_bytes()).ok()?.try_into().ok()
}

/// Why a signature file does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFileError {
    /// It is not a pre-hashed signature in minisign's format.
    NotASignature,
    /// It is the signature of another key.
    OtherKey,
    /// The text is not the one that was signed.
    Text,
    /// The trusted comment is not the one that was signed.
    Comment,
    /// A signature is another form of a valid one, which only lenient programs take.
    Malleable,
    /// The key is of small order, so that anybody could sign.
    WeakKey,
}

impl fmt::Display for SignatureFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignatureFileError::NotASignature => "this is not a minisign signature",
            SignatureFileError::OtherKey => "it is signed by another key",
            SignatureFileError::Text => "its text is not the one that was signed",
            SignatureFileError::Comment => "its trusted comment is not the one that was signed",
            SignatureFileError::Malleable => "its signature was rewritten by somebody else",
            SignatureFileError::WeakKey => "its key is one that anybody signs with",
        })
    }
}

impl std::error::Error for SignatureFileError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{KeyPair, Seed};

    fn key(seed: u8) -> SecretKeyFile {
        SecretKeyFile::new(KeyPair::from_seed(&Seed::new([seed; 32])))
    }

    #[test]
    fn comes_back_and_fits_one_key_text_and_comment() {
        let signed = SignatureFile::sign(&key(1), b"text", "said\nwith it");
        let read = SignatureFile::parse(&signed.to_text("any thing")).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.comment, "said with it");
        assert_eq!(read.verify(&key(1).public(), b"text"), Ok(()));
        let other = read.verify(&key(2).public(), b"text");
        assert_eq!(other, Err(SignatureFileError::OtherKey));
        let posing = PublicKeyFile { id: key(1).id, key: key(2).pair.public() };
        assert_eq!(read.verify(&posing, b"text"), Err(SignatureFileError::Text));
        assert_eq!(read.verify(&key(1).public(), b"texT"), Err(SignatureFileError::Text));
        let changed = SignatureFile { comment: "said".into(), ..read };
        assert_eq!(changed.verify(&key(1).public(), b"text"), Err(SignatureFileError::Comment));
    }

    #[test]
    fn refuses_other_files() {
        let good = SignatureFile::sign(&key(1), b"text", "c").to_text("u");
        let legacy = good.replace("\nRU", "\nRW");
        assert_ne!(legacy, good, "ED begins with RU in base64, Ed with RW");
        for bad in ["", &legacy, &format!("{good}x\n"), &good[1..], &good.replace("trusted ", "")] {
            assert_eq!(SignatureFile::parse(bad), Err(SignatureFileError::NotASignature), "{bad}");
        }
        assert!(SignatureFile::parse(&good.replace('\n', "\r\n")).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = SignatureFile::parse(&text);
            let _ = SignatureFile::parse(&format!("untrusted comment: \n{text}"));
        }
    }
}
