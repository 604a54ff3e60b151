//! CUBIC (RFC 9438) that tells the losses of a noisy line from those of a full queue.
//!
//! Losses mean congestion where they come with a queue, and a queue shows in the round trip: it takes longer
//! than the shortest one of the path. A loss without one is noise (radio, bad cables), and halving the window
//! for it leaves most of the line empty (measured: 4.3 of 20 Mbit/s at 1 % loss and 40 ms, 1.1 at 10 %). So the
//! window ignores it, unless so much is lost that there may be a queue too short to show, or a policer.
//!
//! On a line that is known to be noisy some packet is always lost as soon as there is a queue, long before it is
//! full. CUBIC would then give up three tenths of a window that has just filled the line. So the window is not
//! taken back by more than empties the queue, as in TCP Westwood: what arrives in a second, times the shortest
//! round trip.
//!
//! Beside other traffic that fills the queue it is CUBIC, and as fair.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::congestion::{Controller, Cubic, CubicConfig};
use quinn_proto::RttEstimator;

use super::throughput::Throughput;

/// A queue is one that adds this to the shortest round trip, or a quarter of it: less is the jitter of
/// acknowledgements and of a busy processor.
const MIN_QUEUE: Duration = Duration::from_millis(10);
/// More losses than one octet in so many are never noise.
const TOLERATED: u64 = 6;
/// They are counted over so many windows.
const WINDOWS: u64 = 4;
/// A line is noisy that loses more than one octet in so many without a queue.
const NOISY: u64 = 400;
/// They are counted over so many windows.
const NOISY_WINDOWS: u64 = 32;
/// An older sample of the round trip weighs so many times as much as a new one.
const SMOOTHING: u32 = 7;
/// What a window holds on a noisy line, in tenths of what the line does: what was lost counts until
/// that is noticed, and the rest is a queue too short to be one.
const FILLED: u128 = 11;

/// The controller of one path.
#[derive(Clone)]
pub(super) struct Tolerant {
    cubic: Cubic,
    /// The shortest round trip of the path so far.
    shortest: Option<Duration>,
    smoothed: Duration,
    lost: Share,
    /// What was lost without a queue.
    noise: Share,
    throughput: Throughput,
    /// What the window does not fall below.
    least: u64,
}

impl Tolerant {
    pub(super) fn new(now: Instant, mtu: u16) -> Tolerant {
        let cubic = Cubic::new(Arc::new(CubicConfig::default()), now, mtu);
        // a few early losses are no statistics yet
        let lost = Share { all: WINDOWS * cubic.window(), part: 0 };
        Tolerant {
            cubic,
            shortest: None,
            smoothed: Duration::ZERO,
            lost,
            noise: Share::default(),
            throughput: Throughput::new(now),
            least: 0,
        }
    }

    pub(super) fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        octets: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.arrived(octets, now.saturating_duration_since(sent), now);
        self.cubic.on_ack(now, sent, octets, app_limited, rtt);
    }

    /// `lost` is 0 where a router has marked packets, which it does when its queue is long.
    pub(super) fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        persistent: bool,
        lost: u64,
    ) {
        let (is_queued, is_noisy) = (self.is_queued(), self.noise.exceeds(NOISY));
        self.count(lost, lost, if is_queued { 0 } else { lost });
        self.throughput.count(lost, self.smoothed, now);
        let is_much = self.lost.exceeds(TOLERATED);
        let is_news = lost == 0 || persistent || is_queued || is_much;
        if is_news {
            let window = self.window();
            self.cubic.on_congestion_event(now, sent, persistent, lost);
            let spares = is_noisy && lost > 0 && !persistent && !is_much;
            self.least = if spares { self.filled().min(window) } else { 0 };
        }
    }

    pub(super) fn on_mtu_update(&mut self, mtu: u16) {
        self.cubic.on_mtu_update(mtu);
    }

    pub(super) fn window(&self) -> u64 {
        self.cubic.window().max(self.least)
    }

    pub(super) fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn arrived(&mut self, octets: u64, round_trip: Duration, now: Instant) {
        self.sample(round_trip);
        self.count(octets, 0, 0);
        self.throughput.count(octets, self.smoothed, now);
    }

    fn sample(&mut self, round_trip: Duration) {
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.smoothed = match self.shortest {
            None => round_trip,
            Some(_) => (self.smoothed * SMOOTHING + round_trip) / (SMOOTHING + 1),
        };
        self.shortest = Some(shortest);
    }

    fn count(&mut self, octets: u64, lost: u64, noise: u64) {
        let window = self.window();
        self.lost.count(octets, lost, WINDOWS * window);
        self.noise.count(octets, noise, NOISY_WINDOWS * window);
    }

    /// Whether packets wait in a queue; what nobody has measured may.
    fn is_queued(&self) -> bool {
        let is_long =
            |shortest: Duration| self.smoothed >= shortest + (shortest / 4).max(MIN_QUEUE);
        self.shortest.is_none_or(is_long)
    }

    /// A window that keeps the line busy and leaves its queue empty.
    fn filled(&self) -> u64 {
        let shortest = self.shortest.unwrap_or_default();
        let octets = u128::from(self.throughput.octets_a_second()) * shortest.as_micros();
        u64::try_from(octets * FILLED / 10 / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// Which part of the octets of late is of some kind.
#[derive(Clone, Copy, Default)]
struct Share {
    all: u64,
    part: u64,
}

impl Share {
    /// Forgets the older half when there are twice as many as `span`.
    fn count(&mut self, all: u64, part: u64, span: u64) {
        self.all += all;
        self.part += part;
        if self.all > 2 * span {
            self.all /= 2;
            self.part /= 2;
        }
    }

    /// Whether it is more than one in so many.
    fn exceeds(&self, one_in: u64) -> bool {
        self.part * one_in > self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const PACKET: u64 = 1200;
    const ROUND_TRIP: Duration = Duration::from_millis(40);

    /// A controller whose packets have taken so long for a while, and the time.
    fn controller(shortest: Duration, of_late: Duration) -> (Tolerant, Instant) {
        let now = clock::now() + Duration::from_secs(1);
        let mut controller = Tolerant::new(now, PACKET as u16);
        for round_trip in [shortest, of_late] {
            for _ in 0..50 {
                controller.sample(round_trip);
            }
        }
        (controller, now)
    }

    fn lose(controller: &mut Tolerant, now: Instant, octets: u64) -> bool {
        let before = controller.window();
        controller.on_congestion_event(now, now, false, octets);
        controller.window() < before
    }

    #[test]
    fn losses_count_only_with_a_queue() {
        let (mut clear, now) = controller(ROUND_TRIP, ROUND_TRIP + MIN_QUEUE / 2);
        assert!(!lose(&mut clear, now, PACKET));
        let (mut queued, now) = controller(ROUND_TRIP, ROUND_TRIP * 2);
        assert!(lose(&mut queued, now, PACKET));
    }

    #[test]
    fn many_losses_and_marks_count_always() {
        let (mut policed, now) = controller(ROUND_TRIP, ROUND_TRIP);
        let all = policed.lost.all;
        assert!(lose(&mut policed, now, all));
        let (mut marked, now) = controller(ROUND_TRIP, ROUND_TRIP);
        assert!(lose(&mut marked, now, 0));
        let (mut broken, now) = controller(ROUND_TRIP, ROUND_TRIP);
        broken.on_congestion_event(now, now, true, PACKET);
        assert!(broken.window() < broken.initial_window());
    }

    /// On a line that takes 2 MB a second and has lost so many of a thousand packets, with a window that has just
    /// filled it.
    fn filled_line(losses: u64) -> (Tolerant, Instant) {
        let (mut controller, mut now) = controller(ROUND_TRIP, ROUND_TRIP);
        let mut config = CubicConfig::default();
        config.initial_window(100_000);
        controller.cubic = Cubic::new(Arc::new(config), now, PACKET as u16);
        for packet in 0..10_000 {
            now += Duration::from_micros(600);
            controller.arrived(PACKET, ROUND_TRIP, now);
            if packet % 1000 < losses {
                controller.on_congestion_event(now, now, false, PACKET);
            }
        }
        (0..50).for_each(|_| controller.sample(ROUND_TRIP * 3 / 2));
        (controller, now)
    }

    #[test]
    fn a_noisy_line_stays_full() {
        let (mut noisy, now) = filled_line(10);
        assert_eq!(noisy.window(), 100_000, "nothing was lost by a queue");
        assert!(lose(&mut noisy, now, PACKET));
        let in_flight = 2_000_000 * 40 / 1000;
        let spared = in_flight * 105 / 100..in_flight * 115 / 100;
        assert!(spared.contains(&noisy.window()), "{}", noisy.window());
        let all = noisy.lost.all;
        assert!(lose(&mut noisy, now, all), "too much is lost");
        assert!(noisy.window() < in_flight, "{}", noisy.window());
    }

    #[test]
    fn a_clean_line_is_shared_as_others_share_it() {
        let (mut clean, now) = filled_line(0);
        assert!(lose(&mut clean, now, PACKET));
        assert_eq!(clean.window(), 70_000);
    }
}
