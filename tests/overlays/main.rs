//! Every kind of overlay against a real server of its kind on this machine, with one suite for all; and
//! against servers that do everything wrong.
//!
//! What an overlay cannot do, it says in its abilities; the suite asks there and never for its kind.

mod bad_input;
#[cfg(feature = "mainline")]
mod krpc;
mod lan;
mod program;
mod sealed;
mod subjects;
mod suite;
