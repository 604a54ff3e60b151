//! The one executor, and how its thread waits for events.
//!
//! async-io has two ways, and each is bad where the other is good:
//!
//! * While much happens, the executor's thread looks at sockets and timers itself. Nothing is faster, but
//!   async-io's own thread takes turns with it, and looks ten times in vain after most events.
//! * While little happens, async-io's thread alone looks at them, and wakes this one when there is work.
//!   That costs a change of threads for each event, and nothing in between.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

pub use async_executor::Task;
use async_io::Timer;

use super::{
    clock,
    load::{Load, PERIOD},
    memory,
};

/// How long it was quiet when memory of a busy time is given back: longer than people stay on one page of
/// a few, and then longer than connections live that nobody uses.
const GIVE_BACK_AFTER: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(420)];

static EXECUTOR: async_executor::Executor<'static> = async_executor::Executor::new();

/// Runs `main` and everything spawned, on this thread, until `main` ends.
pub fn block_on<T>(main: impl Future<Output = T>) -> T {
    let mut run = pin!(EXECUTOR.run(main));
    loop {
        if let Some(output) = run_while_quiet(run.as_mut()) {
            return output;
        }
        if let Some(output) = run_while_busy(run.as_mut()) {
            return output;
        }
    }
}

/// Starts a task. Dropping the handle ends it; `detach` lets it run.
#[must_use = "a dropped task is cancelled"]
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
    EXECUTOR.spawn(task)
}

/// Sleeps until woken; gives None when much happens.
fn run_while_quiet<T>(mut run: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut cx = Context::from_waker(&waker);
    let began = clock::now();
    let mut load = Load::new(began);
    let mut give_back = GIVE_BACK_AFTER.iter().map(|after| began + *after).peekable();
    loop {
        if let Poll::Ready(output) = run.as_mut().poll(&mut cx) {
            return Some(output);
        }
        if load.rises(clock::now()) {
            return None;
        }
        match give_back.peek() {
            Some(at) if parker.park_deadline(*at) => {}
            Some(_) => {
                memory::give_back();
                give_back.next();
            }
            None => parker.park(),
        }
    }
}

/// Looks at sockets and timers itself; gives None when little happens.
fn run_while_busy<T>(mut run: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut load = Load::new(clock::now());
    let mut review = Timer::after(PERIOD);
    async_io::block_on(poll_fn(|cx| {
        if let Poll::Ready(output) = run.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        load.count();
        while Pin::new(&mut review).poll(cx).is_ready() {
            if load.falls() {
                return Poll::Ready(None);
            }
            review.set_after(PERIOD);
        }
        Poll::Pending
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_its_own_task_only() {
        block_on(async {
            spawn(async { panic!("for a test") }).detach();
            assert_eq!(spawn(async { 7 }).await, 7);
        });
    }

    #[test]
    fn nothing_is_lost_from_quiet_to_busy_and_back() {
        let relay = || {
            let (sender, receiver) = async_channel::bounded(1);
            spawn(async move {
                for at in 0..1000 {
                    sender.send(at).await?;
                    clock::sleep(Duration::from_micros(u64::from(at % 2 == 0) * 100)).await;
                }
                Ok::<(), async_channel::SendError<u32>>(())
            })
            .detach();
            receiver
        };
        block_on(async {
            for _ in 0..2 {
                let receiver = relay();
                for at in 0..1000 {
                    assert_eq!(receiver.recv().await, Ok(at));
                }
                // longer than it takes to become quiet
                clock::sleep(2 * PERIOD).await;
            }
        });
    }
}
