//! The paper's experiment: `cargo bench --bench paper`.
//!
//! The topology is the paper's Table I: 195 ms between the two hosts, alice behind an ADSL line of 512 kbit/s with ATM
//! framing, and store, rendezvous and Teredo server as far away as there. bob asks, through his proxy, for a response
//! of 338 octets with a request of 238, as all systems have been asked that stand beside. One row for each way to
//! alice; plain TCP through a port forwarded by hand, to the same origin, is measured in the same laboratory, turn by
//! turn.
//!
//! * cold: bob's daemon has just been installed and knows nothing but alice's name; from his request to the
//!   response, lookup included. Of the goal 27 ms are the look-up, 195 the way to alice and back, and 22 the first
//!   packet of her handshake on her line, in which the response travels. A call has to reach her before bob's first
//!   packet does. Over Teredo it must not be at alice's NAT before she is asked in, and the way through this server
//!   takes 21 ms longer than the straight one, so that 265 ms are the least, and the goal is out of reach, also for a
//!   request that would go through this server in the small pieces that it lets pass. bob does not know how far alice
//!   is, and waits for the longest that it may be, a round trip to the Teredo server of 50 ms. He learns his address
//!   meanwhile: he is not configured with Teredo, and would not be faster if he were.
//! * warm: the next requests on the same connections; how much longer than plain TCP takes. Its response is in 9 cells
//!   of ATM and ours in 8, which saves 0.83 ms of what the programs on the way take.
//! * 2 MB: a body of two million octets; its rate as a share of plain TCP's.
//! * B: octets of IP at bob's line, both directions, for the cold exchange and for a warm request with its response;
//!   and each second when nothing is asked, averaged. Of the cold ones QUIC needs 3684 for its three datagrams of 1200
//!   octets, in the first of which the early request is; a look-up takes some 400, probes 430, the rest of the
//!   handshake 600. A call costs 500 more. Through a rendezvous the first datagram has 700 octets, and what both
//!   tell each other costs 600, as does learning an address over Teredo, where each packet of the handshake has 48
//!   more. Through a relay a request and its response have 6 more. In a minute of silence QUIC speaks twice or three
//!   times, which is 120 octets there and back, as does a rendezvous of bob's own for 84; a Teredo server takes 234.
//!
//! The rows `mapped`, `call` and `teredo` need miniupnpd, coturn and miredo-server (the last one as root).
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_ROUNDS` | 5 | cold starts, and rounds of warm requests |
//! | `P2P_BENCH_TRANSFERS` | 2 | bodies of 2 MB, 40 s each; 0 for none |
//! | `P2P_BENCH_IDLE` | 60 | seconds of silence; 0 for none |
//! | `P2P_BENCH_DUMP` | none | a folder for the packets of bob's line, which tcpdump writes |
//! | `P2P_BENCH_ONLY` | all | some of `public,mapped,rendezvous,symmetric,call,teredo` |

mod figures;
mod known;
mod way;

use std::process::ExitCode;

use figures::Figures;
use testbed::bench::choice::{Choice, WrongWord};
use testbed::bench::laboratory::{self, progress};
use way::Way;

fn main() -> ExitCode {
    laboratory::run("paper", measure)
}

fn measure() -> Result<(), WrongWord> {
    let ways = Choice::of("P2P_BENCH_ONLY", Way::ALL, |way| way.word()).made()?;
    known::print(&known::TITLES);
    known::print(&known::GOALS);
    for way in ways {
        progress(way.name());
        match Figures::measure(way) {
            Ok(figures) => figures.print(way.name()),
            Err(reason) => println!("{:36}{reason}", way.name()),
        }
    }
    println!(
        "\nthe least for a cold start, by the round trips: {} ms, over Teredo {} ({} if bob knew how far alice is)",
        known::LEAST_COLD,
        known::LEAST_TEREDO,
        known::LEAST_COLD + known::LEAST_DETOUR
    );
    println!("\nothers, measured in the same topology before, and the paper's own:");
    known::OTHERS.iter().for_each(known::print);
    Ok(())
}
