//! Registrations under a virtual clock: published, hidden from strangers, looked up.

mod presence;
mod publisher;
mod resolver;
