//! One look-up: several overlays are asked at once, none of them is trusted, and the newest valid
//! packet of each key counts.
//!
//! Sans-IO. Ask every overlay, give its answer to [`Lookup::handle_answer`] or
//! [`Lookup::handle_failure`], and call [`Lookup::poll`] after each and at [`Lookup::next_time`].
//! Anybody can write under the slot of a name, so several keys may claim it: all are returned, and
//! [`crate::trust`] decides.

use std::{
    cmp::Reverse,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{error::PacketError, floors::Floors, packet::Packet, presence::SealedError};
use crate::identity::{Name, PublicKey, Slot, Timestamp, roughly};

/// Who is looked for: by name, by key, or by both, which leaves no doubt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Whoever claims this name.
    Name(Name),
    /// The owner of this key, whatever the name.
    Key(PublicKey),
    /// The owner of this key, who may be silent about his name but claims no other.
    Contact(Name, PublicKey),
}

/// How long a look-up waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a newer packet, after the first valid one.
    pub settle: Duration,
    /// For anything at all.
    pub deadline: Duration,
}

/// A look-up under way.
#[derive(Debug)]
pub struct Lookup {
    wanted: Wanted,
    floors: Floors,
    started: Instant,
    deadline: Instant,
    settle: Duration,
    /// When the first valid packet was old enough to be believed alone.
    settled: Option<Instant>,
    /// The newest valid packet of each key.
    newest: Vec<Packet>,
    reports: Vec<Report>,
}

/// What a look-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The newest valid packet of each key that matched, the newest first.
    pub found: Vec<Packet>,
    /// The same for keys whose owners have withdrawn: they are offline on purpose.
    pub withdrawn: Vec<Packet>,
    /// What each overlay said, in their order.
    pub reports: Vec<Report>,
}

/// What one overlay said in a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its answer.
    pub said: Said,
    /// How long it took; None if it had not answered when the look-up ended.
    pub latency: Option<Duration>,
    /// The keys of which it gave valid packets.
    pub keys: Vec<PublicKey>,
}

/// An overlay's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It gave packets of which this one was the newest valid.
    Found(Packet),
    /// It knows no packets, only these addresses, which prove nothing.
    Located(Vec<SocketAddr>),
    /// The slot is empty.
    Nothing,
    /// It gave packets, none of them valid; this is what was wrong with the last one.
    Refused(Refusal),
    /// It could not be asked; the reason in its client's words.
    Failed(String),
    /// It had not answered when the look-up ended.
    TooLate,
}

/// Why a packet is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is malformed or forged.
    Malformed(PacketError),
    /// It is sealed and cannot be opened, or not where it lay.
    Sealed(SealedError),
    /// It is about another name than asked for, or about none.
    OtherName(Option<Name>),
    /// It is of another key than asked for.
    OtherKey(PublicKey),
    /// It ended so long ago.
    Expired(Duration),
    /// It is from so far in the future: one of the two clocks is wrong.
    FromFuture(Duration),
    /// A newer one has been seen before: somebody offers an old packet again.
    Replayed {
        /// The packet's sequence.
        sequence: Timestamp,
        /// The lowest acceptable one.
        floor: Timestamp,
    },
    /// Too many keys claim the name already.
    Crowded,
}

/// By how much two honest clocks may differ.
pub const MAX_CLOCK_SKEW: Duration = crate::trust::CLOCK_SKEW;

/// How many packets of one answer are looked at; a store keeps eight per slot.
const MAX_PACKETS: usize = 8;
/// How many keys may claim one name; the limit keeps out floods, not people.
const MAX_KEYS: usize = 16;
/// The longest error text that is kept of an overlay.
const MAX_REASON: usize = 300;

impl Wanted {
    /// The name, if it is asked for.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Wanted::Name(name) | Wanted::Contact(name, _) => Some(name),
            Wanted::Key(_) => None,
        }
    }

    /// The key, if it is asked for.
    pub fn key(&self) -> Option<&PublicKey> {
        match self {
            Wanted::Key(key) | Wanted::Contact(_, key) => Some(key),
            Wanted::Name(_) => None,
        }
    }

    /// Where their packet lies in an overlay with slots.
    pub fn slot(&self) -> Slot {
        match self {
            Wanted::Name(name) => Slot::of_name(name),
            Wanted::Key(key) | Wanted::Contact(_, key) => Slot::of_key(key),
        }
    }

    /// Whether a packet is about them.
    pub fn is_about(&self, packet: &Packet) -> bool {
        self.check(packet).is_ok()
    }

    fn check(&self, packet: &Packet) -> Result<(), Refusal> {
        let said = packet.registration();
        if self.key().is_some_and(|key| *key != said.key) {
            return Err(Refusal::OtherKey(said.key));
        }
        let fits = match self {
            Wanted::Key(_) => true,
            Wanted::Name(name) => said.name.as_ref() == Some(name),
            Wanted::Contact(name, _) => said.name.as_ref().is_none_or(|said| said == name),
        };
        if fits { Ok(()) } else { Err(Refusal::OtherName(said.name.clone())) }
    }
}

impl Report {
    /// The addresses that an overlay gave that knows nothing else.
    pub fn addresses(self) -> Vec<SocketAddr> {
        match self.said {
            Said::Located(addresses) => addresses,
            _ => Vec::new(),
        }
    }
}

impl Default for Patience {
    /// 150 ms for a newer packet, 5 s for anything.
    fn default() -> Patience {
        Patience { settle: Duration::from_millis(150), deadline: Duration::from_secs(5) }
    }
}

impl Lookup {
    /// Begins a look-up in so many overlays. Packets below their key's floor are refused.
    pub fn new(
        wanted: Wanted,
        overlays: usize,
        floors: &Floors,
        patience: Patience,
        now: Instant,
    ) -> Lookup {
        let silent = Report { said: Said::TooLate, latency: None, keys: Vec::new() };
        Lookup {
            wanted,
            floors: floors.clone(),
            started: now,
            deadline: now + patience.deadline,
            settle: patience.settle,
            settled: None,
            newest: Vec::new(),
            reports: vec![silent; overlays],
        }
    }

    /// Takes what an overlay holds under the slot: any number of packets, also none. A second answer
    /// of the same overlay is ignored.
    pub fn handle_answer<B: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        wall: Timestamp,
        overlay: usize,
        packets: impl IntoIterator<Item = B>,
    ) {
        let read = |bytes: B| Packet::decode(bytes.as_ref()).map_err(Refusal::Malformed);
        self.handle_packets(now, wall, overlay, packets.into_iter().map(read));
    }

    /// The same for packets that have been read, and refused or not, such as sealed ones.
    pub fn handle_packets(
        &mut self,
        now: Instant,
        wall: Timestamp,
        overlay: usize,
        packets: impl IntoIterator<Item = Result<Packet, Refusal>>,
    ) {
        let Some(place) = self.open_report(overlay) else { return };
        let (mut said, mut keys) = (Said::Nothing, Vec::new());
        for packet in packets.into_iter().take(MAX_PACKETS) {
            match packet.and_then(|packet| self.examine(wall, packet)) {
                Ok(packet) => {
                    keys.push(packet.registration().key);
                    said = better(said, packet);
                }
                Err(refusal) if !matches!(said, Said::Found(_)) => said = Said::Refused(refusal),
                Err(_) => {}
            }
        }
        if self.settled.is_none() && self.newest.iter().any(|p| !p.registration().is_withdrawal()) {
            self.settled = Some(now + self.settle);
        }
        self.close_report(now, place, said, keys);
    }

    /// Takes note that an overlay could not be asked, and why.
    pub fn handle_failure(&mut self, now: Instant, overlay: usize, reason: &str) {
        let Some(place) = self.open_report(overlay) else { return };
        let reason = reason.chars().take(MAX_REASON).collect();
        self.close_report(now, place, Said::Failed(reason), Vec::new());
    }

    /// The outcome, once there is one: all overlays have answered, a valid packet has waited long
    /// enough for a newer one, or time is up.
    pub fn poll(&self, now: Instant) -> Option<Outcome> {
        let all_answered = self.reports.iter().all(|report| report.latency.is_some());
        if !all_answered && self.next_time() > now {
            return None;
        }
        let mut packets = self.newest.clone();
        packets.sort_by_key(|packet| Reverse(packet.registration().sequence));
        let (withdrawn, found) =
            packets.into_iter().partition(|packet| packet.registration().is_withdrawal());
        Some(Outcome { found, withdrawn, reports: self.reports.clone() })
    }

    /// The newest valid packet so far, unless it is a withdrawal: the first one is worth a try while a
    /// newer one may come, if the key is known.
    pub fn newest(&self) -> Option<&Packet> {
        let newest = self.newest.iter().max_by_key(|packet| packet.registration().sequence);
        newest.filter(|packet| !packet.registration().is_withdrawal())
    }

    /// Whether any packet counts so far, a withdrawal among them.
    pub fn has_any(&self) -> bool {
        !self.newest.is_empty()
    }

    /// When the look-up ends if no overlay answers before.
    pub fn next_time(&self) -> Instant {
        self.settled.map_or(self.deadline, |settled| settled.min(self.deadline))
    }

    /// The overlay's index if it is one and still owes its answer.
    fn open_report(&self, overlay: usize) -> Option<usize> {
        self.reports.get(overlay).is_some_and(|r| r.latency.is_none()).then_some(overlay)
    }

    fn close_report(&mut self, now: Instant, overlay: usize, said: Said, keys: Vec<PublicKey>) {
        let latency = Some(now.saturating_duration_since(self.started));
        self.reports[overlay] = Report { said, latency, keys };
    }

    /// Judges a packet, and keeps it if it is the newest of its key.
    fn examine(&mut self, wall: Timestamp, packet: Packet) -> Result<Packet, Refusal> {
        self.wanted.check(&packet)?;
        check_time(&packet, wall)?;
        let sequence = packet.registration().sequence;
        let floor = self.floors.of(&packet.registration().key);
        if sequence < floor {
            return Err(Refusal::Replayed { sequence, floor });
        }
        let key = packet.registration().key;
        match self.newest.iter().position(|known| known.registration().key == key) {
            Some(known) if self.newest[known].registration().sequence >= sequence => {}
            Some(known) => self.newest[known] = packet.clone(),
            None if self.newest.len() == MAX_KEYS => return Err(Refusal::Crowded),
            None => self.newest.push(packet.clone()),
        }
        Ok(packet)
    }
}

/// A withdrawal has no lifetime, so it never expires: it says that everything before it has.
fn check_time(packet: &Packet, wall: Timestamp) -> Result<(), Refusal> {
    let ahead = packet.registration().sequence.since(wall);
    if ahead > MAX_CLOCK_SKEW {
        return Err(Refusal::FromFuture(ahead));
    }
    let over = wall.since(packet.expires());
    if over > MAX_CLOCK_SKEW && !packet.registration().is_withdrawal() {
        return Err(Refusal::Expired(over));
    }
    Ok(())
}

/// The newer of what an overlay said so far and one more valid packet.
fn better(said: Said, packet: Packet) -> Said {
    match said {
        Said::Found(best) if best.registration().sequence >= packet.registration().sequence => {
            Said::Found(best)
        }
        _ => Said::Found(packet),
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Name(name) | Wanted::Contact(name, _) => name.fmt(f),
            Wanted::Key(key) => key.fmt(f),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Found(packet) if packet.registration().is_withdrawal() => {
                f.write_str("withdrawn by its owner")
            }
            Said::Found(packet) => {
                let said = packet.registration();
                let (locators, rendezvous) = (said.locators.len(), said.rendezvous.len());
                let addresses = if locators == 1 { "address" } else { "addresses" };
                write!(f, "found, with {locators} {addresses} and {rendezvous} rendezvous")
            }
            Said::Located(addresses) => {
                f.write_str("no packets; perhaps at")?;
                addresses.iter().try_for_each(|address| write!(f, " {address}"))
            }
            Said::Nothing => f.write_str("nothing there"),
            Said::Refused(refusal) => refusal.fmt(f),
            Said::Failed(reason) => f.write_str(reason),
            Said::TooLate => f.write_str("no answer in time"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(error) => error.fmt(f),
            Refusal::Sealed(error) => error.fmt(f),
            Refusal::OtherName(Some(name)) => write!(f, "the packet is about {name}"),
            Refusal::OtherName(None) => f.write_str("the packet claims no name"),
            Refusal::OtherKey(key) => {
                write!(f, "the packet is of another key, {}", key.fingerprint())
            }
            Refusal::Expired(over) => write!(f, "the packet expired {} ago", roughly(*over)),
            Refusal::FromFuture(ahead) => {
                let ahead = roughly(*ahead);
                write!(f, "the packet is from {ahead} in the future: your clock or theirs is wrong")
            }
            Refusal::Replayed { sequence, floor } => {
                let older = roughly(floor.since(*sequence));
                write!(f, "the packet is {older} older than one seen before")
            }
            Refusal::Crowded => f.write_str("too many keys claim the name"),
        }
    }
}
