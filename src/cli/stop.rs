//! Waiting for the person, or the service manager, to end a command.

use async_signal::{Signal, Signals};
use futures_lite::StreamExt;

use super::speak::Failure;

/// SIGINT or SIGTERM.
pub(super) struct Stop(Signals);

impl Stop {
    pub(super) fn new() -> Result<Stop, Failure> {
        Signals::new([Signal::Int, Signal::Term])
            .map(Stop)
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))
    }

    pub(super) async fn wait(&mut self) {
        // the stream has no end; an error of it would be a reason to stop as well
        let _ = self.0.next().await;
    }
}
