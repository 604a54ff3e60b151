//! Tells that the machine's network has changed, or that the machine has slept.
//!
//! On Linux both come as events: from the kernel's routing socket, and from a timer that is cancelled when
//! the clock jumps. Elsewhere there are none, and whoever needs to know must look now and then; see
//! [`NetworkWatch::open`].

#[cfg(target_os = "linux")]
mod linux;
mod message;

pub use message::Notice;

#[cfg(target_os = "linux")]
pub use linux::{ClockWatch, NetworkWatch};
#[cfg(not(target_os = "linux"))]
pub use portable::{ClockWatch, NetworkWatch};

/// Systems without such events.
#[cfg(not(target_os = "linux"))]
mod portable {
    use std::io;

    use super::message::{self, Notice};

    /// Nothing to watch.
    #[derive(Debug)]
    pub enum NetworkWatch {}

    impl NetworkWatch {
        /// There are no events on this system.
        ///
        /// # Errors
        /// Always.
        pub fn open() -> io::Result<NetworkWatch> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Never called.
        pub async fn next(&self) -> Vec<Notice> {
            message::notices(&[])
        }
    }

    /// Nothing to watch.
    #[derive(Debug)]
    pub enum ClockWatch {}

    impl ClockWatch {
        /// There are no events on this system.
        ///
        /// # Errors
        /// Always.
        pub fn open() -> io::Result<ClockWatch> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Never called.
        pub async fn jumped(&self) {}
    }
}
