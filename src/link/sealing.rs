//! What the path agent needs of [`super::seal`], as a trait: a simulation of thousands of hosts takes
//! something that costs no scalar multiplications.

use crate::identity::PublicKey;

use super::seal::{self, Addressed, AnswerKey, Claimed, MessageId, Own, Remote};

/// Seals messages in the name of this host, and opens those for it.
pub(super) trait Sealing {
    /// A peer, ready for sealing.
    type Remote;
    /// A message whose sender has said who it is.
    type Claimed<'a>;
    /// Seals and opens the answers to one message.
    type AnswerKey;

    /// Who this host is.
    fn key(&self) -> PublicKey;

    /// Makes ready for a peer; None if the key is not usable.
    fn remote(&self, key: PublicKey) -> Option<Self::Remote>;

    /// Who a peer is.
    fn remote_key(remote: &Self::Remote) -> PublicKey;

    /// Seals a message of a kind, with fresh random octets.
    fn seal(
        &self,
        to: &Self::Remote,
        kind: u8,
        content: &[u8],
        ephemeral: [u8; 32],
    ) -> Option<Sealed<Self::AnswerKey>>;

    /// Whether a message is for this host, as far as a cheap look can tell.
    fn is_addressed(&self, datagram: &[u8]) -> bool;

    /// Whether a peer has made a message for this host, as far as a cheap look can tell.
    fn made(remote: &Self::Remote, datagram: &[u8]) -> bool;

    /// Who claims to have sent a message.
    fn claim<'a>(&self, datagram: &'a [u8]) -> Option<(PublicKey, Self::Claimed<'a>)>;

    /// Opens the rest of a message; `remote` must be the peer of the claimed key.
    fn prove(claimed: Self::Claimed<'_>, remote: &Self::Remote) -> Option<Proved<Self::AnswerKey>>;

    /// Seals an answer with a fresh random nonce.
    fn seal_answer(
        key: &Self::AnswerKey,
        kind: u8,
        id: MessageId,
        nonce: [u8; 12],
        content: &[u8],
    ) -> Option<Vec<u8>>;

    /// The content of a genuine answer.
    fn open_answer(key: &Self::AnswerKey, datagram: &[u8]) -> Option<Vec<u8>>;
}

/// A message on its way out.
pub(super) struct Sealed<K> {
    pub(super) datagram: Vec<u8>,
    pub(super) id: MessageId,
    pub(super) answer_key: K,
}

/// A message that is proved to come from its sender.
pub(super) struct Proved<K> {
    pub(super) id: MessageId,
    pub(super) content: Vec<u8>,
    pub(super) answer_key: K,
}

impl Sealing for Own {
    type Remote = Remote;
    type Claimed<'a> = Claimed<'a>;
    type AnswerKey = AnswerKey;

    fn key(&self) -> PublicKey {
        Own::key(self)
    }

    fn remote(&self, key: PublicKey) -> Option<Remote> {
        Remote::new(self, key).ok()
    }

    fn remote_key(remote: &Remote) -> PublicKey {
        remote.key()
    }

    fn seal(
        &self,
        to: &Remote,
        kind: u8,
        content: &[u8],
        ephemeral: [u8; 32],
    ) -> Option<Sealed<AnswerKey>> {
        let seal::Sealed { datagram, id, answer_key } =
            seal::seal(self, to, kind, content, ephemeral)?;
        Some(Sealed { datagram, id, answer_key })
    }

    fn is_addressed(&self, datagram: &[u8]) -> bool {
        Addressed::parse(self, datagram).is_some()
    }

    fn made(remote: &Remote, datagram: &[u8]) -> bool {
        remote.made(datagram)
    }

    fn claim<'a>(&self, datagram: &'a [u8]) -> Option<(PublicKey, Claimed<'a>)> {
        let claimed = Addressed::parse(self, datagram)?.claim(self)?;
        Some((claimed.sender, claimed))
    }

    fn prove(claimed: Claimed<'_>, remote: &Remote) -> Option<Proved<AnswerKey>> {
        let seal::Proved { id, content, answer_key } = claimed.prove(remote)?;
        Some(Proved { id, content, answer_key })
    }

    fn seal_answer(
        key: &AnswerKey,
        kind: u8,
        id: MessageId,
        nonce: [u8; 12],
        content: &[u8],
    ) -> Option<Vec<u8>> {
        key.seal(kind, id, nonce, content)
    }

    fn open_answer(key: &AnswerKey, datagram: &[u8]) -> Option<Vec<u8>> {
        key.open(datagram)
    }
}
