//! What a download or an upload feels when its ends move: `cargo bench --bench mobility`.
//!
//! bob downloads from alice, both behind port-restricted NATs on lines of 50 Mbit/s, 40 ms apart, with a rendezvous and
//! relay as far away. Something happens in the middle of it. For each thing, over seeded runs: whether all octets came
//! and were the right ones, whether alice saw one request only (so the connection was the same), the longest time
//! in which nothing came, and the goodput in the five seconds after that as a share of the line. Then bob uploads, and
//! alice's application says what came when: nothing comes of who sleeps, and who sends has to find out by himself that
//! nothing gets through any more. A slow relay has a line of 5 Mbit/s and is 50 ms from each.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_MB` | 100 | size of the transfer |
//! | `P2P_BENCH_RUNS` | 20 | of each |
//! | `P2P_BENCH_SEED` | 1 | of the first run |
//! | `P2P_BENCH_ONLY` | all | some of `client,server,both,renumbered,rebooted,cut,slower,sleep,fallback,climb` |
//! | `P2P_BENCH_DIRECTION` | all | some of `download,upload` |
//! | `P2P_BENCH_NOTES` | | file that keeps what runs have found, for those that follow or go on beside |

mod event;
mod run;

use std::process::ExitCode;

use event::Event;
use run::{Direction, Run};
use testbed::bench::choice::{Choice, WrongWord};
use testbed::bench::laboratory::{self, progress, setting};
use testbed::bench::notes::Notes;
use testbed::bench::table::{Series, number};

/// Of the line, after a switch.
const GOODPUT_GOAL: f64 = 0.85;

/// Cells of a row.
type Row<'a> = [&'a str; 7];

const TITLES: Row<'static> =
    ["", "right", "one request", "gap s, median [range]", "goal", "goodput after", "iroh's gap"];

fn main() -> ExitCode {
    laboratory::run("mobility", measure)
}

fn measure() -> Result<(), WrongWord> {
    let events = Choice::of("P2P_BENCH_ONLY", Event::ALL, |event| event.word()).made()?;
    let directions = Choice::of("P2P_BENCH_DIRECTION", Direction::ALL, |way| way.word()).made()?;
    let notes = Notes::open();
    let (runs, first) = (setting("P2P_BENCH_RUNS", 20), setting("P2P_BENCH_SEED", 1));
    let megabytes = setting("P2P_BENCH_MB", 100);
    print(&TITLES);
    for direction in directions {
        for &event in events.iter().filter(|event| event.happens_to(direction)) {
            let mut ended = Vec::new();
            for seed in first..first + runs {
                let key = format!("{} {} {megabytes} MB {seed}", direction.word(), event.word());
                progress(&key);
                let found = notes.recall_or(&key, || {
                    run::run(event, direction, seed, megabytes).map(|run| run.to_string())
                });
                match found.and_then(|found| found.parse()) {
                    Ok(run) => ended.push(run),
                    Err(reason) => eprintln!("  failed: {reason}"),
                }
            }
            report(event, direction, runs, &ended);
        }
    }
    Ok(())
}

fn report(event: Event, direction: Direction, runs: u64, ended: &[Run]) {
    let count = |what: fn(&Run) -> bool| {
        let count = ended.iter().filter(|run| what(run)).count() as u64;
        format!("{count}/{runs}{}", if count == runs { "" } else { " NO" })
    };
    let gap: Series = ended.iter().map(|run| run.gap.as_secs_f64()).collect();
    let goodput: Series = ended.iter().map(|run| run.goodput).collect();
    let is_reached = gap.median() <= event.goal();
    let goal = format!("<= {} {}", event.goal(), if is_reached { "yes" } else { "NO" });
    let is_fast = goodput.median() >= GOODPUT_GOAL;
    let name = match direction {
        Direction::Download => event.name().to_owned(),
        Direction::Upload => format!("upload: {}", event.name()),
    };
    print(&[
        &name,
        &count(|run| run.right),
        &count(|run| run.requests == 1),
        &gap.range(),
        &goal,
        &format!("{} {}", number(goodput.median()), if is_fast { "yes" } else { "NO" }),
        event.iroh(),
    ]);
}

fn print(row: &Row<'_>) {
    let widths = [33, 10, 13, 26, 12, 15, 0];
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    println!("{}", cells.collect::<String>().trim_end());
}
