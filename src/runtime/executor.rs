//! The one executor.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

pub use async_executor::Task;

use super::{clock, events::Turn, load::Load, memory};

/// How long it was quiet when memory of a busy time is given back: longer than people stay on one page of
/// a few, and then longer than connections live that nobody uses.
const GIVE_BACK_AFTER: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(420)];

/// As many tasks run before the executor asks whether there is anything else, such as news from the kernel.
const TASKS: usize = 200;

static EXECUTOR: async_executor::Executor<'static> = async_executor::Executor::new();

/// Runs `main` and everything spawned, on this thread, until `main` ends.
pub fn block_on<T>(main: impl Future<Output = T>) -> T {
    let mut run = pin!(EXECUTOR.run(main));
    let mut turn = Turn::new();
    let waker = turn.waker();
    let mut cx = Context::from_waker(&waker);
    let mut load = Load::new(clock::now());
    let mut give_back = GIVE_BACK_AFTER.iter().peekable();
    let mut news: usize = 0;
    loop {
        // All of whom the kernel told have their turn before it is asked again: else those of many who have answered
        // would be told of anew while the last still wait, and come twice as often as these. The executor counts to
        // TASKS from one turn to the next, so that it may stop among few as well.
        let mut more = news.div_ceil(TASKS);
        loop {
            if let Poll::Ready(output) = run.as_mut().poll(&mut cx) {
                return output;
            }
            if more == 0 || !turn.take_woken() {
                break;
            }
            more -= 1;
        }
        let now = clock::now();
        if load.counts_as_busy(now) {
            give_back = GIVE_BACK_AFTER.iter().peekable();
        }
        let due = give_back.peek().map(|after| load.busy_until() + **after);
        news = if due.is_some_and(|due| due <= now) {
            memory::give_back();
            give_back.next();
            0
        } else {
            turn.wait(due)
        };
    }
}

/// Starts a task. Dropping the handle ends it; `detach` lets it run.
#[must_use = "a dropped task is cancelled"]
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
    // behind a pointer, so that the code of a task is there once for what it gives and not for each future
    let task: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(task);
    EXECUTOR.spawn(task)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use super::*;
    use crate::runtime::{Async, unblock};

    #[test]
    fn a_panic_costs_its_own_task_only() {
        block_on(async {
            spawn(async { panic!("for a test") }).detach();
            assert_eq!(spawn(async { 7 }).await, 7);
        });
    }

    #[test]
    fn events_find_the_thread_that_waits_for_them_among_many() {
        let threads = (0..8).map(|thread: u64| {
            std::thread::spawn(move || {
                block_on(async {
                    let (one, other) = Async::<UnixStream>::pair().unwrap();
                    for round in 0..200_u8 {
                        clock::sleep(Duration::from_micros((thread * u64::from(round)) % 300))
                            .await;
                        let writing = spawn(unblock(move || round));
                        let octet = writing.await;
                        (&mut one.get_ref()).write_all(&[octet]).unwrap();
                        let mut read = [0];
                        other.read_with(|mut socket| socket.read_exact(&mut read)).await.unwrap();
                        assert_eq!(read, [round]);
                    }
                });
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_thread_that_blocks_in_a_task_holds_up_nobody_else() {
        let (sender, blocked) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            block_on(async {
                clock::sleep(Duration::from_millis(1)).await;
                blocked.recv().unwrap(); // leads no more, and waits for the other thread
            });
        });
        block_on(async {
            clock::sleep(Duration::from_millis(20)).await;
            sender.send(()).unwrap();
        });
        other.join().unwrap();
    }
}
