//! How many handshakes others may begin: each costs about a millisecond of processor time, and whoever has
//! proved an address of his own may begin as many as he likes.
//!
//! Nobody is known before a handshake is complete, so hosts are told apart by the addresses under which QUIC
//! sees them: their tags. Sans-IO.

use crate::runtime::lock;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// Handshakes that go on at a time.
const MAX_AT_ONCE: usize = 64;
/// Of one host: it was started anew, and again, while the old ones wait for answers.
const MAX_OF_ONE: usize = 16;

/// Between two handshakes on the average, so that they take a quarter of a processor at most.
const INTERVAL: Duration = Duration::from_millis(4);
/// What may come at once.
const BURST: u32 = 256;

/// The same of one host.
const INTERVAL_OF_ONE: Duration = Duration::from_millis(100);
const BURST_OF_ONE: u32 = 32;

/// Hosts that are told apart: as many as the link knows. Then those that have paid are forgotten.
const MAX_HOSTS: usize = 1024;

/// The handshakes that go on.
#[derive(Debug, Default)]
pub(super) struct Admissions(Mutex<GoingOn>);

#[derive(Debug, Default)]
struct GoingOn {
    hosts: HashMap<IpAddr, Handshakes>,
    all: Handshakes,
}

/// Of one host, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Handshakes {
    count: usize,
    /// When all that have begun are paid for.
    paid: Option<Instant>,
}

/// Why a handshake is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// Too many go on, of all or of this host.
    Full,
    /// Too many have begun lately.
    TooOften,
}

/// A place among the handshakes, until it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    admissions: Arc<Admissions>,
    from: IpAddr,
}

impl Admissions {
    /// Takes a place for a handshake with a host.
    ///
    /// # Errors
    /// [`Rejection`] says which bound is reached.
    pub(super) fn begin(
        self: &Arc<Admissions>,
        from: IpAddr,
        now: Instant,
    ) -> Result<Admission, Rejection> {
        let mut going_on = self.lock();
        let GoingOn { hosts, all } = &mut *going_on;
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, host| host.count > 0 || host.debt(now) > Duration::ZERO);
        }
        let of_one = hosts.get(&from).copied().unwrap_or_default();
        if all.count >= MAX_AT_ONCE || of_one.count >= MAX_OF_ONE {
            return Err(Rejection::Full);
        }
        let often = all.debt(now) >= INTERVAL * BURST
            || of_one.debt(now) >= INTERVAL_OF_ONE * BURST_OF_ONE
            || hosts.len() >= MAX_HOSTS;
        if often {
            return Err(Rejection::TooOften);
        }
        all.begin(INTERVAL, now);
        hosts.entry(from).or_default().begin(INTERVAL_OF_ONE, now);
        Ok(Admission { admissions: self.clone(), from })
    }

    fn lock(&self) -> MutexGuard<'_, GoingOn> {
        lock(&self.0)
    }
}

impl Handshakes {
    fn debt(&self, now: Instant) -> Duration {
        self.paid.map_or(Duration::ZERO, |paid| paid.saturating_duration_since(now))
    }

    fn begin(&mut self, price: Duration, now: Instant) {
        self.count += 1;
        self.paid = Some(self.paid.map_or(now, |paid| paid.max(now)) + price);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut going_on = self.admissions.lock();
        going_on.all.count -= 1;
        if let Some(host) = going_on.hosts.get_mut(&self.from) {
            host.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn host(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn one_host_leaves_room_for_others_and_all_together_are_bounded() {
        let (now, admissions) = (clock::now(), Arc::<Admissions>::default());
        let take = |from| -> Vec<Admission> {
            std::iter::from_fn(|| admissions.begin(from, now).ok()).collect()
        };
        let greedy = take(host(1));
        assert_eq!(greedy.len(), MAX_OF_ONE);
        let others: Vec<_> = (2..20).flat_map(|number| take(host(number))).collect();
        assert_eq!(greedy.len() + others.len(), MAX_AT_ONCE);
        assert_eq!(admissions.begin(host(99), now).unwrap_err(), Rejection::Full);
        drop(greedy);
        assert!(admissions.begin(host(99), now).is_ok());
        drop(others);
        assert_eq!(admissions.lock().all.count, 0);
    }

    /// Handshakes that begin in a second of ten thousand attempts and end at once.
    fn begun(admissions: &Arc<Admissions>, hosts: u8) -> u32 {
        let mut now = clock::now();
        let attempt = |number: u32| {
            now += Duration::from_micros(100);
            u32::from(admissions.begin(host((number % u32::from(hosts)) as u8), now).is_ok())
        };
        (0..10_000).map(attempt).sum()
    }

    #[test]
    fn handshakes_that_end_at_once_are_slowed_down_too() {
        let rate = |interval: Duration| 1000 / interval.as_millis() as u32;
        for (hosts, most) in
            [(1, BURST_OF_ONE + rate(INTERVAL_OF_ONE)), (100, BURST + rate(INTERVAL))]
        {
            let admissions = Arc::default();
            let begun = begun(&admissions, hosts);
            assert!((most - 10..=most + 1).contains(&begun), "{begun} of {hosts} hosts");
        }
        // one that is slowed down holds up nobody
        let admissions = Arc::default();
        begun(&admissions, 1);
        assert!(admissions.begin(host(2), clock::now()).is_ok());
    }

    #[test]
    fn many_hosts_take_bounded_memory() {
        let (mut now, admissions) = (clock::now(), Arc::<Admissions>::default());
        for number in 0..5_000u32 {
            now += INTERVAL;
            let _ = admissions.begin(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(admissions.lock().hosts.len() <= MAX_HOSTS);
    }
}
