//! Wiring.
pub mod home;
mod notify;
