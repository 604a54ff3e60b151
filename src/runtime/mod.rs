//! The edge of the program: executor, clock, randomness, files, HTTP connections
//! and pages.
//!
//! Everything runs on one thread, in smol's executor; QUIC measured twice the CPU time when its tasks and the
//! application's ran on two. The same thread waits for sockets and timers. What would block (files, name
//! resolution) goes through [`unblock`] to a pool of threads that exist only while they have work.
//!
//! Nothing here knows what the program is about.

pub mod clock;
mod dial;
mod events;
mod executor;
mod family;
pub mod file;
pub mod html;
pub mod http;
pub mod ip;
mod load;
mod lock;
mod memory;
pub mod network;
mod plain;
mod preference;
pub mod random;
mod secret;
mod socket;
mod splice;
pub mod tls;
mod token;
mod unblock;

pub use dial::dial;
pub use events::{Async, Readiness, Timer};
pub use executor::{Task, block_on, spawn};
pub use family::lacks_family;
pub use lock::lock;
#[cfg(target_os = "linux")]
pub use memory::Heap;
pub use memory::share_heap;
pub use plain::plain;
pub use preference::preference;
pub use secret::{SecretHash, secret_hash};
pub use socket::{SocketIo, TcpIo, UnixIo};
pub use splice::{splice, splice_upgrades};
pub use token::{Token, Tokens};
pub use unblock::unblock;
