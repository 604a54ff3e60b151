//! Congestion control with one state for each path: CUBIC (see [`super::tolerant`]) under a switch.
//!
//! The link changes paths below QUIC. A controller that did not notice would carry the window of the old
//! path to the new one: too large after a fall back to a relay, and far too small after a climb to a
//! direct path (measured: 11.6 Mbit/s instead of 87 in the five seconds after the switch). So each path
//! has a controller of its own, and the link says which is in use.
//!
//! Two details matter. An acknowledgement or a loss belongs to the path on which its packet was sent, so
//! what was sent before the switch does not touch the new controller. And octets still in flight on the old path
//! must not eat the new window: for a second they are allowed on top of it (without that, the pause at
//! a hard switch tripled). A peer that speaks again after a long silence counts as a switch to the same path: it has
//! slept, and what went to it meanwhile says nothing of the path.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;

use crate::link::SelectedPath;

use super::tolerant::Tolerant;

/// How long octets in flight on the abandoned path are allowed on top of the new path's window.
const STALE_ALLOWANCE: Duration = Duration::from_secs(1);
/// Paths whose controllers are remembered: direct ones in two networks and relays.
const MAX_PATHS: usize = 8;

/// Makes the controller of one connection.
pub(super) struct PerPathConfig {
    /// Says which path is in use.
    pub(super) selected: SelectedPath,
}

impl ControllerFactory for PerPathConfig {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(PerPath::new(self.selected.clone(), now, mtu))
    }
}

#[derive(Clone)]
struct PerPath {
    selected: SelectedPath,
    /// The path that the latest event found in use.
    current: u32,
    /// How often the peer had been silent by then.
    silences: u32,
    /// When that was chosen, or the peer spoke again: packets sent earlier belong to the path before.
    since: Instant,
    /// The time of the latest event.
    latest: Instant,
    mtu: u16,
    in_flight: u64,
    /// Octets of `in_flight` that were sent before `since`.
    stale: u64,
    /// The latest used first.
    paths: Vec<(u32, Tolerant)>,
}

impl PerPath {
    fn new(selected: SelectedPath, now: Instant, mtu: u16) -> PerPath {
        let current = selected.number();
        let paths = vec![(current, Tolerant::new(now, mtu))];
        let silences = selected.silences();
        let (since, latest, in_flight, stale) = (now, now, 0, 0);
        PerPath { selected, current, silences, since, latest, mtu, in_flight, stale, paths }
    }

    /// Follows the link, then gives the controller of the path in use.
    fn active(&mut self, now: Instant) -> &mut Tolerant {
        self.latest = self.latest.max(now);
        let (selected, silences) = (self.selected.number(), self.selected.silences());
        if silences != self.silences {
            (self.silences, self.since, self.stale) = (silences, now, self.in_flight);
        }
        if selected != self.current {
            (self.current, self.since, self.stale) = (selected, now, self.in_flight);
            let known = self.paths.iter().position(|(number, _)| *number == selected);
            let path = match known {
                Some(at) => self.paths.remove(at),
                None => (selected, Tolerant::new(now, self.mtu)),
            };
            self.paths.insert(0, path);
            self.paths.truncate(MAX_PATHS);
        }
        &mut self.paths[0].1
    }

    /// Takes octets out of flight; true if they were sent on the path in use.
    fn has_landed(&mut self, sent: Instant, bytes: u64) -> bool {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        let own = sent >= self.since;
        if !own {
            self.stale = self.stale.saturating_sub(bytes);
        }
        own
    }
}

impl Controller for PerPath {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.active(now);
        self.in_flight += bytes;
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.active(now);
        if self.has_landed(sent, bytes) {
            self.active(now).on_ack(now, sent, bytes, app_limited, rtt);
        }
    }

    /// `in_flight` is exact; what is counted here includes packets that nobody acknowledges.
    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        _app_limited: bool,
        _largest: Option<u64>,
    ) {
        self.active(now);
        self.in_flight = in_flight;
        self.stale = self.stale.min(in_flight);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost: u64) {
        self.active(now);
        if self.has_landed(sent, lost) {
            self.active(now).on_congestion_event(now, sent, persistent, lost);
        }
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.mtu = mtu;
        for (_, path) in &mut self.paths {
            path.on_mtu_update(mtu);
        }
    }

    /// A switch that no event has noticed yet counts already: QUIC asks before it sends.
    fn window(&self) -> u64 {
        let selected = self.selected.number();
        let path = self.paths.iter().find(|(number, _)| *number == selected);
        let own = path.map_or_else(|| self.initial_window(), |(_, path)| path.window());
        let is_new = selected != self.current || self.selected.silences() != self.silences;
        let allowed = if is_new {
            self.in_flight
        } else if self.latest.saturating_duration_since(self.since) < STALE_ALLOWANCE {
            self.stale
        } else {
            0
        };
        own + allowed
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.paths[0].1.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const MTU: u16 = 1200;
    const MILLISECOND: Duration = Duration::from_millis(1);
    const DIRECT: u32 = 1;
    const RELAY: u32 = 2;

    fn controller() -> (SelectedPath, PerPath, Instant) {
        let (selected, now) = (SelectedPath::default(), clock::now());
        selected.select(DIRECT);
        (selected.clone(), PerPath::new(selected, now, MTU), now)
    }

    #[test]
    fn each_path_has_its_own_window() {
        let (selected, mut controller, start) = controller();
        let initial = controller.window();
        let now = start + 100 * MILLISECOND;
        controller.on_sent(start, 1200, 1);
        controller.on_congestion_event(now, start, false, 1200);
        let reduced = controller.window();
        assert!(reduced < initial);

        selected.select(RELAY);
        assert_eq!(controller.window(), initial);
        controller.on_sent(now, 1200, 2);
        selected.select(DIRECT);
        controller.on_end_acks(now + MILLISECOND, 0, false, Some(2));
        assert_eq!(controller.window(), reduced, "the old path is remembered as it was");
    }

    #[test]
    fn what_was_sent_before_a_switch_does_not_count_after_it() {
        let (selected, mut controller, start) = controller();
        let initial = controller.window();
        for number in 0..10 {
            controller.on_sent(start, 1200, number);
        }
        selected.select(RELAY);
        let switch = start + 50 * MILLISECOND;
        assert_eq!(controller.window(), initial + 12_000, "at once, before any event");
        controller.on_sent(switch, 1200, 10);
        assert_eq!(controller.window(), initial + 12_000);
        controller.on_congestion_event(switch + MILLISECOND, start, true, 6000);
        assert_eq!(controller.window(), initial + 6000, "the losses of the old path are no news");
        // a loss of the new path is
        controller.on_congestion_event(switch + 2 * MILLISECOND, switch, false, 1200);
        assert!(controller.window() < initial + 6000);
    }

    #[test]
    fn after_a_silence_the_path_is_as_it_was() {
        let (selected, mut controller, start) = controller();
        controller.on_sent(start, 12_000, 1);
        controller.on_congestion_event(start, start, false, 1200);
        let before = controller.window();
        let wake = start + Duration::from_secs(30);
        selected.resume();
        assert_eq!(controller.window(), before + 10_800, "what was under way is gone");
        controller.on_sent(wake, 1200, 2);
        controller.on_congestion_event(wake + MILLISECOND, start, true, 10_800);
        assert_eq!(controller.window(), before);
    }

    #[test]
    fn the_allowance_ends() {
        let (selected, mut controller, start) = controller();
        let initial = controller.window();
        controller.on_sent(start, 12_000, 1);
        selected.select(RELAY);
        controller.on_sent(start + MILLISECOND, 0, 2);
        assert_eq!(controller.window(), initial + 12_000);
        controller.on_sent(start + STALE_ALLOWANCE + 2 * MILLISECOND, 0, 3);
        assert_eq!(controller.window(), initial);
    }

    #[test]
    fn what_nobody_acknowledges_is_corrected() {
        let (selected, mut controller, start) = controller();
        let initial = controller.window();
        controller.on_sent(start, 1 << 20, 1); // acknowledgements only
        controller.on_end_acks(start + MILLISECOND, 0, true, Some(1));
        selected.select(RELAY);
        assert_eq!(controller.window(), initial);
    }

    #[test]
    fn few_paths_are_remembered() {
        let (selected, mut controller, start) = controller();
        for number in 1..100 {
            selected.select(number);
            controller.on_sent(start + number * MILLISECOND, 0, number.into());
        }
        assert_eq!(controller.paths.len(), MAX_PATHS);
    }
}
