//! What the HTTP side needs from the layers that find and connect peers.

use std::error::Error;

use bytes::Bytes;

use crate::identity::{Destination, Name};
use crate::runtime::http::{BoxFuture, Io};

use super::failure::Failure;

/// Finds people and opens streams to their services.
pub trait Peers: Send + Sync + 'static {
    /// Opens a stream that carries one HTTP/1.1 exchange with the service at `destination`.
    ///
    /// The future does every step from the name to the stream, with time limits of its own. `early` is the
    /// whole request if it has no effect: where a connection has to be made first, it may be sent ahead.
    ///
    /// # Errors
    /// The step that failed. A stream may also open and be refused later; see [`Peers::diagnose`].
    fn open(
        &self,
        destination: &Destination,
        early: Option<Bytes>,
    ) -> BoxFuture<Result<Box<dyn Io>, Failure>>;

    /// What a broken stream means, where its error (or a source of it) tells more than that it broke:
    /// the other daemon refused it because nothing is served at the port, for instance.
    fn diagnose(&self, destination: &Destination, error: &(dyn Error + 'static))
    -> Option<Failure>;

    /// On what ground the key of a name is believed or not, word for word as the decision says; None where
    /// nothing has been decided.
    fn ground(&self, name: &Name) -> Option<String>;

    /// The destination whose own-origin label is a hash, among those this daemon has met.
    fn destination_of_label(&self, label: &str) -> Option<Destination>;

    /// Takes note that a browser is sent to the own-origin form of a destination.
    fn remember_label(&self, destination: &Destination);
}
