//! The only module that asks what time it is.
#![expect(clippy::disallowed_methods, reason = "this is the edge: it reads the clocks")]

use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_lite::future;

use super::events::Timer;
use crate::identity::Timestamp;

/// Where a part of the program that others run for days in seconds gets its time from.
pub trait Clock: Debug + Send + Sync {
    /// The monotonic clock, for schedules.
    fn now(&self) -> Instant;

    /// The wall clock, for statements that are signed or expire.
    fn wall(&self) -> Timestamp;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Instant {
        now()
    }

    fn wall(&self) -> Timestamp {
        wall()
    }
}

/// The monotonic clock, for schedules.
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock, for statements that are signed or expire. A clock before 1970 reads 1970.
pub fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// How long the machine has run, the time it slept included; [`now`] leaves that out. Where the system does
/// not tell, the wall clock, which somebody may set.
pub fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(target_os = "linux"))]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Waits.
pub async fn sleep(duration: Duration) {
    Timer::after(duration).await;
}

/// Waits for so long, and up to `slack` longer if nothing else happens meanwhile: for what is not urgent, so that
/// it wakes nobody up who would go on sleeping.
pub async fn sleep_about(duration: Duration, slack: Duration) {
    let early = now() + duration;
    Timer::between(early, early + slack).await;
}

/// Waits until an instant; for ever if there is none.
pub async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            Timer::at(deadline).await;
        }
        None => future::pending().await,
    }
}

/// The result of `future`, or None if it took longer than `limit`.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    future::or(async { Some(future.await) }, async {
        sleep(limit).await;
        None
    })
    .await
}
