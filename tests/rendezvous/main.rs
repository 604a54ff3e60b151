//! Hosts that know of each other nothing but a rendezvous.

mod hosts;
mod processes;
