//! Waiting for the person, or the service manager, to end a command.

use std::{io, os::unix::net::UnixStream};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};

use super::speak::Failure;
use crate::runtime::{Async, plain};

/// SIGINT or SIGTERM.
pub(super) struct Stop(Async<UnixStream>);

impl Stop {
    pub(super) fn new() -> Result<Stop, Failure> {
        listen()
            .map(Stop)
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {}", plain(&error))))
    }

    pub(super) async fn wait(&mut self) {
        // an error would be a reason to stop as well
        let _ = self.0.read_with(|mut signals| io::Read::read(&mut signals, &mut [0; 8])).await;
    }
}

/// What comes out at this end when a signal was caught.
fn listen() -> io::Result<Async<UnixStream>> {
    let (signals, caught) = UnixStream::pair()?;
    pipe::register(SIGINT, caught.try_clone()?)?;
    pipe::register(SIGTERM, caught)?;
    Async::new(signals)
}
