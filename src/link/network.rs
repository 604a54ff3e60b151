//! Whether this host's network has changed in a way that matters, sans-IO.
//!
//! Changes come in groups, and most of what the system tells is of no interest: a scan for wireless networks,
//! an announcement of a router, a container that starts. So a first sign opens a short wait, and then two
//! views are compared. An address or a way out that went away matters even if it is back by then: the other
//! network may have given the same address.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::runtime::network::Notice;

use super::locators::InterfaceAddress;

/// What peers can notice of this host's network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NetworkView {
    /// Those that peers may be told, in a fixed order.
    pub(super) addresses: Vec<InterfaceAddress>,
    /// Whence packets to far away come, for each family that gets there, if the interface works.
    pub(super) sources: Vec<IpAddr>,
}

/// Changes of one event come within this time.
const DEBOUNCE: Duration = Duration::from_millis(10);
/// The same while there is no way out: who waits for the network waits for nothing else.
const OFFLINE_DEBOUNCE: Duration = Duration::from_millis(2);
/// However many come, the first is not kept waiting for longer.
const MAX_DEBOUNCE: Duration = Duration::from_millis(100);
/// Clocks that are read one after the other differ by less.
const MIN_SLEEP: Duration = Duration::from_secs(1);

/// Decides when to look, and what was seen.
#[derive(Debug)]
pub(super) struct NetworkMonitor {
    view: NetworkView,
    /// When to look, and when at the latest.
    due: Option<(Instant, Instant)>,
    /// Something that mattered went away, for however short a time.
    broken: bool,
    /// The monotonic clock beside the one that counts sleep.
    clocks: (Instant, Duration),
}

impl NetworkMonitor {
    pub(super) fn new(view: NetworkView, now: Instant, since_boot: Duration) -> NetworkMonitor {
        NetworkMonitor { view, due: None, broken: false, clocks: (now, since_boot) }
    }

    /// Takes what the system tells.
    pub(super) fn handle_notice(&mut self, notice: Notice, now: Instant) {
        self.broken |= match notice {
            Notice::AddressGone(ip) => self.view.addresses.iter().any(|known| known.ip == ip),
            Notice::RouteGone => true,
            Notice::Other => false,
        };
        let latest = self.due.map_or(now + MAX_DEBOUNCE, |(_, latest)| latest);
        let offline = self.view.sources.is_empty();
        let wait = if offline { OFFLINE_DEBOUNCE } else { DEBOUNCE };
        self.due = Some(((now + wait).min(latest), latest));
    }

    /// When to look at the network; None while there is no reason to.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.map(|(due, _)| due)
    }

    /// Takes what is seen; true if that is another network.
    pub(super) fn handle_view(&mut self, view: NetworkView) -> bool {
        self.due = None;
        let changed = self.broken || view != self.view;
        self.broken = false;
        self.view = view;
        changed
    }

    /// Takes what the clocks say; the time that the machine slept since they were read last, if it did.
    pub(super) fn handle_clocks(&mut self, now: Instant, since_boot: Duration) -> Option<Duration> {
        let (then, boot_then) = self.clocks;
        self.clocks = (now, since_boot);
        let awake = now.saturating_duration_since(then);
        let asleep = since_boot.saturating_sub(boot_then).saturating_sub(awake);
        (asleep >= MIN_SLEEP).then_some(asleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn view(addresses: &[&str]) -> NetworkView {
        let address =
            |text: &&str| InterfaceAddress { interface: "wlan0".into(), ip: text.parse().unwrap() };
        let addresses: Vec<_> = addresses.iter().map(address).collect();
        let sources = addresses.iter().map(|address| address.ip).collect();
        NetworkView { addresses, sources }
    }

    fn monitor(addresses: &[&str]) -> (NetworkMonitor, Instant) {
        let now = clock::now();
        (NetworkMonitor::new(view(addresses), now, Duration::ZERO), now)
    }

    #[test]
    fn a_sign_without_a_difference_is_none() {
        let (mut monitor, now) = monitor(&["192.0.2.1"]);
        assert_eq!(monitor.poll_timeout(), None);
        monitor.handle_notice(Notice::Other, now);
        monitor.handle_notice(Notice::AddressGone([172, 17, 0, 1].into()), now);
        assert_eq!(monitor.poll_timeout(), Some(now + DEBOUNCE));
        assert!(!monitor.handle_view(view(&["192.0.2.1"])));
        assert_eq!(monitor.poll_timeout(), None);
    }

    #[test]
    fn who_has_no_network_does_not_wait_long_for_the_next() {
        let (mut monitor, now) = monitor(&["192.0.2.1"]);
        monitor.handle_notice(Notice::RouteGone, now);
        assert!(monitor.handle_view(view(&[])), "it is gone");
        let later = now + 50 * MILLISECOND;
        monitor.handle_notice(Notice::Other, later);
        assert_eq!(monitor.poll_timeout(), Some(later + OFFLINE_DEBOUNCE));
        assert!(monitor.handle_view(view(&["198.51.100.7"])), "and another is there");
        monitor.handle_notice(Notice::Other, later);
        assert_eq!(monitor.poll_timeout(), Some(later + DEBOUNCE));
    }

    #[test]
    fn another_network_with_the_same_address_is_another_network() {
        for notice in [Notice::AddressGone([192, 0, 2, 1].into()), Notice::RouteGone] {
            let (mut monitor, now) = monitor(&["192.0.2.1"]);
            monitor.handle_notice(notice, now);
            assert!(monitor.handle_view(view(&["192.0.2.1"])));
            assert!(!monitor.handle_view(view(&["192.0.2.1"])), "told once");
        }
    }

    #[test]
    fn another_address_is_another_network() {
        let (mut monitor, now) = monitor(&["192.0.2.1"]);
        monitor.handle_notice(Notice::Other, now);
        assert!(monitor.handle_view(view(&["192.0.2.2"])));
    }

    #[test]
    fn a_stream_of_signs_does_not_put_the_look_off() {
        let (mut monitor, start) = monitor(&["192.0.2.1"]);
        for step in 0..20 {
            let now = start + step * 10 * MILLISECOND;
            if monitor.poll_timeout().is_some_and(|due| due <= now) {
                assert!(now <= start + MAX_DEBOUNCE);
                return;
            }
            monitor.handle_notice(Notice::Other, now);
        }
        panic!("never");
    }

    #[test]
    fn sleep_is_what_one_clock_counts_and_the_other_does_not() {
        let (mut monitor, start) = monitor(&[]);
        let (now, boot) = (start + Duration::from_secs(60), Duration::from_secs(60));
        assert_eq!(monitor.handle_clocks(now, boot + 3 * MILLISECOND), None);
        let slept = Duration::from_secs(30);
        let later = now + Duration::from_secs(5);
        let boot = boot + Duration::from_secs(5) + slept;
        assert_eq!(monitor.handle_clocks(later, boot), Some(slept - 3 * MILLISECOND));
        assert_eq!(monitor.handle_clocks(later, boot), None);
    }
}
