//! Looks at the wire: which way the octets of a transfer go.

use std::{
    ops::Sub,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use netlab::{Lab, internet::Traffic};
use p2p::runtime::{block_on, clock};

/// How often the wire is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

/// What a direct way must have carried to be in use: more than all probes and refused handshakes before it.
const IN_USE: u64 = 8_000;

/// Octets of IP on their way to bob.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToBob {
    /// From alice's line.
    pub direct: u64,
    /// From the node `rendezvous`.
    pub relayed: u64,
}

impl ToBob {
    /// So far.
    pub fn now(lab: &Lab) -> ToBob {
        let from = |node| lab.traffic(node, "bob").map_or(0, |Traffic { octets, .. }| octets);
        ToBob { direct: from("alice"), relayed: from("rendezvous") }
    }

    /// Whether most of it came straight.
    pub fn is_direct(self) -> bool {
        self.direct > self.relayed
    }
}

impl Sub for ToBob {
    type Output = ToBob;

    fn sub(self, before: ToBob) -> ToBob {
        ToBob {
            direct: self.direct.saturating_sub(before.direct),
            relayed: self.relayed.saturating_sub(before.relayed),
        }
    }
}

/// Transfers something to bob again and again, and tells when alice's octets began to come straight. None when they
/// do not within `patience`, or a transfer says that there is no more.
pub fn until_direct(
    lab: &Lab,
    patience: Duration,
    mut transfer: impl FnMut() -> bool + Send,
) -> Option<Instant> {
    let (before, start) = (ToBob::now(lab), clock::now());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut goes_on = true;
            while goes_on && !done.load(Relaxed) {
                goes_on = transfer();
            }
            done.store(true, Relaxed);
        });
        let mut direct = None;
        while direct.is_none() && !done.load(Relaxed) && clock::now() - start < patience {
            block_on(clock::sleep(INTERVAL));
            if (ToBob::now(lab) - before).direct > IN_USE {
                direct = Some(clock::now());
            }
        }
        done.store(true, Relaxed);
        direct
    })
}
