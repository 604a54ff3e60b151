//! Key files in minisign's format, so that other tools can read, sign with and verify identities.
//!
//! A file is an untrusted comment, which is neither signed nor used, and a line of base64:
//!
//! | file | content of the second line |
//! |---|---|
//! | public | `Ed`, key id (8), public key (32) |
//! | secret | `Ed`, kdf (`Sc` or zeros), `B2`, salt (32), ops limit (8), memory limit (8), body (104) |
//!
//! The body is key id (8), seed (32), public key (32) and BLAKE2b of them (32), hidden by scrypt's output if there is
//! a passphrase.
//! Numbers are little-endian. Format: <https://jedisct1.github.io/minisign/#signature-format>.

use std::fmt;

use blake2::{Blake2b, Digest, digest::consts::U32};
use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyPair, PublicKey, Seed};

/// By which minisign tells whose signature something is. Not a secret and no proof of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

/// What a public key file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKeyFile {
    /// The key's id in signatures.
    pub id: KeyId,
    /// The key.
    pub key: PublicKey,
}

/// What a secret key file says.
#[derive(Clone, Debug)]
pub struct SecretKeyFile {
    /// The key's id in signatures.
    pub id: KeyId,
    /// The key pair.
    pub pair: KeyPair,
}

/// How a secret key file is locked.
#[derive(Clone, Copy)]
pub struct Lock<'a> {
    /// What opens it.
    pub passphrase: &'a str,
    /// Random octets, new for every file.
    pub salt: [u8; 32],
}

/// The longest key file in octets; comments have at most 1024.
pub const MAX_KEY_FILE: usize = 2048;

const COMMENT: &str = "untrusted comment: ";
const ED25519: [u8; 2] = *b"Ed";
const SCRYPT: [u8; 2] = *b"Sc";
const UNLOCKED: [u8; 2] = [0; 2];
const BLAKE2B: [u8; 2] = *b"B2";
const PUBLIC_LENGTH: usize = 2 + 8 + 32;
const HEAD_LENGTH: usize = 2 + 2 + 2 + 32 + 8 + 8;
const BODY_LENGTH: usize = 8 + 32 + 32 + 32;

impl KeyId {
    /// The id of a key that was made here: derived, so that public and secret file agree without
    /// knowing each other. Other tools choose ids at random.
    pub fn of(key: &PublicKey) -> KeyId {
        let hash = digest(&SHA256, &[&b"p2p minisign key id\0"[..], key.as_bytes()].concat());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_ref()[..8]);
        KeyId(id)
    }
}

impl fmt::Display for KeyId {
    /// As minisign prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl PublicKeyFile {
    /// The file of a key that was made here.
    pub fn new(key: PublicKey) -> PublicKeyFile {
        PublicKeyFile { id: KeyId::of(&key), key }
    }

    /// Reads a file, or its second line alone.
    ///
    /// # Errors
    /// When it is something else or damaged.
    pub fn parse(text: &str) -> Result<PublicKeyFile, KeyFileError> {
        let line = content_line(text)?;
        let octets = BASE64.decode(line.as_bytes()).map_err(|_| KeyFileError::NotAKeyFile)?;
        let octets: [u8; PUBLIC_LENGTH] =
            octets.try_into().map_err(|_| KeyFileError::NotAKeyFile)?;
        let (kind, rest) = cut::<2>(&octets);
        let (id, rest) = cut::<8>(rest);
        let (key, _) = cut::<32>(rest);
        if kind != ED25519 {
            return Err(KeyFileError::NotAKeyFile);
        }
        Ok(PublicKeyFile { id: KeyId(id), key: PublicKey(key) })
    }

    /// The file.
    pub fn to_text(&self) -> String {
        format!("{COMMENT}minisign public key {}\n{}\n", self.id, self.to_line())
    }

    /// Its second line alone, as `minisign -P` takes it.
    pub fn to_line(&self) -> String {
        BASE64.encode(&[&ED25519[..], &self.id.0, self.key.as_bytes()].concat())
    }
}

impl SecretKeyFile {
    /// The file of a key pair that was made here.
    pub fn new(pair: KeyPair) -> SecretKeyFile {
        SecretKeyFile { id: KeyId::of(&pair.public()), pair }
    }

    /// The public file that belongs to it.
    pub fn public(&self) -> PublicKeyFile {
        PublicKeyFile { id: self.id, key: self.pair.public() }
    }

    /// Reads a file. With a passphrase this takes time and memory on purpose: 32 MiB for files made
    /// here, 1 GiB for those of minisign itself. A passphrase for a file that has none is ignored.
    ///
    /// # Errors
    /// When it is something else, damaged, locked, or asks for more than minisign's own files do.
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<SecretKeyFile, KeyFileError> {
        let line = content_line(text)?;
        let octets = BASE64.decode(line.as_bytes()).map_err(|_| KeyFileError::NotAKeyFile)?;
        let octets = Zeroizing::new(octets);
        if octets.len() != HEAD_LENGTH + BODY_LENGTH {
            return Err(KeyFileError::NotAKeyFile);
        }
        let (kinds, rest) = cut::<6>(&octets);
        let (salt, rest) = cut::<32>(rest);
        let (ops, rest) = cut::<8>(rest);
        let (memory, rest) = cut::<8>(rest);
        let mut body = Body::new(cut::<BODY_LENGTH>(rest).0);
        let cost = Cost { ops: u64::from_le_bytes(ops), memory: u64::from_le_bytes(memory) };
        let locked = if kinds == [ED25519, SCRYPT, BLAKE2B].concat()[..] {
            true
        } else if kinds == [ED25519, UNLOCKED, BLAKE2B].concat()[..] {
            false
        } else {
            return Err(KeyFileError::NotAKeyFile);
        };
        if locked {
            let passphrase = passphrase.ok_or(KeyFileError::NeedsPassphrase)?;
            hide(&mut body, passphrase, &salt, cost)?;
        }
        read_body(&body, locked)
    }

    /// The file, without lock or locked with a passphrase; the latter takes 32 MiB and a moment.
    pub fn to_text(&self, lock: Option<Lock<'_>>) -> Zeroizing<String> {
        let mut body = self.to_body();
        let cost = if lock.is_some() { Cost::INTERACTIVE } else { Cost { ops: 0, memory: 0 } };
        let salt = lock.map_or([0; 32], |lock| lock.salt);
        if let Some(lock) = lock {
            hide(&mut body, lock.passphrase, &salt, cost).expect("our own cost is affordable");
        }
        let kdf = if lock.is_some() { SCRYPT } else { UNLOCKED };
        let mut octets = Zeroizing::new(Vec::with_capacity(HEAD_LENGTH + BODY_LENGTH));
        for part in [ED25519, kdf, BLAKE2B] {
            octets.extend_from_slice(&part);
        }
        octets.extend_from_slice(&salt);
        octets.extend_from_slice(&cost.ops.to_le_bytes());
        octets.extend_from_slice(&cost.memory.to_le_bytes());
        octets.extend_from_slice(&*body);
        let line = Zeroizing::new(BASE64.encode(&octets));
        let comment = format!("{COMMENT}minisign secret key {}\n", self.id);
        // reserved in one piece, so that growing leaves no copy behind
        let mut text = Zeroizing::new(String::with_capacity(comment.len() + line.len() + 1));
        text.push_str(&comment);
        text.push_str(&line);
        text.push('\n');
        text
    }

    fn to_body(&self) -> Body {
        let mut body = Body::new([0; BODY_LENGTH]);
        body[..8].copy_from_slice(&self.id.0);
        body[8..40].copy_from_slice(&*self.pair.seed());
        body[40..72].copy_from_slice(self.pair.public().as_bytes());
        let sum = checksum(&body);
        body[72..].copy_from_slice(&sum);
        body
    }
}

impl fmt::Debug for Lock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock(…)")
    }
}

/// Key id, seed, public key and checksum; zeroed when dropped.
type Body = Zeroizing<[u8; BODY_LENGTH]>;

fn read_body(body: &Body, locked: bool) -> Result<SecretKeyFile, KeyFileError> {
    let sum = &body[72..];
    // `minisign -G -W` (0.11) leaves the checksum out; the public key still has to fit the seed
    let left_out = !locked && sum == [0; 32];
    if !left_out && checksum(body) != *sum {
        return Err(if locked { KeyFileError::WrongPassphrase } else { KeyFileError::Damaged });
    }
    let (id, rest) = cut::<8>(&**body);
    let mut seed = Seed::default();
    seed.copy_from_slice(&rest[..32]);
    if *seed == [0; 32] {
        return Err(KeyFileError::Damaged); // nobody draws it, and it cannot make a pair
    }
    let pair = KeyPair::from_seed(&seed);
    if pair.public().as_bytes() != &rest[32..64] {
        return Err(KeyFileError::Damaged);
    }
    Ok(SecretKeyFile { id: KeyId(id), pair })
}

/// BLAKE2b-256 over algorithm, key id and both keys.
fn checksum(body: &Body) -> [u8; 32] {
    let mut hash = Blake2b::<U32>::new();
    hash.update(ED25519);
    hash.update(&body[..72]);
    hash.finalize().into()
}

/// Hides a body, or shows it again: exclusive or with what scrypt makes of the passphrase.
fn hide(
    body: &mut Body,
    passphrase: &str,
    salt: &[u8; 32],
    cost: Cost,
) -> Result<(), KeyFileError> {
    let mut stream = Body::new([0; BODY_LENGTH]);
    scrypt::scrypt(passphrase.as_bytes(), salt, &cost.to_params()?, &mut *stream)
        .map_err(|_| KeyFileError::Damaged)?;
    body.iter_mut().zip(stream.iter()).for_each(|(octet, mask)| *octet ^= mask);
    stream.zeroize();
    Ok(())
}

/// What a passphrase costs, in libsodium's terms: operations and octets of memory.
#[derive(Clone, Copy)]
struct Cost {
    ops: u64,
    memory: u64,
}

impl Cost {
    /// libsodium's interactive cost doubled: 32 MiB, a third of a second on a laptop, and the most
    /// that a small router has to spare.
    const INTERACTIVE: Cost = Cost { ops: 1 << 20, memory: 32 << 20 };
    /// libsodium's sensitive cost, which minisign chooses. No file may ask for more.
    const SENSITIVE: Cost = Cost { ops: 1 << 25, memory: 1 << 30 };
    /// scrypt's block size; libsodium knows no other.
    const R: u64 = 8;

    /// As libsodium picks them (`crypto_pwhash_scryptsalsa208sha256`).
    fn to_params(self) -> Result<scrypt::Params, KeyFileError> {
        if self.ops > Cost::SENSITIVE.ops || self.memory > Cost::SENSITIVE.memory {
            return Err(KeyFileError::TooExpensive);
        }
        let ops = self.ops.max(32_768);
        // the power of two above half of what is affordable; at most 2^20 by the limits above
        let log = |most: u64| (1..=20).find(|log| 1 << log > most / 2).unwrap_or(20);
        let (log_n, p) = if ops < self.memory / 32 {
            (log(ops / (Cost::R * 4)), 1)
        } else {
            let log_n = log(self.memory / (Cost::R * 128));
            (log_n, ((ops / 4) >> log_n) / Cost::R)
        };
        let p = u32::try_from(p).map_err(|_| KeyFileError::TooExpensive)?;
        scrypt::Params::new(log_n, Cost::R as u32, p, scrypt::Params::RECOMMENDED_LEN)
            .map_err(|_| KeyFileError::Damaged)
    }
}

/// The line that counts: the second after an untrusted comment, or the only one.
fn content_line(text: &str) -> Result<&str, KeyFileError> {
    if text.len() > MAX_KEY_FILE {
        return Err(KeyFileError::NotAKeyFile);
    }
    let mut lines = text.lines().map(str::trim_end);
    let mut line = lines.next().unwrap_or_default();
    if line.starts_with(COMMENT.trim_end()) {
        line = lines.next().unwrap_or_default();
    }
    if lines.any(|line| !line.is_empty()) { Err(KeyFileError::NotAKeyFile) } else { Ok(line) }
}

/// The first `N` octets of a slice known to have them, and the rest.
fn cut<const N: usize>(octets: &[u8]) -> ([u8; N], &[u8]) {
    let (first, rest) = octets.split_first_chunk().expect("the length was checked");
    (*first, rest)
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFileError {
    /// It is something else than the key file that was expected.
    NotAKeyFile,
    /// It is locked and no passphrase was given.
    NeedsPassphrase,
    /// The passphrase does not open it; a damaged locked file looks the same.
    WrongPassphrase,
    /// It does not fit together: an octet has changed since it was written.
    Damaged,
    /// It asks for more than a gibibyte of memory, or for more work than minisign's own files.
    TooExpensive,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyFileError::NotAKeyFile => "this is not a minisign key file",
            KeyFileError::NeedsPassphrase => "the key file needs its passphrase",
            KeyFileError::WrongPassphrase => "the passphrase does not open the key file",
            KeyFileError::Damaged => "the key file is damaged",
            KeyFileError::TooExpensive => {
                "the key file asks for an absurd amount of memory or work"
            }
        })
    }
}

impl std::error::Error for KeyFileError {}

#[cfg(test)]
mod tests;
