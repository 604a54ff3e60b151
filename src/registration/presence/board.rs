//! What a publisher has to write where, and what overlays hold of it.
//!
//! Sans-IO. Tell it who may read and when the day turns; ask [`PresenceBoard::letters`] what an overlay still
//! lacks of a statement, put each letter there, and say so. Nothing is given twice without need.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use super::circle::Circle;
use super::day::Day;
use super::sealed::{self, Content, SealedPacket};
use super::secrets::{GroupSecret, Key, PairSecret, derive};
use crate::identity::{BlindedKeyPair, KeyPair, PublicKey, Timestamp};
use crate::registration::error::EncodeError;
use crate::registration::packet::{Packet, Registration};

/// The places of a publisher in some overlays.
pub struct PresenceBoard {
    own: KeyPair,
    wanted: Vec<PublicKey>,
    circle: Circle,
    days: Vec<Day>,
    /// The presences first, since an invitation leads to one.
    notices: Vec<Notice>,
    held: Vec<BTreeMap<PublicKey, Held>>,
}

/// What an overlay is to do.
#[derive(Debug, Default)]
pub struct Letters {
    /// To be put, in this order: an invitation leads to a presence.
    pub put: Vec<SealedPacket>,
    /// Keys whose places are done with, to be cleared where that is possible.
    pub clear: Vec<PublicKey>,
}

/// One place and what belongs there.
struct Notice {
    what: What,
    keys: BlindedKeyPair,
    place: PublicKey,
    /// What it leads to, or what leads to it.
    secret: GroupSecret,
    sealed: Option<SealedPacket>,
    /// The sequence of the statement that it was sealed for.
    statement: Timestamp,
    /// The sequence in the open of what was sealed last.
    last: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Presence { group: usize },
    Invitation { group: usize, reader: usize },
}

/// What an overlay holds in a place.
struct Held {
    keys: BlindedKeyPair,
    sequence: Timestamp,
    at: Instant,
}

/// How long an invitation holds: its day with an hour on both sides, and a little more.
const INVITATION_TTL: Duration = Duration::from_secs(27 * 3600);
/// By how much sequences in the open are blurred.
pub const BLUR: Duration = Duration::from_secs(1);
/// The least by which the sequences in one place rise.
const STEP: Duration = Duration::from_micros(1);

impl PresenceBoard {
    /// The empty board of a publisher who uses so many overlays.
    pub fn new(own: KeyPair, overlays: usize) -> PresenceBoard {
        PresenceBoard {
            own,
            wanted: Vec::new(),
            circle: Circle::default(),
            days: Vec::new(),
            notices: Vec::new(),
            held: (0..overlays).map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Says who may read, those first who must not be left out. True if that is something new: then a new
    /// statement is due, which the others do not get.
    pub fn set_readers(&mut self, readers: &[PublicKey]) -> bool {
        if self.wanted == readers {
            return false;
        }
        self.wanted = readers.to_vec();
        let circle = Circle::new(&self.own, readers);
        let is_new = circle.keys != self.circle.keys;
        if is_new {
            self.circle = circle;
            self.lay_out();
        }
        is_new
    }

    /// Looks at the clock. True if other days' places are to be kept up than before.
    pub fn turn(&mut self, wall: Timestamp) -> bool {
        let days = Day::kept(wall);
        let is_new = days != self.days;
        if is_new {
            self.days = days;
            self.lay_out();
        }
        is_new
    }

    /// How many may read.
    pub fn readers(&self) -> usize {
        self.circle.keys.len()
    }

    /// How many may not because there are too many.
    pub fn left_out(&self) -> usize {
        self.wanted.len() - self.circle.keys.len()
    }

    /// How many places are kept up in each overlay.
    pub fn places(&self) -> usize {
        self.notices.len()
    }

    /// The keys under which the presences lie now; readers leave calls for them.
    pub fn presences(&self) -> Vec<PublicKey> {
        let is_presence = |notice: &&Notice| matches!(notice.what, What::Presence { .. });
        self.notices.iter().filter(is_presence).map(|notice| notice.place).collect()
    }

    /// What an overlay still lacks of a statement, and what it should no longer have. A withdrawal is for all
    /// places where there is something. `keeps` is for how long the overlay keeps a packet, if not as long as
    /// that says. `seed` must be fresh random octets.
    ///
    /// # Errors
    /// When the statement breaks a rule of the format or is too long.
    pub fn letters(
        &mut self,
        overlay: usize,
        statement: &Packet,
        keeps: Option<Duration>,
        now: Instant,
        seed: [u8; 32],
    ) -> Result<Letters, EncodeError> {
        let (seed, statement) = (Key::new(seed), statement.registration());
        if statement.is_withdrawal() {
            return self.withdrawals(overlay, statement, &seed);
        }
        let mut letters = Letters::default();
        for index in 0..self.notices.len() {
            self.seal(index, statement, &derive(&*seed, b"letter\0", &[&index.to_be_bytes()]))?;
            let notice = &self.notices[index];
            let Some(sealed) = &notice.sealed else { continue };
            let is_held = self.held.get(overlay).and_then(|held| held.get(&notice.place));
            let is_held = is_held.is_some_and(|held| {
                let age = now.saturating_duration_since(held.at);
                held.sequence == sealed.packet().registration().sequence
                    && keeps.is_none_or(|keeps| age < keeps / 2)
            });
            if !is_held {
                letters.put.push(sealed.clone());
            }
        }
        letters.clear = self.held.get(overlay).map(|held| self.done_with(held)).unwrap_or_default();
        Ok(letters)
    }

    /// Takes note that an overlay has put a letter in its place.
    pub fn handle_put(&mut self, overlay: usize, letter: &SealedPacket, now: Instant) {
        let Some(held) = self.held.get_mut(overlay) else { return };
        let said = letter.packet().registration();
        if said.is_withdrawal() {
            held.remove(&said.key);
        } else {
            let (keys, sequence) = (letter.keys().clone(), said.sequence);
            held.insert(said.key, Held { keys, sequence, at: now });
        }
    }

    /// Takes note that an overlay has cleared a place, or never will.
    pub fn handle_cleared(&mut self, overlay: usize, place: &PublicKey) {
        if let Some(held) = self.held.get_mut(overlay) {
            held.remove(place);
        }
    }

    /// The places for these days and readers; what was sealed for those that stay, stays.
    fn lay_out(&mut self) {
        let mut before: BTreeMap<PublicKey, Notice> =
            self.notices.drain(..).map(|notice| (notice.place, notice)).collect();
        let groups = &self.circle.groups;
        let presences = (0..groups.len()).map(|group| What::Presence { group });
        let invitations = (0..groups.len()).flat_map(|group| {
            (0..groups[group].readers.len()).map(move |reader| What::Invitation { group, reader })
        });
        let days = &self.days;
        let both = |what: What| days.iter().map(move |day| (what, *day));
        for (what, day) in presences.chain(invitations).flat_map(both) {
            let (secret, blind) = match what {
                What::Presence { group } => {
                    let secret = &groups[group].secret;
                    (secret, secret.presence(day))
                }
                What::Invitation { group, reader } => {
                    (&groups[group].secret, groups[group].readers[reader].invitation(day))
                }
            };
            let keys = self.own.blinded(&blind);
            let (mut sealed, mut statement, mut last) = (None, Timestamp::default(), None);
            if let Some(known) = before.remove(&keys.public()) {
                last = known.last;
                if known.secret == *secret {
                    (sealed, statement) = (known.sealed, known.statement);
                }
            }
            let (place, secret) = (keys.public(), secret.clone());
            self.notices.push(Notice { what, secret, keys, place, sealed, statement, last });
        }
    }

    /// Seals what belongs in a place, if what is there does not say this statement.
    fn seal(
        &mut self,
        index: usize,
        statement: &Registration,
        seed: &Key,
    ) -> Result<(), EncodeError> {
        let notice = &mut self.notices[index];
        let group = match notice.what {
            What::Presence { group } | What::Invitation { group, .. } => &self.circle.groups[group],
        };
        let is_said = match notice.what {
            What::Presence { .. } => notice.statement == statement.sequence,
            What::Invitation { .. } => true, // it does not depend on what is said
        };
        if is_said && notice.sealed.is_some() {
            return Ok(());
        }
        let blurred = statement.sequence.saturating_add(blur(seed));
        let sequence = notice.last.map_or(blurred, |last| blurred.max(last.saturating_add(STEP)));
        let sealed = match notice.what {
            What::Presence { .. } => {
                let readers: Vec<&PairSecret> = group.readers.iter().collect();
                let content = Content::Registration(statement);
                sealed::seal(&content, &readers, &notice.keys, sequence, statement.ttl, seed)
            }
            What::Invitation { reader, .. } => {
                let content = Content::Invitation(&group.secret);
                let reader = [&group.readers[reader]];
                sealed::seal(&content, &reader, &notice.keys, sequence, INVITATION_TTL, seed)
            }
        }?;
        notice.sealed = Some(sealed);
        notice.statement = statement.sequence;
        notice.last = Some(sequence);
        Ok(())
    }

    /// What takes back all that an overlay holds: presences first, since there may be little time.
    fn withdrawals(
        &self,
        overlay: usize,
        statement: &Registration,
        seed: &Key,
    ) -> Result<Letters, EncodeError> {
        let Some(held) = self.held.get(overlay) else { return Ok(Letters::default()) };
        let in_order = self.notices.iter().filter_map(|notice| held.get(&notice.place));
        let withdrawal = |(index, held): (usize, &Held)| {
            let seed = derive(&**seed, b"letter\0", &[&index.to_be_bytes()]);
            let sequence = statement.sequence.max(held.sequence.saturating_add(STEP));
            let content = Content::Withdrawal;
            sealed::seal(&content, &[], &held.keys, sequence, Duration::ZERO, &seed)
        };
        let put = in_order.enumerate().map(withdrawal).collect::<Result<_, _>>()?;
        Ok(Letters { put, clear: self.done_with(held) })
    }

    /// The places of an overlay where something lies that does not belong there any more.
    fn done_with(&self, held: &BTreeMap<PublicKey, Held>) -> Vec<PublicKey> {
        let belongs = |place: &PublicKey| self.notices.iter().any(|n| n.place == *place);
        held.keys().filter(|place| !belongs(place)).copied().collect()
    }
}

/// Up to [`BLUR`].
fn blur(seed: &Key) -> Duration {
    let [a, b, c, d, ..] = *derive(&**seed, b"blur\0", &[]);
    let limit = BLUR.as_micros() as u32; // a second
    Duration::from_micros((u32::from_be_bytes([a, b, c, d]) % limit).into())
}

impl fmt::Debug for PresenceBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresenceBoard({} readers, {} places)", self.readers(), self.places())
    }
}
