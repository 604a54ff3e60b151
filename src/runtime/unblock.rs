//! Threads for work that blocks: files, name resolution.
//!
//! A thread is started when work comes and none is free, and ends when there was none for a while. Idle
//! threads sleep without a clock that ticks, so that a daemon with nothing to do does nothing.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use async_task::Runnable;

use super::Task;
use crate::runtime::lock;

/// Runs `work` on another thread. Dropping the task before its turn has come cancels it.
#[must_use = "a dropped task is cancelled"]
pub fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    start(Box::pin(async move { work() }))
}

/// Apart from the above, so that it is there once for each result and not for each work.
fn start<T: Send + 'static>(work: Pin<Box<dyn Future<Output = T> + Send>>) -> Task<T> {
    let (runnable, task) = async_task::spawn(work, |work| POOL.schedule(work));
    runnable.schedule();
    task
}

static POOL: Pool = Pool::new();

/// As many look-ups in dead overlays, reads from slow disks and the like may go on at a time.
const MAX_THREADS: usize = 256;

/// A thread without work waits so long for more: longer than the pauses between the requests of a page.
const LINGER: Duration = Duration::from_secs(2);

struct Pool {
    state: Mutex<State>,
    /// There is something in the queue.
    work: Condvar,
}

struct State {
    queue: VecDeque<Runnable>,
    /// All of the pool's threads.
    threads: usize,
    /// Those that wait for work.
    idle: usize,
}

impl Pool {
    const fn new() -> Pool {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0 };
        Pool { state: Mutex::new(state), work: Condvar::new() }
    }

    fn schedule(&'static self, work: Runnable) {
        let mut state = self.state();
        state.queue.push_back(work);
        if state.idle > 0 {
            self.work.notify_one();
        } else {
            self.grow(&mut state);
        }
    }

    /// Starts a thread if there is work that nobody is free for. One is enough: it does the same.
    fn grow(&'static self, state: &mut State) {
        if state.queue.is_empty() || state.idle > 0 || state.threads >= MAX_THREADS {
            return;
        }
        // if the system has no more threads, those that exist come to it, or the next call tries again
        let started = thread::Builder::new().name("blocking".into()).spawn(|| self.run());
        state.threads += usize::from(started.is_ok());
    }

    /// What each thread does.
    fn run(&'static self) {
        let mut state = self.state();
        loop {
            while let Some(work) = state.queue.pop_front() {
                self.grow(&mut state);
                drop(state);
                // whoever waits for the task learns of a panic
                let _ = catch_unwind(AssertUnwindSafe(|| work.run()));
                state = self.state();
            }
            state.idle += 1;
            let waited =
                self.work.wait_timeout_while(state, LINGER, |state| state.queue.is_empty());
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() {
                state.threads -= 1;
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::runtime::{block_on, clock};

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn work_that_waits_for_other_work_does_not_hold_it_up() {
        let tasks = (0..20).map(|at| {
            let (sender, receiver) = mpsc::channel();
            (sender, unblock(move || receiver.recv_timeout(PATIENCE).map(|()| at)))
        });
        let (senders, tasks): (Vec<_>, Vec<_>) = tasks.unzip();
        // the last one first, so that none gets on before all run
        let release = unblock(move || senders.into_iter().rev().for_each(|s| s.send(()).unwrap()));
        block_on(async {
            release.await;
            for (at, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await, Ok(at));
            }
        });
    }

    #[test]
    fn threads_end_when_nothing_comes() {
        static OWN: Pool = Pool::new();
        let (runnable, task) = async_task::spawn(async { 1 }, |work| OWN.schedule(work));
        runnable.schedule();
        assert_eq!(block_on(task), 1);
        let ended = async {
            while OWN.state().threads > 0 {
                clock::sleep(Duration::from_millis(10)).await;
            }
        };
        block_on(clock::timeout(PATIENCE, ended)).expect("no thread stays");
    }

    #[test]
    fn a_panic_costs_its_own_task_only() {
        let broken = unblock(|| panic!("for a test"));
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(broken))).is_err());
        assert_eq!(block_on(unblock(|| 7)), 7);
    }
}
