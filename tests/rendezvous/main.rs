//! Hosts that know of each other nothing but a rendezvous.

mod hosts;
#[path = "../people/mod.rs"]
mod people;
mod processes;
