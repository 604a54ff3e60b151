//! What happens in the middle of a download.

use std::{process::Command, time::Duration};

use netlab::{Error, Lab};
use p2p::runtime::{block_on, clock};
use testbed::people::Program;

/// How long the direct path is cut.
const CUT: Duration = Duration::from_secs(8);
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
}

impl Event {
    pub(crate) const ALL: [Event; 8] = [
        Event::ClientMoves,
        Event::ServerMoves,
        Event::BothMove,
        Event::Renumbered,
        Event::Rebooted,
        Event::Cut,
        Event::Slower,
        Event::Sleep,
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
        }
    }

    /// Seconds that the median gap may take: less where somebody sees what happens.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Event::ClientMoves | Event::ServerMoves | Event::BothMove | Event::Slower => 0.3,
            Event::Renumbered | Event::Rebooted | Event::Cut | Event::Sleep => 1.5,
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

    /// Bits a second of the line afterwards, of `before`.
    pub(crate) fn rate_after(self, before: u64) -> u64 {
        if self == Event::Slower { before / 5 } else { before }
    }

    /// How long the client itself stands still.
    pub(crate) fn standstill(self) -> Duration {
        if self == Event::Sleep { SLEEP } else { Duration::ZERO }
    }

    /// Lets it happen; which of two sides it hits depends on the seed.
    pub(crate) fn happen(self, lab: &mut Lab, bob: &Program, seed: u64) -> Result<(), Error> {
        let (router, address) = match seed % 2 {
            0 => ("alice-nat", "11.3.0.77"),
            _ => ("bob-nat", "11.3.0.177"),
        };
        match self {
            Event::ClientMoves => lab.move_host("bob", "bob-other"),
            Event::ServerMoves => lab.move_host("alice", "alice-other"),
            Event::BothMove => lab.move_hosts(&[("bob", "bob-other"), ("alice", "alice-other")]),
            Event::Renumbered => lab.renumber(router, address),
            Event::Rebooted => lab.flush_nat(router),
            Event::Cut => {
                lab.set_path("alice", "bob", "state=down")?;
                block_on(clock::sleep(CUT));
                lab.set_path("alice", "bob", "state=up")
            }
            Event::Slower => {
                lab.set_link("bob-other", "up=10mbit down=10mbit")?;
                lab.set_path("alice", "bob-other", "rtt=100ms")?;
                lab.move_host("bob", "bob-other")
            }
            Event::Sleep => {
                signal(bob, "STOP");
                block_on(clock::sleep(SLEEP));
                signal(bob, "CONT");
                Ok(())
            }
        }
    }
}

fn signal(program: &Program, name: &str) {
    let id = program.id().to_string();
    let status = Command::new("kill").args(["-s", name, &id]).status();
    assert!(status.is_ok_and(|status| status.success()), "no signal to {id}");
}
