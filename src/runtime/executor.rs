//! The one executor.

use std::future::Future;

pub use async_executor::Task;

static EXECUTOR: async_executor::Executor<'static> = async_executor::Executor::new();

/// Runs `main` and everything spawned, on this thread, until `main` ends.
pub fn block_on<T>(main: impl Future<Output = T>) -> T {
    async_io::block_on(EXECUTOR.run(main))
}

/// Starts a task. Dropping the handle ends it; `detach` lets it run.
#[must_use = "a dropped task is cancelled"]
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
    EXECUTOR.spawn(task)
}
