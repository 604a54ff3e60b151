//! What happens in the middle of a transfer.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use netlab::{Error, Lab};
use p2p::runtime::{block_on, clock};
use testbed::homes::watch::wait_direct;
use testbed::people::Program;

use crate::run::Direction;

/// How long the direct path is cut.
const CUT: Duration = Duration::from_secs(8);
/// So long that all of the time after the fall back to a relay is measured.
const LONG_CUT: Duration = Duration::from_secs(10);
/// Both ends look for a direct path again at least once in that time.
const CLIMB: Duration = Duration::from_secs(30);
/// How long a laptop sleeps.
const SLEEP: Duration = Duration::from_secs(30);

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// bob goes to another network.
    ClientMoves,
    /// alice does.
    ServerMoves,
    /// Both do, at the same time.
    BothMove,
    /// A line gets another public address, and nobody behind it sees it.
    Renumbered,
    /// A router forgets its mappings.
    Rebooted,
    /// Nothing passes between the two lines for a while; the relay stays.
    Cut,
    /// bob goes to a network with a slower and longer line.
    Slower,
    /// bob's program stands still for half a minute.
    Sleep,
    /// Nothing passes between the two lines for so long that the relay has to do, whose line is slow.
    Fallback,
    /// The same, and then they find each other again.
    Climb,
}

impl Event {
    pub(crate) const ALL: [Event; 10] = [
        Event::ClientMoves,
        Event::ServerMoves,
        Event::BothMove,
        Event::Renumbered,
        Event::Rebooted,
        Event::Cut,
        Event::Slower,
        Event::Sleep,
        Event::Fallback,
        Event::Climb,
    ];

    /// What chooses it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Event::ClientMoves => "client",
            Event::ServerMoves => "server",
            Event::BothMove => "both",
            Event::Renumbered => "renumbered",
            Event::Rebooted => "rebooted",
            Event::Cut => "cut",
            Event::Slower => "slower",
            Event::Sleep => "sleep",
            Event::Fallback => "fallback",
            Event::Climb => "climb",
        }
    }

    /// What stands in its row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::ClientMoves => "client moves",
            Event::ServerMoves => "server moves",
            Event::BothMove => "both move",
            Event::Renumbered => "NAT renumbered silently",
            Event::Rebooted => "NAT rebooted",
            Event::Cut => "direct path cut for 8 s",
            Event::Slower => "client moves to a slower line",
            Event::Sleep => "30 s sleep",
            Event::Fallback => "fall back to a slow relay",
            Event::Climb => "climb from a slow relay",
        }
    }

    /// Whether it is measured with octets that go this way: a slow relay is as slow for both.
    pub(crate) fn happens_to(self, direction: Direction) -> bool {
        direction == Direction::Download || !matches!(self, Event::Fallback | Event::Climb)
    }

    /// Seconds that the median gap may take: less where somebody sees what happens.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Event::ClientMoves | Event::ServerMoves | Event::BothMove => 0.3,
            Event::Slower | Event::Climb => 0.3,
            Event::Renumbered | Event::Rebooted | Event::Cut => 1.5,
            Event::Sleep | Event::Fallback => 1.5,
        }
    }

    /// Seconds, measured in the same topology.
    pub(crate) fn iroh(self) -> &'static str {
        match self {
            Event::ClientMoves => "0.88",
            Event::ServerMoves => "2.1-2.4",
            Event::Renumbered => "15.6",
            _ => "",
        }
    }

    /// Bits a second of the path afterwards, of `before`.
    pub(crate) fn rate_after(self, before: u64) -> u64 {
        match self {
            Event::Slower => before / 5,
            Event::Fallback => before / 10,
            _ => before,
        }
    }

    /// Changes the network before anything begins.
    pub(crate) fn prepare(self, lab: &Lab) -> Result<(), Error> {
        if matches!(self, Event::Fallback | Event::Climb) {
            lab.set_link("rendezvous", "up=5mbit down=5mbit queue=100ms")?;
            lab.set_path("alice", "rendezvous", "rtt=50ms")?;
            lab.set_path("bob", "rendezvous", "rtt=50ms")?;
        }
        Ok(())
    }

    /// How long the client itself stands still.
    pub(crate) fn standstill(self) -> Duration {
        if self == Event::Sleep { SLEEP } else { Duration::ZERO }
    }

    /// Lets it happen; which of two sides it hits depends on the seed. Gives the time when the path that matters is
    /// taken, if that is not where the transfer has stood still.
    pub(crate) fn happen(
        self,
        lab: &mut Lab,
        bob: &Program,
        seed: u64,
    ) -> Result<Option<Instant>, Error> {
        let (router, address) = match seed % 2 {
            0 => ("alice-nat", "11.3.0.77"),
            _ => ("bob-nat", "11.3.0.177"),
        };
        match self {
            Event::ClientMoves => lab.move_host("bob", "bob-other")?,
            Event::ServerMoves => lab.move_host("alice", "alice-other")?,
            Event::BothMove => lab.move_hosts(&[("bob", "bob-other"), ("alice", "alice-other")])?,
            Event::Renumbered => lab.renumber(router, address)?,
            Event::Rebooted => lab.flush_nat(router)?,
            Event::Cut => cut(lab, CUT)?,
            Event::Fallback => cut(lab, LONG_CUT)?,
            Event::Climb => {
                cut(lab, LONG_CUT)?;
                return Ok(wait_direct(lab, CLIMB));
            }
            Event::Slower => {
                lab.set_link("bob-other", "up=10mbit down=10mbit")?;
                lab.set_path("alice", "bob-other", "rtt=100ms")?;
                lab.move_host("bob", "bob-other")?;
            }
            Event::Sleep => {
                signal(bob, "STOP");
                block_on(clock::sleep(SLEEP));
                signal(bob, "CONT");
            }
        }
        Ok(None)
    }
}

/// Cuts the straight path for a while.
fn cut(lab: &Lab, time: Duration) -> Result<(), Error> {
    lab.set_path("alice", "bob", "state=down")?;
    block_on(clock::sleep(time));
    lab.set_path("alice", "bob", "state=up")
}

fn signal(program: &Program, name: &str) {
    let id = program.id().to_string();
    let status = Command::new("kill").args(["-s", name, &id]).status();
    assert!(status.is_ok_and(|status| status.success()), "no signal to {id}");
}
