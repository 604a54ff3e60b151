//! Probes and their answers, sealed so that only the two hosts can read or make them.
//!
//! A probe is the Noise pattern X (`e, es, s, ss`; noiseprotocol.org, revision 34, section 7.4) on
//! the X25519 forms of both identity keys, with HKDF-SHA256 and ChaCha20-Poly1305:
//!
//! ```text
//! probe    0x20  mac(16)  e(32)  sender key(32) tag(16)  content(16) tag(16)           129 octets
//! answer   0x21  id(8)  nonce(12)  observed address(18) tag(16)                         55 octets
//! ```
//!
//! - `mac` is HMAC-SHA256 under a hash of the receiver's public key, over all that follows: who
//!   scans addresses without knowing whose they are draws nothing, at the price of one hash (the
//!   idea of WireGuard's mac1).
//! - The sender's key is sealed under `es = DH(e, receiver)`: an observer does not learn who asks.
//! - The content is sealed under `es` and `ss = DH(sender, receiver)`: only the owner of the sender's
//!   key could have made it. `ss` is the same for all probes of a pair, so it is kept.
//! - The hash of the protocol's name, the receiver's key and `e` salts each key; the sealed sender
//!   is authenticated with the content.
//! - The answer's key comes from the same two secrets. `e` is fresh in each probe and serves as its
//!   nonce; `id`, its first octets, lets the asker find the key before it computes anything. Making
//!   and opening an answer costs no Diffie–Hellman.
//!
//! What it does not give: a probe can be replayed (the agent remembers the latest and, what counts,
//! sends nothing but small control datagrams to an address that has not answered *its* probe), and
//! who steals the receiver's secret key can read the sender in recorded probes. Both are harmless
//! here: no user data travels in these messages, and QUIC authenticates both ends once more.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ed25519_compact::x25519;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hkdf, hmac,
};

use crate::identity::{KeyPair, PublicKey, SignatureError};

use super::datagram::{ANSWER, PROBE};

const PROTOCOL: &[u8] = b"p2p probe 1 Noise_X_25519_ChaChaPoly_SHA256";
const MAC_DOMAIN: &[u8] = b"p2p probe 1 mac";

const TAG: usize = 16;
const MAC: usize = 16;
const KEY: usize = 32;
/// Room for what later versions want to say; zero now.
const CONTENT: usize = 16;
const ADDRESS: usize = 18;

const EPHEMERAL_AT: usize = 1 + MAC;
const SENDER_AT: usize = EPHEMERAL_AT + KEY;
const CONTENT_AT: usize = SENDER_AT + KEY + TAG;
/// Octets of a probe.
pub(super) const PROBE_LENGTH: usize = CONTENT_AT + CONTENT + TAG;

const ID_AT: usize = 1;
const NONCE_AT: usize = ID_AT + size_of::<ProbeId>();
const OBSERVED_AT: usize = NONCE_AT + NONCE_LEN;
/// Octets of an answer: less than half of a probe, so that nothing is amplified.
pub(super) const ANSWER_LENGTH: usize = OBSERVED_AT + ADDRESS + TAG;

/// The first octets of a probe's ephemeral key: which probe an answer is for.
pub(super) type ProbeId = [u8; 8];

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
        Ok(Own { key, secret: keys.to_x25519()?, mac: mac_key(&key) })
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key
    }
}

/// A peer, with everything that does not change from probe to probe.
pub(super) struct Remote {
    key: PublicKey,
    exchange: x25519::PublicKey,
    /// `ss`
    shared: x25519::DHOutput,
    mac: hmac::Key,
}

impl Remote {
    /// Costs one scalar multiplication.
    ///
    /// # Errors
    /// When the key is not a usable point.
    pub(super) fn new(own: &Own, key: PublicKey) -> Result<Remote, SignatureError> {
        let exchange = key.to_x25519()?;
        let shared = exchange.dh(&own.secret).map_err(|_| SignatureError)?;
        Ok(Remote { key, exchange, shared, mac: mac_key(&key) })
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key
    }
}

fn mac_key(receiver: &PublicKey) -> hmac::Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(MAC_DOMAIN);
    context.update(receiver.as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, context.finish().as_ref())
}

/// A probe on its way out, and what its answer will be opened with.
pub(super) struct Question {
    pub(super) datagram: Vec<u8>,
    pub(super) id: ProbeId,
    pub(super) answer_key: AnswerKey,
}

/// Makes a probe. `ephemeral` must be fresh random octets.
///
/// None when they are not usable as a key, which does not happen by chance.
pub(super) fn seal_probe(own: &Own, to: &Remote, ephemeral: [u8; 32]) -> Option<Question> {
    let ephemeral = x25519::SecretKey::new(ephemeral);
    let e = ephemeral.recover_public_key().ok()?;
    let es = to.exchange.dh(&ephemeral).ok()?;
    let transcript = transcript(&to.key, &e);

    let mut datagram = Vec::with_capacity(PROBE_LENGTH);
    datagram.push(PROBE);
    datagram.extend_from_slice(&[0; MAC]);
    datagram.extend_from_slice(&e[..]);
    append_sealed(&mut datagram, &sender_key(&transcript, &es)?, own.key.as_bytes(), &[])?;
    let (content_key, answer_key) = pair_keys(&transcript, &es, &to.shared)?;
    let sender = datagram[SENDER_AT..].to_vec();
    append_sealed(&mut datagram, &content_key, &[0; CONTENT], &sender)?;
    let mac = hmac::sign(&to.mac, &datagram[EPHEMERAL_AT..]);
    datagram[1..EPHEMERAL_AT].copy_from_slice(&mac.as_ref()[..MAC]);
    let id = datagram[EPHEMERAL_AT..][..size_of::<ProbeId>()].try_into().ok()?;
    Some(Question { datagram, id, answer_key })
}

/// A probe that carries our mac. Reading on costs a scalar multiplication.
pub(super) struct Addressed<'a> {
    datagram: &'a [u8; PROBE_LENGTH],
}

/// A probe whose sender has said who it is, but not proved it.
pub(super) struct Claimed<'a> {
    datagram: &'a [u8; PROBE_LENGTH],
    transcript: hkdf::Salt,
    es: x25519::DHOutput,
    /// The key that the sender claims to own.
    pub(super) sender: PublicKey,
}

/// A probe of which every octet is proved to come from its sender.
pub(super) struct Proved {
    /// Different in each probe, the same in its copies.
    pub(super) id: ProbeId,
    pub(super) answer_key: AnswerKey,
}

impl<'a> Addressed<'a> {
    /// None unless it is a probe for this host, as far as a hash can tell.
    pub(super) fn parse(own: &Own, datagram: &'a [u8]) -> Option<Addressed<'a>> {
        let datagram: &[u8; PROBE_LENGTH] = datagram.try_into().ok()?;
        let mac = hmac::sign(&own.mac, &datagram[EPHEMERAL_AT..]);
        // no secret is compared here: everybody who knows our public key can make this mac
        (mac.as_ref()[..MAC] == datagram[1..EPHEMERAL_AT]).then_some(Addressed { datagram })
    }

    /// Opens the sender's key.
    pub(super) fn claim(self, own: &Own) -> Option<Claimed<'a>> {
        let e = x25519::PublicKey::from_slice(&self.datagram[EPHEMERAL_AT..SENDER_AT]).ok()?;
        let es = e.dh(&own.secret).ok()?;
        let transcript = transcript(&own.key, &e);
        let sealed = &self.datagram[SENDER_AT..CONTENT_AT];
        let sender = open(&sender_key(&transcript, &es)?, [0; NONCE_LEN], sealed, &[])?;
        let sender = PublicKey(sender.try_into().ok()?);
        Some(Claimed { datagram: self.datagram, transcript, es, sender })
    }
}

impl Claimed<'_> {
    /// Opens the rest; `remote` must be the peer of the claimed key.
    pub(super) fn prove(self, remote: &Remote) -> Option<Proved> {
        let (content_key, answer_key) = pair_keys(&self.transcript, &self.es, &remote.shared)?;
        let sender = &self.datagram[SENDER_AT..CONTENT_AT];
        open(&content_key, [0; NONCE_LEN], &self.datagram[CONTENT_AT..], sender)?;
        let id = self.datagram[EPHEMERAL_AT..][..size_of::<ProbeId>()].try_into().ok()?;
        Some(Proved { id, answer_key })
    }
}

/// Seals and opens the answers to one probe.
pub(super) struct AnswerKey(LessSafeKey);

impl AnswerKey {
    /// Says to the asker: your probe came, from `observed`. `nonce` must be fresh random octets,
    /// because copies of one probe may be answered with different addresses.
    pub(super) fn seal(
        &self,
        id: ProbeId,
        nonce: [u8; NONCE_LEN],
        observed: SocketAddr,
    ) -> Option<Vec<u8>> {
        let mut datagram = Vec::with_capacity(ANSWER_LENGTH);
        datagram.push(ANSWER);
        datagram.extend_from_slice(&id);
        datagram.extend_from_slice(&nonce);
        let mut sealed = address_octets(observed).to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce, Aad::from(&id), &mut sealed).ok()?;
        datagram.extend_from_slice(&sealed);
        Some(datagram)
    }

    /// The address in a genuine answer.
    pub(super) fn open(&self, datagram: &[u8]) -> Option<SocketAddr> {
        let datagram: &[u8; ANSWER_LENGTH] = datagram.try_into().ok()?;
        let nonce = datagram[NONCE_AT..OBSERVED_AT].try_into().ok()?;
        let octets = open(&self.0, nonce, &datagram[OBSERVED_AT..], &datagram[ID_AT..NONCE_AT])?;
        Some(address_from(&octets.try_into().ok()?))
    }
}

/// Which probe an answer is for.
pub(super) fn answered_id(datagram: &[u8]) -> Option<ProbeId> {
    datagram.get(ID_AT..NONCE_AT)?.try_into().ok()
}

fn transcript(receiver: &PublicKey, e: &x25519::PublicKey) -> hkdf::Salt {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PROTOCOL);
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

/// IPv6 or IPv4-mapped IPv6, then the port.
fn address_octets(address: SocketAddr) -> [u8; ADDRESS] {
    let ip = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mut octets = [0; ADDRESS];
    octets[..16].copy_from_slice(&ip.octets());
    octets[16..].copy_from_slice(&address.port().to_be_bytes());
    octets
}

fn address_from(octets: &[u8; ADDRESS]) -> SocketAddr {
    let (mut ip, mut port) = ([0; 16], [0; 2]);
    ip.copy_from_slice(&octets[..16]);
    port.copy_from_slice(&octets[16..]);
    SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), u16::from_be_bytes(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    struct Pair {
        alice: Own,
        bob: Own,
        bob_for_alice: Remote,
        alice_for_bob: Remote,
    }

    fn own(seed: u8) -> Own {
        Own::new(&KeyPair::from_seed(&Zeroizing::new([seed; 32]))).unwrap()
    }

    fn pair() -> Pair {
        let (alice, bob) = (own(1), own(2));
        let bob_for_alice = Remote::new(&alice, bob.key()).unwrap();
        let alice_for_bob = Remote::new(&bob, alice.key()).unwrap();
        Pair { alice, bob, bob_for_alice, alice_for_bob }
    }

    #[test]
    fn question_and_answer() {
        let pair = pair();
        let question = seal_probe(&pair.alice, &pair.bob_for_alice, [7; 32]).unwrap();
        assert_eq!(question.datagram.len(), PROBE_LENGTH);
        let claimed =
            Addressed::parse(&pair.bob, &question.datagram).unwrap().claim(&pair.bob).unwrap();
        assert_eq!(claimed.sender, pair.alice.key());
        let proved = claimed.prove(&pair.alice_for_bob).unwrap();
        assert_eq!(proved.id, question.id);
        for text in ["192.0.2.7:4000", "[2001:db8::7]:4000"] {
            let observed = text.parse().unwrap();
            let answer = proved.answer_key.seal(proved.id, [9; 12], observed).unwrap();
            assert_eq!(answer.len(), ANSWER_LENGTH);
            assert_eq!(answered_id(&answer), Some(question.id));
            assert_eq!(question.answer_key.open(&answer), Some(observed));
        }
    }

    #[test]
    fn every_changed_octet_is_noticed() {
        let pair = pair();
        let question = seal_probe(&pair.alice, &pair.bob_for_alice, [7; 32]).unwrap();
        for at in 1..PROBE_LENGTH {
            let mut changed = question.datagram.clone();
            changed[at] ^= 0x10;
            assert!(Addressed::parse(&pair.bob, &changed).is_none(), "octet {at}");
            // an attacker who knows bob's public key can repair the mac, and no more
            let mac = hmac::sign(&pair.bob.mac, &changed[EPHEMERAL_AT..]);
            changed[1..EPHEMERAL_AT].copy_from_slice(&mac.as_ref()[..MAC]);
            if at >= EPHEMERAL_AT {
                let opened = Addressed::parse(&pair.bob, &changed)
                    .and_then(|probe| probe.claim(&pair.bob))
                    .and_then(|claimed| claimed.prove(&pair.alice_for_bob));
                assert!(opened.is_none(), "octet {at}");
            }
        }
        let observed = "192.0.2.7:4000".parse().unwrap();
        let answer = question.answer_key.seal(question.id, [9; 12], observed).unwrap();
        for at in 1..ANSWER_LENGTH {
            let mut changed = answer.clone();
            changed[at] ^= 0x10;
            assert_eq!(question.answer_key.open(&changed), None, "octet {at}");
        }
    }

    #[test]
    fn nobody_else_can_open_or_pretend() {
        let (pair, mallory) = (pair(), own(3));
        let question = seal_probe(&pair.alice, &pair.bob_for_alice, [7; 32]).unwrap();
        assert!(Addressed::parse(&mallory, &question.datagram).is_none());

        // mallory claims to be alice: the sender opens, the content does not
        let pretender = Own { key: pair.alice.key(), secret: mallory.secret, mac: mallory.mac };
        let bob_for_mallory = Remote::new(&pretender, pair.bob.key()).unwrap();
        let forged = seal_probe(&pretender, &bob_for_mallory, [8; 32]).unwrap();
        let claimed =
            Addressed::parse(&pair.bob, &forged.datagram).unwrap().claim(&pair.bob).unwrap();
        assert_eq!(claimed.sender, pair.alice.key());
        assert!(claimed.prove(&pair.alice_for_bob).is_none());
    }

    #[test]
    fn the_sender_does_not_show() {
        let pair = pair();
        let question = seal_probe(&pair.alice, &pair.bob_for_alice, [7; 32]).unwrap();
        let alice = pair.alice.key();
        assert!(!question.datagram.windows(8).any(|part| part == &alice.as_bytes()[..8]));
    }
}
