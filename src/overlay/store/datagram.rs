//! The datagrams of `p2pstore/1`: a short question and its answer, in one round trip and without a connection.
//! A packet is put under its key and its name at once.
//!
//! ```text
//! ASK     magic "p2pd" ‖ 1 ‖ id (8) ‖ slot (20) ‖ zeros up to 128 octets
//! FOUND   magic "p2pd" ‖ 2 ‖ id (8) ‖ flags ‖ [token (8)] ‖ packets, each behind its length
//!         flags: 1 if more lies there than fits, 2 if there is a token
//! LEAVE   magic "p2pd" ‖ 3 ‖ id (8) ‖ slot (20) ‖ secret (32) ‖ call
//! LEFT    magic "p2pd" ‖ 4 ‖ id (8) ‖ 1 if there was room
//! PUT     magic "p2pd" ‖ 5 ‖ id (8) ‖ token (8)
//!         [‖ seconds to live (4) ‖ secrets of the key's and the name's place (64) ‖ packet]
//! TOKEN   magic "p2pd" ‖ 6 ‖ id (8) ‖ token (8)
//! DONE    magic "p2pd" ‖ 7 ‖ id (8) ‖ outcome
//!         outcome: 0 if it lies there, 1 if there is a newer one, 2 if there is no room, 3 if it is wrong
//! ASK     magic "p2pd" ‖ 8 ‖ id (8) ‖ slot (20) ‖ token (8)
//! ```
//!
//! They only repeat what HTTP offers at the same address and port, and whoever gets no answer asks there. The id keeps
//! answers out that nobody asked for.
//!
//! A token shows that its owner hears what is sent to his address: nobody fills the store in the name of others, and
//! only who is named truly as the sender gets an answer longer than three times the question. Whoever has none, or an
//! old one, is given one: with what was found, or in the place of an answer.

use super::framing;
use crate::identity::Slot;
use crate::registration::Call;
use crate::runtime::Token;

/// What tells an answer from a forged one.
pub type Id = [u8; 8];
/// What proves that a place is ours.
pub type Secret = [u8; 32];

const MAGIC: &[u8; 4] = b"p2pd";
const ASK: u8 = 1;
const FOUND: u8 = 2;
const LEAVE: u8 = 3;
const LEFT: u8 = 4;
const PUT: u8 = 5;
const TOKEN: u8 = 6;
const DONE: u8 = 7;
const ASK_PROVED: u8 = 8;

/// Magic, kind, id.
const HEAD_LENGTH: usize = 4 + 1 + 8;

/// Flags of what was found.
const MORE: u8 = 1;
const WITH_TOKEN: u8 = 2;

/// Octets of a question without a token: the answer can hold a usual packet, of 360 octets.
const ASK_LENGTH: usize = 128;
/// Answers are not longer than this times their question (RFC 9000, section 8.1).
const AMPLIFICATION: usize = 3;
/// The longest datagram that every path carries (RFC 9000, section 14).
pub(super) const MAX_LENGTH: usize = 1200;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// What lies in a slot.
    Ask {
        /// Comes back with the answer.
        id: Id,
        /// Where it is looked.
        slot: Slot,
        /// Who has none gets a short answer.
        token: Option<Token>,
    },
    /// A call is to lie there.
    Leave {
        /// Comes back with the answer.
        id: Id,
        /// Where its callee waits.
        slot: Slot,
        /// Of the place there.
        secret: Secret,
        /// What is left.
        call: Call,
    },
    /// A packet is to lie there; or nothing, to get a token.
    Put {
        /// Comes back with the answer.
        id: Id,
        /// Zeros where there is none yet.
        token: Token,
        /// None who wants a token only.
        put: Option<Put>,
    },
}

/// A packet for the places of its key and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// How long it lives.
    pub seconds: u32,
    /// That of the key's place, and of the name's where there is one.
    pub secrets: [Secret; 2],
    /// Octets that should be a packet.
    pub packet: Vec<u8>,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It lies there.
    Taken,
    /// There is a newer one.
    Outdated,
    /// There is no room.
    Full,
    /// It is not what may lie there.
    Refused,
}

/// What the store says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The packets of a slot; None if there are more than the answer may hold. The token is for the next question.
    Found {
        /// Octets that should be packets.
        packets: Option<Vec<Vec<u8>>>,
        /// To be shown from now on.
        token: Option<Token>,
    },
    /// Whether a call was taken.
    Left(bool),
    /// What to put with.
    Token(Token),
    /// What became of a put.
    Done(Done),
}

impl Question {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Question::Ask { id, slot, token: Some(token) } => {
                [&head(ASK_PROVED, id)[..], &slot.0, token].concat()
            }
            Question::Ask { id, slot, token: None } => {
                let mut datagram = [&head(ASK, id)[..], &slot.0].concat();
                datagram.resize(ASK_LENGTH, 0);
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

    /// Reads a datagram; None for anything else.
    pub fn decode(datagram: &[u8]) -> Option<Question> {
        let (kind, id, rest) = take_head(datagram)?;
        match kind {
            ASK => Some(Question::Ask { id, slot: Slot(*rest.first_chunk()?), token: None }),
            ASK_PROVED => {
                let (slot, rest) = rest.split_first_chunk()?;
                let token = Some(rest.try_into().ok()?);
                Some(Question::Ask { id, slot: Slot(*slot), token })
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

    /// The token that it shows, good or not.
    pub(super) fn token(&self) -> Option<&Token> {
        match self {
            Question::Ask { token, .. } => token.as_ref(),
            Question::Leave { .. } => None,
            Question::Put { token, .. } => Some(token),
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

/// How long an answer to a question of `asked` octets may be.
pub(super) fn room(asked: usize, is_proved: bool) -> usize {
    if is_proved { MAX_LENGTH } else { (asked * AMPLIFICATION).min(MAX_LENGTH) }
}

/// The answer, of at most `room` octets, about a slot with these packets.
pub(super) fn found<'a>(
    id: &Id,
    room: usize,
    token: Option<Token>,
    packets: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let body = framing::encode(packets);
    let token = token.as_ref().map_or(&[][..], |token| token);
    let mut flags = if token.is_empty() { 0 } else { WITH_TOKEN };
    let whole = HEAD_LENGTH + 1 + token.len() + body.len() <= room;
    let body = if whole { &body[..] } else { &[] };
    flags |= if whole { 0 } else { MORE };
    [&head(FOUND, id)[..], &[flags], token, body].concat()
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
    pub fn decode(id: &Id, datagram: &[u8]) -> Option<Answer> {
        let (kind, answered, rest) = take_head(datagram)?;
        let (flag, body) = rest.split_first()?;
        match kind {
            _ if answered != *id => None,
            FOUND => {
                let (token, body) = match flag & WITH_TOKEN {
                    0 => (None, body),
                    _ => body.split_first_chunk().map(|(token, body)| (Some(*token), body))?,
                };
                let packets = if flag & MORE == 0 { Some(framing::decode(body)?) } else { None };
                Some(Answer::Found { packets, token })
            }
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

fn head(kind: u8, id: &Id) -> [u8; HEAD_LENGTH] {
    let mut head = [kind; HEAD_LENGTH];
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

    const TOKEN: Token = *b"token of";

    fn ask(token: Option<Token>) -> Question {
        Question::Ask { id: ID, slot: slot(), token }
    }

    fn decoded(answer: &[u8]) -> (Option<Vec<Vec<u8>>>, Option<Token>) {
        let Some(Answer::Found { packets, token }) = Answer::decode(&ID, answer) else {
            panic!("something was found");
        };
        (packets, token)
    }

    #[test]
    fn questions_come_back() {
        let call = Call::new(&[5; 300]).unwrap();
        let leave = Question::Leave { id: ID, slot: slot(), secret: [9; 32], call };
        let full = Put { seconds: 7, secrets: [[1; 32], [2; 32]], packet: vec![3; 300] };
        let put = |put| Question::Put { id: ID, token: [8; 8], put };
        for question in [ask(None), ask(Some(TOKEN)), leave, put(None), put(Some(full))] {
            assert_eq!(Question::decode(&question.encode()), Some(question));
        }
    }

    #[test]
    fn whoever_has_proved_his_address_gets_the_longest_packet_and_nobody_else_more_than_three_questions()
     {
        let (usual, longest) = (vec![3; 360], vec![3; Packet::MAX_LENGTH]);
        let answer = found(&ID, room(ask(Some(TOKEN)).encode().len(), true), None, [&longest[..]]);
        assert_eq!(decoded(&answer), (Some(vec![longest.clone()]), None));
        let answer = found(&ID, room(0, true), None, [&longest[..], &longest]);
        assert_eq!(decoded(&answer), (None, None));

        let asked = ask(None).encode().len();
        let answer = found(&ID, room(asked, false), Some(TOKEN), [&usual[..]]);
        assert_eq!(decoded(&answer), (Some(vec![usual]), Some(TOKEN)));
        for asked in 33..=MAX_LENGTH {
            let answer = found(&ID, room(asked, false), Some(TOKEN), [&longest[..]]);
            assert!(answer.len() <= AMPLIFICATION * asked && answer.len() <= MAX_LENGTH, "{asked}");
            assert_eq!(decoded(&answer).1, Some(TOKEN), "to ask again with");
        }
    }

    #[test]
    fn nothing_and_refusals_are_told() {
        assert_eq!(decoded(&found(&ID, 384, None, [])), (Some(vec![]), None));
        for taken in [true, false] {
            assert_eq!(Answer::decode(&ID, &left(&ID, taken)), Some(Answer::Left(taken)));
        }
        for became in [Done::Taken, Done::Outdated, Done::Full, Done::Refused] {
            assert_eq!(Answer::decode(&ID, &done(&ID, became)), Some(Answer::Done(became)));
        }
        assert_eq!(Answer::decode(&ID, &[&head(DONE, &ID)[..], &[4]].concat()), None);
        assert_eq!(Answer::decode(&ID, &token(&ID, &TOKEN)), Some(Answer::Token(TOKEN)));
        let asked = Question::Put { id: ID, token: [0; 8], put: None }.encode().len();
        assert_eq!(token(&ID, &TOKEN).len(), asked, "a store tells its tokens to anybody");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let answer = found(&ID, 384, Some(TOKEN), []);
        assert_eq!(Answer::decode(b"another1", &answer), None);
        assert_eq!(Answer::decode(&ID, &ask(None).encode()), None);
        for end in 0..answer.len() {
            assert_eq!(Answer::decode(&ID, &answer[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..400), kind in 0u8..10) {
            let datagram = [&head(kind, &ID)[..], &octets].concat();
            let _ = (Question::decode(&datagram), Answer::decode(&ID, &datagram));
            let _ = (Question::decode(&octets), Answer::decode(&ID, &octets));
        }
    }
}
