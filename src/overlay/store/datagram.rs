//! The datagrams of `p2pstore/1`: a short question and its answer, in one round trip and without a connection.
//! A packet is put under its key and its name at once.
//!
//! ```text
//! ASK     magic "p2pd" ‖ 1 ‖ id (8) ‖ slot (20) ‖ zeros up to 128 octets, or 308
//! FOUND   magic "p2pd" ‖ 2 ‖ id (8) ‖ 1 if more lies there than fits ‖ packets, each behind its length
//! LEAVE   magic "p2pd" ‖ 3 ‖ id (8) ‖ slot (20) ‖ secret (32) ‖ call
//! LEFT    magic "p2pd" ‖ 4 ‖ id (8) ‖ 1 if there was room
//! PUT     magic "p2pd" ‖ 5 ‖ id (8) ‖ token (8) [‖ seconds to live (4) ‖ secrets of the key's and the name's place (64) ‖ packet]
//! TOKEN   magic "p2pd" ‖ 6 ‖ id (8) ‖ token (8)
//! DONE    magic "p2pd" ‖ 7 ‖ id (8) ‖ 0 if it lies there, 1 if there is a newer one, 2 if there is no room, 3 if it is wrong
//! ```
//!
//! A token shows that its owner hears what is sent to his address, so that nobody fills the store in the name of
//! others. Who has none puts nothing first, and is told one; so is whoever shows an old one.
//!
//! Who learns that more lies there than a third of the short question lets through asks once more with the long one.
//!
//! They only repeat what HTTP offers at the same address and port, and whoever gets no answer asks there. An
//! answer is never longer than three times its question, so that a store is no weapon against whoever is named
//! as the sender; the id keeps answers out that nobody asked for.

use super::framing;
use crate::identity::Slot;
use crate::registration::Call;

/// What tells an answer from a forged one.
pub(super) type Id = [u8; 8];
/// What proves that a place is ours.
pub(super) type Secret = [u8; 32];
/// What proves that somebody is at his address.
pub(super) type Token = [u8; 8];

const MAGIC: &[u8; 4] = b"p2pd";
const ASK: u8 = 1;
const FOUND: u8 = 2;
const LEAVE: u8 = 3;
const LEFT: u8 = 4;
const PUT: u8 = 5;
const TOKEN: u8 = 6;
const DONE: u8 = 7;

/// Octets of a question: the answer to the first can hold a usual packet, and to the second the longest.
const ASK_LENGTHS: [usize; 2] = [128, 308];
/// Answers are not longer than this times their question (RFC 9000, section 8.1).
const AMPLIFICATION: usize = 3;
/// The longest datagram that every path carries (RFC 9000, section 14).
pub(super) const MAX_LENGTH: usize = 1200;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// What lies in a slot, of which `much` may be told.
    Ask { id: Id, slot: Slot, much: bool },
    /// A call is to lie there.
    Leave { id: Id, slot: Slot, secret: Secret, call: Call },
    /// A packet is to lie there; or nothing, to get a token.
    Put { id: Id, token: Token, put: Option<Put> },
}

/// A packet for the places of its key and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) seconds: u32,
    /// That of the key's place, and of the name's where there is one.
    pub(super) secrets: [Secret; 2],
    pub(super) packet: Vec<u8>,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Taken,
    Outdated,
    Full,
    Refused,
}

/// What the store says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The packets of a slot; None if there are more than a datagram holds.
    Found(Option<Vec<Vec<u8>>>),
    /// Whether a call was taken.
    Left(bool),
    /// What to put with.
    Token(Token),
    /// What became of a put.
    Done(Done),
}

impl Question {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Question::Ask { id, slot, much } => {
                let mut datagram = [&head(ASK, id)[..], &slot.0].concat();
                datagram.resize(ASK_LENGTHS[usize::from(*much)], 0);
                datagram
            }
            Question::Leave { id, slot, secret, call } => {
                [&head(LEAVE, id)[..], &slot.0, secret, call.as_bytes()].concat()
            }
            Question::Put { id, token, put } => {
                let mut datagram = [&head(PUT, id)[..], token].concat();
                if let Some(Put { seconds, secrets: [of_key, of_name], packet }) = put {
                    datagram.extend_from_slice(&seconds.to_be_bytes());
                    datagram.extend_from_slice(&[&of_key[..], of_name, packet].concat());
                }
                datagram
            }
        }
    }

    pub(super) fn decode(datagram: &[u8]) -> Option<Question> {
        let (kind, id, rest) = take_head(datagram)?;
        match kind {
            ASK => {
                let slot = Slot(*rest.first_chunk()?);
                Some(Question::Ask { id, slot, much: datagram.len() >= ASK_LENGTHS[1] })
            }
            LEAVE => {
                let (slot, rest) = rest.split_first_chunk()?;
                let (secret, call) = rest.split_first_chunk()?;
                let (slot, call) = (Slot(*slot), Call::decode(call)?);
                Some(Question::Leave { id, slot, secret: *secret, call })
            }
            PUT => {
                let (token, rest) = rest.split_first_chunk()?;
                let put = if rest.is_empty() { None } else { Some(Put::decode(rest)?) };
                Some(Question::Put { id, token: *token, put })
            }
            _ => None,
        }
    }
}

impl Put {
    fn decode(octets: &[u8]) -> Option<Put> {
        let (seconds, rest) = octets.split_first_chunk()?;
        let (of_key, rest) = rest.split_first_chunk()?;
        let (of_name, packet) = rest.split_first_chunk()?;
        let (seconds, secrets) = (u32::from_be_bytes(*seconds), [*of_key, *of_name]);
        Some(Put { seconds, secrets, packet: packet.to_vec() })
    }
}

/// The answer to a question of `asked` octets about a slot with these packets.
pub(super) fn found<'a>(
    id: &Id,
    asked: usize,
    packets: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let body = framing::encode(packets);
    let room = (asked * AMPLIFICATION).min(MAX_LENGTH);
    let whole = head(FOUND, id).len() + 1 + body.len() <= room;
    let body = if whole { &body[..] } else { &[] };
    [&head(FOUND, id)[..], &[u8::from(!whole)], body].concat()
}

/// The answer to a call.
pub(super) fn left(id: &Id, taken: bool) -> Vec<u8> {
    [&head(LEFT, id)[..], &[u8::from(taken)]].concat()
}

/// The answer to who needs a token.
pub(super) fn token(id: &Id, token: &Token) -> Vec<u8> {
    [&head(TOKEN, id)[..], token].concat()
}

/// The answer to a put.
pub(super) fn done(id: &Id, done: Done) -> Vec<u8> {
    [&head(DONE, id)[..], &[done as u8]].concat()
}

impl Answer {
    /// The answer to the question with this id.
    pub(super) fn decode(id: &Id, datagram: &[u8]) -> Option<Answer> {
        let (kind, answered, rest) = take_head(datagram)?;
        let (flag, body) = rest.split_first()?;
        match kind {
            _ if answered != *id => None,
            FOUND if *flag == 0 => Some(Answer::Found(Some(framing::decode(body)?))),
            FOUND => Some(Answer::Found(None)),
            LEFT => Some(Answer::Left(*flag == 1)),
            TOKEN => Some(Answer::Token(rest.try_into().ok()?)),
            DONE => {
                let all = [Done::Taken, Done::Outdated, Done::Full, Done::Refused];
                all.get(usize::from(*flag)).copied().map(Answer::Done)
            }
            _ => None,
        }
    }
}

fn head(kind: u8, id: &Id) -> [u8; 13] {
    let mut head = [kind; 13];
    head[..4].copy_from_slice(MAGIC);
    head[5..].copy_from_slice(id);
    head
}

fn take_head(datagram: &[u8]) -> Option<(u8, Id, &[u8])> {
    let (magic, rest) = datagram.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    (magic == MAGIC).then_some((*kind, *id, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registration::Packet;

    const ID: Id = *b"one of 8";

    fn slot() -> Slot {
        Slot([7; 20])
    }

    fn ask(much: bool) -> Question {
        Question::Ask { id: ID, slot: slot(), much }
    }

    #[test]
    fn questions_come_back() {
        let call = Call::new(&[5; 300]).unwrap();
        let leave = Question::Leave { id: ID, slot: slot(), secret: [9; 32], call };
        let full = Put { seconds: 7, secrets: [[1; 32], [2; 32]], packet: vec![3; 300] };
        let put = |put| Question::Put { id: ID, token: [8; 8], put };
        for question in [ask(false), ask(true), leave, put(None), put(Some(full))] {
            assert_eq!(Question::decode(&question.encode()), Some(question));
        }
    }

    #[test]
    fn the_longest_packet_fits_and_no_answer_is_longer_than_three_questions() {
        let asked = ask(true).encode().len();
        let longest = vec![3; Packet::MAX_LENGTH];
        let answer = found(&ID, asked, [&longest[..]]);
        assert!(answer.len() <= AMPLIFICATION * asked);
        assert_eq!(Answer::decode(&ID, &answer), Some(Answer::Found(Some(vec![longest.clone()]))));

        let answer = found(&ID, asked, [&longest[..], &longest]);
        assert_eq!(Answer::decode(&ID, &answer), Some(Answer::Found(None)));
        for asked in 33..asked {
            let answer = found(&ID, asked, [&longest[..]]);
            assert!(answer.len() <= AMPLIFICATION * asked, "{asked}");
        }
    }

    #[test]
    fn nothing_and_refusals_are_told() {
        let nothing = found(&ID, 128, []);
        assert_eq!(Answer::decode(&ID, &nothing), Some(Answer::Found(Some(vec![]))));
        for taken in [true, false] {
            assert_eq!(Answer::decode(&ID, &left(&ID, taken)), Some(Answer::Left(taken)));
        }
        for became in [Done::Taken, Done::Outdated, Done::Full, Done::Refused] {
            assert_eq!(Answer::decode(&ID, &done(&ID, became)), Some(Answer::Done(became)));
        }
        assert_eq!(Answer::decode(&ID, &[&head(DONE, &ID)[..], &[4]].concat()), None);
        assert_eq!(Answer::decode(&ID, &token(&ID, &[7; 8])), Some(Answer::Token([7; 8])));
        let asked = Question::Put { id: ID, token: [0; 8], put: None }.encode().len();
        assert_eq!(token(&ID, &[7; 8]).len(), asked, "a store tells its tokens to anybody");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let answer = found(&ID, 128, []);
        assert_eq!(Answer::decode(b"another1", &answer), None);
        assert_eq!(Answer::decode(&ID, &ask(true).encode()), None);
        for end in 0..answer.len() {
            assert_eq!(Answer::decode(&ID, &answer[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..400), kind in 0u8..9) {
            let datagram = [&head(kind, &ID)[..], &octets].concat();
            let _ = (Question::decode(&datagram), Answer::decode(&ID, &datagram));
            let _ = (Question::decode(&octets), Answer::decode(&ID, &octets));
        }
    }
}
