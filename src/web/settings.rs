//! What a proxy is told, and the limits that hold when nobody says otherwise.

use std::time::Duration;

use crate::runtime::http::Limits;

use super::hop::Pseudonym;

/// What a proxy is told.
#[derive(Clone)]
pub struct Settings {
    /// The TCP port at which clients reach the proxy.
    pub port: u16,
    /// What stands for this daemon in `Via`.
    pub pseudonym: Pseudonym,
    /// Limits of the connections inside of tunnels.
    pub limits: Limits,
    /// Time in which a response must begin, counted from when the request last moved.
    pub response: Duration,
    /// How long a client that waits for 100 (Continue) is kept waiting for a service that never sends
    /// it.
    pub expect: Duration,
    /// Time in which a client must send more of its request's body.
    pub request_idle: Duration,
    /// Time in which a service must send more of its response's body.
    pub response_idle: Duration,
    /// Requests, and tunnels, at a time.
    pub concurrent: usize,
}

impl Settings {
    /// The usual limits.
    pub fn new(port: u16, pseudonym: Pseudonym) -> Settings {
        Settings {
            port,
            pseudonym,
            limits: Limits::default(),
            response: Duration::from_secs(60),
            expect: Duration::from_secs(1),
            request_idle: Duration::from_secs(60),
            response_idle: Duration::from_secs(600),
            concurrent: 512,
        }
    }
}
