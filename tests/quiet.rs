//! A program that has little to do sleeps.

#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use p2p::runtime::{block_on, clock};

/// Events, further apart than the threads that share the work could mistake for a busy time.
const EVENTS: u64 = 30;
const APART: Duration = Duration::from_millis(25);

/// The thread that looks at the timers wakes, and the one that the event is for; a few more times are
/// for the beginning and for the two of them to meet at a lock.
const MOST: u64 = 3 * EVENTS;

#[test]
fn an_event_wakes_two_threads_once() {
    let wait = || block_on(clock::sleep(APART));
    wait(); // all threads are there
    let before = sleeps();
    block_on(async {
        for _ in 0..EVENTS {
            clock::sleep(APART).await;
        }
    });
    let slept = sleeps() - before;
    assert!(slept >= EVENTS, "{slept}: what is counted here?");
    assert!(slept <= MOST, "{slept} wake-ups for {EVENTS} events");
}

/// How often all threads of this process have gone to sleep.
fn sleeps() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let status = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")));
    status.map(|status| voluntary_switches(&status.unwrap())).sum()
}

fn voluntary_switches(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}
