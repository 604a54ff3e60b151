//! Port prediction: probes to the ports that a symmetric NAT with sequential ports gives out next.
//!
//! Such a NAT gives each destination a port of its own, but the next one is known (RFC 5128, section
//! 3.5). When it is in front of the peer only, we open our NAT for a window of ports, in one of which
//! the peer's probe will arrive.
//!
//! When it is in front of both, the probes of a window come out of a window of our own ports: the i-th
//! from the port i+d, because d ports went to others since STUN looked; the peer's likewise, i+e. If
//! both aimed at their i-th guess, they would meet only if d+e were 0. So one end aims faster than the
//! other: guess j + j/2 with its j-th probe. Then they meet where j/2 reaches d+e.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::candidate::Pattern;

/// Ports of a window. Two ends whose NATs gave out up to fourteen ports in between still meet.
const WINDOW: u16 = 30;
/// Between two probes: Ta of RFC 8445, section 14.2, at its least.
const PACING: Duration = Duration::from_millis(5);
/// How long the probes of one round take.
pub(super) const ROUND: Duration = Duration::from_millis(5 * WINDOW as u64);
/// The first round opens this end's NAT, the next goes through the peer's.
const ROUNDS: u16 = 2;
/// Between the starts of two rounds.
const ROUND_TIME: Duration = Duration::from_millis(800);

/// A probe that the peer has not paid for waits so long, until the peer has sent more.
const POSTPONEMENT: Duration = Duration::from_millis(50);
/// Longer in total is too long.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a peer was told of the ports that our own NAT gives out in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LatestPort {
    /// Nothing of late.
    Untold,
    /// The latest is being looked up; then the peer is told, and punched for like this.
    Sought(Pattern),
    /// The latest, if it could be found out.
    Told {
        /// The public address with this port.
        latest: Option<SocketAddr>,
        /// When it was the latest.
        at: Instant,
    },
}

/// How fast an end aims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// At the next port with each probe.
    Steady,
    /// At half as many again.
    Fast,
}

/// Probes to a window of ports.
#[derive(Debug)]
pub(super) struct Volley {
    base: SocketAddr,
    step: i16,
    aim: Aim,
    start: Instant,
    /// Postponed so far it is given up.
    end: Instant,
    sent: u16,
}

impl Volley {
    /// `base` is where STUN has seen the peer. Begins at `start`.
    pub(super) fn new(base: SocketAddr, step: i16, aim: Aim, start: Instant) -> Volley {
        Volley { base, step, aim, start, end: start + PATIENCE, sent: 0 }
    }

    /// Where the peer was seen.
    pub(super) fn base(&self) -> SocketAddr {
        self.base
    }

    /// When the next probe goes out, or when this is over.
    pub(super) fn next_due(&self) -> Instant {
        let (round, place) = (self.sent / WINDOW, self.sent % WINDOW);
        self.start + ROUND_TIME * u32::from(round) + PACING * u32::from(place)
    }

    pub(super) fn is_over(&self) -> bool {
        self.sent >= WINDOW * ROUNDS || self.start > self.end
    }

    /// The latest probe could not go out yet.
    pub(super) fn postpone(&mut self) {
        self.sent -= 1;
        self.start += POSTPONEMENT;
    }

    /// The next address if its time has come.
    pub(super) fn advance(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.is_over() || self.next_due() > now {
            return None;
        }
        let probe = self.sent % WINDOW + 1;
        self.sent += 1;
        let guess = match self.aim {
            Aim::Steady => probe,
            Aim::Fast => probe + probe / 2,
        };
        Some(SocketAddr::new(self.base.ip(), offset(self.base.port(), self.step, guess)))
    }
}

/// NATs begin again at 1024 after 65535, or thereabouts.
fn offset(port: u16, step: i16, times: u16) -> u16 {
    let port = i32::from(port) + i32::from(step) * i32::from(times);
    let last = 65535 - 1024;
    ((port - 1024).rem_euclid(last + 1) + 1024) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn aimed(aim: Aim, step: i16) -> Vec<u16> {
        let start = clock::now();
        let mut volley = Volley::new(([192, 0, 2, 1], 65000).into(), step, aim, start);
        let end = start + ROUND_TIME + PACING * u32::from(WINDOW);
        std::iter::from_fn(|| volley.advance(end)).map(|address| address.port()).collect()
    }

    #[test]
    fn ends_that_gave_out_ports_in_between_still_meet() {
        for between in 0..=14 {
            let (steady, fast) = (aimed(Aim::Steady, 1), aimed(Aim::Fast, 1));
            let met = (0..30).any(|i| {
                // our i-th probe comes from port base+i+1+between and the peer's j-th from base+j+1
                (0..30)
                    .any(|j| steady[i] == 65001 + j as u16 && fast[j] == 65001 + i as u16 + between)
            });
            assert!(met, "{between}");
        }
    }

    #[test]
    fn ports_stay_ports() {
        for step in [1, -1, 2, i16::MAX, i16::MIN] {
            let ports = aimed(Aim::Fast, step);
            assert_eq!(ports.len(), usize::from(WINDOW * ROUNDS));
            assert!(ports.iter().all(|port| *port >= 1024));
        }
        assert_eq!(offset(65535, 1, 1), 1024);
    }
}
