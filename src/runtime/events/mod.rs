//! Waiting for sockets and for moments: what futures of this program wait for in the end.
//!
//! On Linux one thread does everything: whoever runs the executor asks the kernel itself when nothing is left to
//! run, so that an event costs one wake-up. async-io keeps a thread of its own beside it, which costs two more for
//! each event and takes part in none of the work; elsewhere it does well enough.

#[cfg(target_os = "linux")]
mod nonblocking;
#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(target_os = "linux")]
mod reactor;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod timer;
#[cfg(target_os = "linux")]
mod timers;

#[cfg(target_os = "linux")]
pub use {
    nonblocking::{Async, Readiness},
    timer::Timer,
};

#[cfg(target_os = "linux")]
pub(super) use reactor::Turn;

#[cfg(not(target_os = "linux"))]
pub(super) use portable::Turn;
#[cfg(not(target_os = "linux"))]
pub use portable::{Async, Readiness, Timer};
