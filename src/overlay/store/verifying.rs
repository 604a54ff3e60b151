//! Checks signatures: most of what a put costs, so another processor does it where many come at once.
//!
//! One thread answers requests; those who only read do not wait behind signatures. A put that is alone is checked at
//! once, for it would wait longer for the other thread than for the check.

use std::{
    fmt,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use async_channel::{Receiver, Sender};

use crate::runtime::{Task, spawn, unblock};

/// Checks of one visit to another thread at most: what comes meanwhile is checked at the next.
const MAX_BATCH: usize = 32;
/// How many may wait before those who put are slowed down.
const MAX_WAITING: usize = 1024;
/// Threads at most, each beside the one that answers.
const MAX_THREADS: usize = 4;

type Check = Box<dyn FnOnce() + Send>;

/// Those who check.
pub(super) struct Verifier {
    /// None where there is one processor for all.
    queue: Option<Sender<Check>>,
    /// They end with this.
    _checking: Vec<Task<()>>,
}

impl Verifier {
    /// One for each processor but the one that answers.
    pub(super) fn new() -> Verifier {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Verifier::with((processors - 1).min(MAX_THREADS))
    }

    fn with(threads: usize) -> Verifier {
        let (queue, checks) = async_channel::bounded(MAX_WAITING);
        let checking = (0..threads).map(|_| spawn(run(checks.clone()))).collect();
        Verifier { queue: (threads > 0).then_some(queue), _checking: checking }
    }

    /// What `check` gives, some time later.
    pub(super) async fn check<T: Send + 'static>(
        &self,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let Some(queue) = &self.queue else { return check() };
        let (reply, outcome) = async_channel::bounded(1);
        let check = move || {
            let _ = reply.try_send(check()); // who went away need not know
        };
        queue.send(Box::new(check)).await.expect("as long as there is a queue, it is emptied");
        outcome.recv().await.expect("the check did not panic")
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

async fn run(checks: Receiver<Check>) {
    while let Ok(first) = checks.recv().await {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH
            && let Ok(check) = checks.try_recv()
        {
            batch.push(check);
        }
        if batch.len() == 1 {
            perform(batch);
        } else {
            unblock(move || perform(batch)).await;
        }
    }
}

fn perform(batch: Vec<Check>) {
    for check in batch {
        // only the one who waits for it learns of a panic
        let _ = catch_unwind(AssertUnwindSafe(check));
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use futures_lite::{FutureExt, future};

    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn many_are_checked_elsewhere_and_each_gets_its_own_answer() {
        const COUNT: usize = 200;
        let here = current().id();
        let (queue, checks) = async_channel::bounded(MAX_WAITING);
        let verifier = Verifier { queue: Some(queue), _checking: Vec::new() };
        let asked = (0..COUNT).map(|at| verifier.check(move || (at, current().id())));
        let mut asked: Vec<_> = asked.map(Box::pin).collect();
        block_on(async {
            // all wait before the first is looked at: nobody empties the queue yet
            for each in &mut asked {
                assert!(future::poll_once(each).await.is_none());
            }
            let answered = async {
                for (at, each) in asked.into_iter().enumerate() {
                    let (own, thread) = each.await;
                    assert_eq!(own, at);
                    assert_ne!(thread, here);
                }
            };
            let checking = async {
                run(checks).await;
                unreachable!("the queue is there as long as the verifier");
            };
            answered.or(checking).await;
        });
    }

    #[test]
    fn where_there_is_one_processor_nobody_waits_for_another() {
        let verifier = Verifier::with(0);
        let here = current().id();
        assert_eq!(block_on(verifier.check(|| current().id())), here);
    }

    #[test]
    fn a_check_that_panics_costs_nobody_else_his() {
        let verifier = Verifier::with(1);
        block_on(async {
            let panics = verifier.check(|| -> () { panic!("for a test") });
            assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            assert_eq!(verifier.check(|| 7).await, 7);
        });
    }

    #[test]
    fn who_is_alone_is_answered() {
        assert_eq!(block_on(Verifier::with(1).check(|| 7)), 7);
    }
}
