//! Conversations across the simulated Internet, and what is measured of them.

use std::time::{Duration, Instant};

use super::internet::Internet;
use crate::identity::Hit;
use crate::link::{
    agent::{Event, Transmit},
    way::Way,
};

impl Internet {
    /// As transport does when a connection exists at both ends.
    pub(super) fn hold_both(&mut self, one: usize, other: usize) {
        let (a, b) = (self.hit(one), self.hit(other));
        self.hosts[one].agent.hold(b);
        self.hosts[other].agent.hold(a);
    }

    /// A packet of a conversation.
    pub(super) fn talk(&mut self, from: usize, to: usize) {
        self.speak(from, self.hit(to), 0x40);
        self.collect();
    }

    /// A packet of QUIC, which begins with this octet.
    pub(super) fn speak(&mut self, from: usize, to: Hit, first: u8) {
        let (now, datagram) = (self.now, vec![first; self.packet]);
        let agent = &mut self.hosts[from].agent;
        assert!(agent.is_worth(to, datagram.len(), false, now));
        if let Some(way) = agent.route(to, now) {
            self.collect();
            self.send(from, Transmit { to: way, datagram, ttl: None });
        }
    }

    pub(super) fn path(&self, from: usize, to: usize) -> Option<Way> {
        self.hosts[from].agent.path(self.hit(to))
    }

    /// Whether both ends send directly.
    pub(super) fn is_direct(&self, one: usize, other: usize) -> bool {
        let direct = |way: Option<Way>| way.is_some_and(|way| way.direct().is_some());
        direct(self.path(one, other)) && direct(self.path(other, one))
    }

    /// A conversation of requests and responses.
    pub(super) fn converse(&mut self, one: usize, other: usize, pause: Duration, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.talk(one, other);
            self.run(pause);
        }
    }

    /// The longest time without a packet at a host, from `since` on.
    pub(super) fn longest_gap(&self, host: usize, since: Instant) -> Duration {
        let mut latest = since;
        let mut longest = Duration::ZERO;
        let times = self.hosts[host].received.iter().map(|(at, _)| *at);
        for at in times.filter(|at| *at >= since).chain([self.now]) {
            longest = longest.max(at - latest);
            latest = at;
        }
        longest
    }

    /// How often a host's datagrams went another way.
    pub(super) fn moves(&self, host: usize, since: Instant) -> usize {
        let moved =
            |(at, event): &&(Instant, Event)| *at >= since && matches!(event, Event::Moved { .. });
        self.hosts[host].events.iter().filter(moved).count()
    }
}
