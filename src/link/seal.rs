//! Control datagrams sealed so that only the two hosts can read or make them: messages that prove
//! their sender's key without any exchange before, and answers to them.
//!
//! A message is the Noise pattern X (`e, es, s, ss`; noiseprotocol.org, revision 34, section 7.4) on
//! the X25519 forms of both identity keys, with HKDF-SHA256 and ChaCha20-Poly1305:
//!
//! ```text
//! message  kind(1)  mac(8) pair mac(8)  e(32)  sender key(32) tag(16)  content(n) tag(16)   113 + n octets
//! answer   kind(1)  id(8)  nonce(12)  content(n) tag(16)                                     37 + n octets
//! ```
//!
//! - `kind` is the first octet of the datagram (see [`super::datagram`]) and what the message is for.
//!   It is part of what is hashed into the keys, so that no message can be taken for one of another
//!   kind. What the content means is the business of whoever seals it.
//!
//! - `mac` is HMAC-SHA256 under a hash of the receiver's public key, over all that follows from `e` on: who
//!   scans addresses without knowing whose they are draws nothing, at the price of one hash (the
//!   idea of WireGuard's mac1).
//! - `pair mac` is the same under a hash of `ss`, over all the rest: nobody but the two could have made it. A
//!   receiver who already knows who should be speaking sees for another hash whether it is so, before any
//!   multiplication, and hears its peers through a flood of others.
//! - The sender's key is sealed under `es = DH(e, receiver)`: an observer does not learn who asks.
//! - The content is sealed under `es` and `ss = DH(sender, receiver)`: only the owner of the sender's
//!   key could have made it. `ss` is the same for all messages of a pair, so it is kept.
//! - The hash of the protocol's name, the kind, the receiver's key and `e` salts each key; the sealed sender
//!   is authenticated with the content.
//! - The answer's key comes from the same two secrets. `e` is fresh in each message and serves as its
//!   nonce; `id`, its first octets, lets the asker find the key before it computes anything. Making
//!   and opening an answer costs no Diffie–Hellman.
//!
//! What it does not give: a message can be replayed (whoever opens it has to remember, or not to
//! care), and who steals the receiver's secret key can read recorded messages. No user data travels
//! in them, and QUIC authenticates both ends once more.

use ed25519_compact::x25519;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hkdf, hmac,
};

use crate::identity::{KeyPair, PublicKey, SignatureError};

const PROTOCOL: &[u8] = b"p2p link 1 Noise_X_25519_ChaChaPoly_SHA256";
const MAC_DOMAIN: &[u8] = b"p2p link 1 mac";
const PAIR_MAC_DOMAIN: &[u8] = b"p2p link 1 pair mac";

const TAG: usize = 16;
const MAC: usize = 8;
const KEY: usize = 32;

const PAIR_MAC_AT: usize = 1 + MAC;
const EPHEMERAL_AT: usize = PAIR_MAC_AT + MAC;
const SENDER_AT: usize = EPHEMERAL_AT + KEY;
const CONTENT_AT: usize = SENDER_AT + KEY + TAG;
/// Octets of a message without its content.
pub(super) const MESSAGE_OVERHEAD: usize = CONTENT_AT + TAG;

const ID_AT: usize = 1;
const NONCE_AT: usize = ID_AT + size_of::<MessageId>();
const SAID_AT: usize = NONCE_AT + NONCE_LEN;
/// Octets of an answer without its content.
pub(super) const ANSWER_OVERHEAD: usize = SAID_AT + TAG;

/// The first octets of a message's ephemeral key: which message an answer is for.
pub(super) type MessageId = [u8; 8];

/// This host, ready for sealing.
pub(super) struct Own {
    key: PublicKey,
    secret: x25519::SecretKey,
    mac: hmac::Key,
}

impl Own {
    /// # Errors
    /// Never for a pair made from a seed.
    pub(super) fn new(keys: &KeyPair) -> Result<Own, SignatureError> {
        let key = keys.public();
        Ok(Own { key, secret: keys.to_x25519()?, mac: mac_key(MAC_DOMAIN, key.as_bytes()) })
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key
    }
}

/// A peer, with everything that does not change from message to message.
pub(super) struct Remote {
    key: PublicKey,
    exchange: x25519::PublicKey,
    /// `ss`
    shared: x25519::DHOutput,
    mac: hmac::Key,
    pair_mac: hmac::Key,
}

impl Remote {
    /// Costs one scalar multiplication.
    ///
    /// # Errors
    /// When the key is not a usable point.
    pub(super) fn new(own: &Own, key: PublicKey) -> Result<Remote, SignatureError> {
        let exchange = key.to_x25519()?;
        let shared = exchange.dh(&own.secret).map_err(|_| SignatureError)?;
        let mac = mac_key(MAC_DOMAIN, key.as_bytes());
        let pair_mac = mac_key(PAIR_MAC_DOMAIN, &shared[..]);
        Ok(Remote { key, exchange, shared, mac, pair_mac })
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key
    }

    /// Whether this peer has made a message for this host, or a copy of one, as far as a hash can tell.
    pub(super) fn made(&self, datagram: &[u8]) -> bool {
        if datagram.len() < MESSAGE_OVERHEAD {
            return false;
        }
        let mac = pair_mac(&self.pair_mac, datagram);
        let shown = &datagram[PAIR_MAC_AT..EPHEMERAL_AT];
        mac.iter().zip(shown).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

fn mac_key(domain: &[u8], content: &[u8]) -> hmac::Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(domain);
    context.update(content);
    hmac::Key::new(hmac::HMAC_SHA256, context.finish().as_ref())
}

fn mac(key: &hmac::Key, datagram: &[u8]) -> [u8; MAC] {
    truncated(hmac::sign(key, &datagram[EPHEMERAL_AT..]))
}

/// Covers the mac, which is different for each receiver: a message that is reflected has a wrong one.
fn pair_mac(key: &hmac::Key, datagram: &[u8]) -> [u8; MAC] {
    let mut context = hmac::Context::with_key(key);
    context.update(&datagram[..PAIR_MAC_AT]);
    context.update(&datagram[EPHEMERAL_AT..]);
    truncated(context.sign())
}

fn truncated(tag: hmac::Tag) -> [u8; MAC] {
    let mut mac = [0; MAC];
    mac.copy_from_slice(&tag.as_ref()[..MAC]);
    mac
}

/// A message on its way out, and what its answer will be opened with.
pub(super) struct Sealed {
    pub(super) datagram: Vec<u8>,
    pub(super) id: MessageId,
    pub(super) answer_key: AnswerKey,
}

/// Seals a message of a kind, which becomes the first octet. `ephemeral` must be fresh random octets.
///
/// None when they are not usable as a key, which does not happen by chance.
pub(super) fn seal(
    own: &Own,
    to: &Remote,
    kind: u8,
    content: &[u8],
    ephemeral: [u8; 32],
) -> Option<Sealed> {
    let ephemeral = x25519::SecretKey::new(ephemeral);
    let e = ephemeral.recover_public_key().ok()?;
    let es = to.exchange.dh(&ephemeral).ok()?;
    let transcript = transcript(kind, &to.key, &e);

    let mut datagram = Vec::with_capacity(MESSAGE_OVERHEAD + content.len());
    datagram.push(kind);
    datagram.extend_from_slice(&[0; 2 * MAC]);
    datagram.extend_from_slice(&e[..]);
    append_sealed(&mut datagram, &sender_key(&transcript, &es)?, own.key.as_bytes(), &[])?;
    let (content_key, answer_key) = pair_keys(&transcript, &es, &to.shared)?;
    let sender = datagram[SENDER_AT..].to_vec();
    append_sealed(&mut datagram, &content_key, content, &sender)?;
    let mac = mac(&to.mac, &datagram);
    datagram[1..PAIR_MAC_AT].copy_from_slice(&mac);
    let pair_mac = pair_mac(&to.pair_mac, &datagram);
    datagram[PAIR_MAC_AT..EPHEMERAL_AT].copy_from_slice(&pair_mac);
    let id = message_id(&datagram)?;
    Some(Sealed { datagram, id, answer_key })
}

/// A message that carries our mac. Reading on costs a scalar multiplication.
pub(super) struct Addressed<'a> {
    datagram: &'a [u8],
}

/// A message whose sender has said who it is, but not proved it.
pub(super) struct Claimed<'a> {
    datagram: &'a [u8],
    transcript: hkdf::Salt,
    es: x25519::DHOutput,
    /// The key that the sender claims to own.
    pub(super) sender: PublicKey,
}

/// A message of which every octet is proved to come from its sender.
pub(super) struct Proved {
    /// Different in each message, the same in its copies.
    pub(super) id: MessageId,
    pub(super) content: Vec<u8>,
    pub(super) answer_key: AnswerKey,
}

impl<'a> Addressed<'a> {
    /// None unless it is a message for this host, as far as a hash can tell.
    pub(super) fn parse(own: &Own, datagram: &'a [u8]) -> Option<Addressed<'a>> {
        if datagram.len() < MESSAGE_OVERHEAD {
            return None;
        }
        // no secret is compared here: everybody who knows our public key can make this mac
        (mac(&own.mac, datagram) == datagram[1..PAIR_MAC_AT]).then_some(Addressed { datagram })
    }

    /// Opens the sender's key.
    pub(super) fn claim(self, own: &Own) -> Option<Claimed<'a>> {
        let e = x25519::PublicKey::from_slice(&self.datagram[EPHEMERAL_AT..SENDER_AT]).ok()?;
        let es = e.dh(&own.secret).ok()?;
        let transcript = transcript(self.datagram[0], &own.key, &e);
        let sealed = &self.datagram[SENDER_AT..CONTENT_AT];
        let sender = open(&sender_key(&transcript, &es)?, [0; NONCE_LEN], sealed, &[])?;
        let sender = PublicKey(sender.try_into().ok()?);
        Some(Claimed { datagram: self.datagram, transcript, es, sender })
    }
}

impl Claimed<'_> {
    /// Opens the rest; `remote` must be the peer of the claimed key.
    pub(super) fn prove(self, remote: &Remote) -> Option<Proved> {
        if !remote.made(self.datagram) {
            return None;
        }
        let (content_key, answer_key) = pair_keys(&self.transcript, &self.es, &remote.shared)?;
        let sender = &self.datagram[SENDER_AT..CONTENT_AT];
        let sealed = &self.datagram[CONTENT_AT..];
        let content = open(&content_key, [0; NONCE_LEN], sealed, sender)?;
        let id = message_id(self.datagram)?;
        Some(Proved { id, content, answer_key })
    }
}

/// Seals and opens the answers to one message.
pub(super) struct AnswerKey(LessSafeKey);

impl AnswerKey {
    /// An answer of a kind, which becomes the first octet. `nonce` must be fresh random octets,
    /// because copies of one message may be answered differently.
    pub(super) fn seal(
        &self,
        kind: u8,
        id: MessageId,
        nonce: [u8; NONCE_LEN],
        content: &[u8],
    ) -> Option<Vec<u8>> {
        let mut datagram = Vec::with_capacity(ANSWER_OVERHEAD + content.len());
        datagram.push(kind);
        datagram.extend_from_slice(&id);
        let associated = datagram.clone();
        datagram.extend_from_slice(&nonce);
        let mut sealed = content.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed).ok()?;
        datagram.extend_from_slice(&sealed);
        Some(datagram)
    }

    /// The content of a genuine answer.
    pub(super) fn open(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let (associated, rest) = datagram.split_at_checked(NONCE_AT)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        open(&self.0, nonce.try_into().ok()?, sealed, associated)
    }
}

/// Which message this is, or pretends to be.
pub(super) fn message_id(datagram: &[u8]) -> Option<MessageId> {
    datagram.get(EPHEMERAL_AT..)?.first_chunk().copied()
}

/// Which message an answer is for.
pub(super) fn answered_id(datagram: &[u8]) -> Option<MessageId> {
    datagram.get(ID_AT..NONCE_AT)?.try_into().ok()
}

fn transcript(kind: u8, receiver: &PublicKey, e: &x25519::PublicKey) -> hkdf::Salt {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PROTOCOL);
    context.update(&[kind]);
    context.update(receiver.as_bytes());
    context.update(&e[..]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, context.finish().as_ref())
}

fn sender_key(transcript: &hkdf::Salt, es: &x25519::DHOutput) -> Option<LessSafeKey> {
    derive(&transcript.extract(&es[..]), b"sender")
}

fn pair_keys(
    transcript: &hkdf::Salt,
    es: &x25519::DHOutput,
    ss: &x25519::DHOutput,
) -> Option<(LessSafeKey, AnswerKey)> {
    let mut secrets = zeroize::Zeroizing::new([0; 64]);
    secrets[..32].copy_from_slice(&es[..]);
    secrets[32..].copy_from_slice(&ss[..]);
    let both = transcript.extract(&secrets[..]);
    Some((derive(&both, b"content")?, AnswerKey(derive(&both, b"answer")?)))
}

fn derive(secret: &hkdf::Prk, purpose: &'static [u8]) -> Option<LessSafeKey> {
    let purpose = [purpose];
    let output = secret.expand(&purpose, &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(output)))
}

/// The key seals one message only, so its nonce is zero.
fn append_sealed(
    datagram: &mut Vec<u8>,
    key: &LessSafeKey,
    plain: &[u8],
    associated: &[u8],
) -> Option<()> {
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    key.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed).ok()?;
    datagram.extend_from_slice(&sealed);
    Some(())
}

fn open(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    sealed: &[u8],
    associated: &[u8],
) -> Option<Vec<u8>> {
    let mut buffer = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key.open_in_place(nonce, Aad::from(associated), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
pub(super) mod plain;
#[cfg(test)]
mod tests;
