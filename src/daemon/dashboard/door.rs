//! Who may look at the dashboard.
//!
//! Every page in the person's browser and every user of the machine reaches its address, so it opens with a
//! ticket that only those get who may use the control interface. A ticket counts once and for minutes: where an
//! address is kept, in a history or in the list of processes, it is of no use any more. In its place the browser
//! gets two secrets: a path that nobody can guess, and a cookie that is sent to that path alone. Cookies know
//! neither ports nor users; without the path another program at another port of this machine would be sent the
//! cookie too.

use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use data_encoding::BASE32_NOPAD;

use crate::identity::SortedMap;
use crate::runtime::{SecretHash, lock, random, secret_hash};

/// Tickets and those who came in with one.
#[derive(Default)]
pub(in crate::daemon) struct Door {
    guests: Mutex<Guests>,
}

/// Each with the time when it ends.
#[derive(Default)]
struct Guests {
    tickets: SortedMap<SecretHash, Instant>,
    sessions: SortedMap<SecretHash, Instant>,
}

/// What a browser is given that came in.
#[derive(PartialEq, Eq)]
pub(super) struct Session {
    /// Stands in the path.
    pub(super) place: String,
    /// Stands in the cookie.
    pub(super) secret: String,
}

/// How long a ticket counts.
pub(in crate::daemon) const TICKET_LIFETIME: Duration = Duration::from_secs(600);
/// How long a browser may stay away.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// More than anybody opens at a time; the one that ends first makes room.
const CAPACITY: usize = 16;

impl Door {
    /// A ticket for one browser.
    pub(in crate::daemon) fn ticket(&self, now: Instant) -> String {
        let ticket = secret();
        keep(&mut lock(&self.guests).tickets, secret_hash(&ticket), now, TICKET_LIFETIME);
        ticket
    }

    /// Takes a ticket; None unless it counts.
    pub(super) fn enter(&self, ticket: &str, now: Instant) -> Option<Session> {
        let mut guests = lock(&self.guests);
        guests.tickets.remove(&secret_hash(ticket)).filter(|until| now < *until)?;
        let session = Session { place: secret(), secret: secret() };
        let both = hash_of_both(&session.place, &session.secret);
        keep(&mut guests.sessions, both, now, SESSION_LIFETIME);
        Some(session)
    }

    /// Whether somebody has come in who shows this, and may stay on.
    pub(super) fn admits(&self, place: &str, secret: &str, now: Instant) -> bool {
        let mut guests = lock(&self.guests);
        let session = guests.sessions.get_mut(&hash_of_both(place, secret));
        let until = session.filter(|until| now < **until);
        until.map(|until| *until = now + SESSION_LIFETIME).is_some()
    }
}

/// 160 random bits as text.
fn secret() -> String {
    BASE32_NOPAD.encode(&random::bytes::<20>()).to_ascii_lowercase()
}

/// Path and cookie count together only.
fn hash_of_both(place: &str, secret: &str) -> SecretHash {
    secret_hash(&format!("{place}/{secret}"))
}

fn keep(
    those: &mut SortedMap<SecretHash, Instant>,
    hash: SecretHash,
    now: Instant,
    lifetime: Duration,
) {
    those.retain(|_, until| now < *until);
    if those.len() >= CAPACITY {
        let first = those.iter().min_by_key(|(_, until)| **until).map(|(hash, _)| *hash);
        first.map(|first| those.remove(&first));
    }
    those.insert(hash, now + lifetime);
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

#[cfg(test)]
mod tests {
    use crate::runtime::clock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_ticket_counts_once_and_for_minutes() {
        let (door, now) = (Door::default(), clock::now());
        let ticket = door.ticket(now);
        assert!(door.enter("", now).is_none());
        assert!(door.enter(&secret(), now).is_none());
        assert!(door.enter(&ticket, now).is_some());
        assert!(door.enter(&ticket, now).is_none(), "once");
        let late = door.ticket(now);
        assert!(door.enter(&late, now + TICKET_LIFETIME).is_none());
        let soon = door.ticket(now);
        assert!(door.enter(&soon, now + TICKET_LIFETIME - SECOND).is_some());
    }

    #[test]
    fn path_and_cookie_count_together_and_as_long_as_they_are_used() {
        let (door, now) = (Door::default(), clock::now());
        let enter = || door.enter(&door.ticket(now), now).unwrap();
        let (one, other) = (enter(), enter());
        assert!(one != other);
        assert!(door.admits(&one.place, &one.secret, now));
        for (place, secret) in [
            (&one.place, &other.secret),
            (&other.place, &one.secret),
            (&one.secret, &one.place),
            (&one.place, &String::new()),
            (&String::new(), &String::new()),
        ] {
            assert!(!door.admits(place, secret, now), "{place} {secret}");
        }
        let later = now + SESSION_LIFETIME - SECOND;
        assert!(door.admits(&one.place, &one.secret, later));
        assert!(door.admits(&one.place, &one.secret, later + SESSION_LIFETIME - SECOND));
        assert!(!door.admits(&other.place, &other.secret, later + SECOND));
    }

    #[test]
    fn many_tickets_take_no_more_room() {
        let (door, now) = (Door::default(), clock::now());
        let tickets: Vec<String> =
            (0..100).map(|second| door.ticket(now + second * SECOND)).collect();
        assert_eq!(lock(&door.guests).tickets.len(), CAPACITY);
        let now = now + 100 * SECOND;
        assert!(door.enter(&tickets[83], now).is_none());
        assert!(door.enter(&tickets[84], now).is_some());
    }
}
