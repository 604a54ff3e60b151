//! The HTTP side of the daemon over loopback TCP, seen octet by octet.

mod failures;
mod finish;
mod forms;
mod framing;
mod harness;
mod streams;
