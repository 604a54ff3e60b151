//! Sealing without cryptography, for simulations: the same sizes and the same course of things, but
//! nothing is hidden and anything can be forged.

use crate::identity::PublicKey;
use crate::link::seal::{ANSWER_OVERHEAD, MESSAGE_OVERHEAD, MessageId};
use crate::link::sealing::{Proved, Sealed, Sealing};

const TAG: usize = 16;
const RECEIVER_AT: usize = 1;
const ID_AT: usize = 17;
const SENDER_AT: usize = ID_AT + 32;
const CONTENT_AT: usize = SENDER_AT + 32 + TAG;

/// A host that trusts everybody.
pub(in crate::link) struct Plain(pub(in crate::link) PublicKey);

impl Sealing for Plain {
    type Remote = PublicKey;
    type Claimed<'a> = &'a [u8];
    type AnswerKey = MessageId;

    fn key(&self) -> PublicKey {
        self.0
    }

    fn remote(&self, key: PublicKey) -> Option<PublicKey> {
        Some(key)
    }

    fn remote_key(remote: &PublicKey) -> PublicKey {
        *remote
    }

    fn seal(
        &self,
        to: &PublicKey,
        kind: u8,
        content: &[u8],
        ephemeral: [u8; 32],
    ) -> Option<Sealed<MessageId>> {
        let mut datagram = vec![kind];
        datagram.extend_from_slice(&to.as_bytes()[..16]);
        datagram.extend_from_slice(&ephemeral);
        datagram.extend_from_slice(self.0.as_bytes());
        datagram.extend_from_slice(&[0; TAG]);
        datagram.extend_from_slice(content);
        datagram.extend_from_slice(&[0; TAG]);
        let id = *ephemeral.first_chunk()?;
        Some(Sealed { datagram, id, answer_key: id })
    }

    fn is_addressed(&self, datagram: &[u8]) -> bool {
        datagram.len() >= MESSAGE_OVERHEAD
            && datagram[RECEIVER_AT..ID_AT] == self.0.as_bytes()[..16]
    }

    fn made(remote: &PublicKey, datagram: &[u8]) -> bool {
        datagram.get(SENDER_AT..SENDER_AT + 32) == Some(remote.as_bytes())
    }

    fn claim<'a>(&self, datagram: &'a [u8]) -> Option<(PublicKey, &'a [u8])> {
        let sender = datagram.get(SENDER_AT..SENDER_AT + 32)?;
        Some((PublicKey(sender.try_into().ok()?), datagram))
    }

    fn prove(claimed: &[u8], _remote: &PublicKey) -> Option<Proved<MessageId>> {
        let id = *claimed[ID_AT..].first_chunk()?;
        let content = claimed[CONTENT_AT..claimed.len() - TAG].to_vec();
        Some(Proved { id, content, answer_key: id })
    }

    fn seal_answer(
        _key: &MessageId,
        kind: u8,
        id: MessageId,
        nonce: [u8; 12],
        content: &[u8],
    ) -> Option<Vec<u8>> {
        let mut datagram = vec![kind];
        datagram.extend_from_slice(&id);
        datagram.extend_from_slice(&nonce);
        datagram.extend_from_slice(content);
        datagram.extend_from_slice(&[0; TAG]);
        Some(datagram)
    }

    fn open_answer(_key: &MessageId, datagram: &[u8]) -> Option<Vec<u8>> {
        let length = datagram.len().checked_sub(ANSWER_OVERHEAD)?;
        Some(datagram[21..][..length].to_vec())
    }
}
