//! Values of options, read for argh: the text itself is part of what is wrong with it.

use std::net::SocketAddr;

use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::service::Upstream;

/// Reads a port under a name.
pub(super) fn port(text: &str) -> Result<ServicePort, String> {
    ServicePort::parse(text).ok_or_else(|| format!("{text:?} is not a number from 1 to 65535"))
}

/// Reads an address of this machine.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address like 127.0.0.1:5050"))
}

/// Reads an overlay.
pub(super) fn overlay(text: &str) -> Result<OverlayAddress, String> {
    OverlayAddress::parse(text).map_err(|error| error.to_string())
}

/// Reads where an application listens.
pub(super) fn upstream(text: &str) -> Result<Upstream, String> {
    Upstream::parse(text).map_err(|error| format!("{text:?}: {error}"))
}
