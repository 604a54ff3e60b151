//! Values of options, read for argh: the text itself is part of what is wrong with it.

use std::net::SocketAddr;

use super::speak::Failure;
use crate::daemon::{AccessWish, Circle};
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;
use crate::service::{Access, Upstream};
use crate::trust::{AccessList, Rule};

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

/// Reads a rendezvous.
pub(super) fn rendezvous(text: &str) -> Result<Rendezvous, String> {
    text.parse().map_err(|error| format!("{text:?} {error}"))
}

/// Reads to whom something is lent.
pub(super) fn circle(text: &str) -> Result<Circle, String> {
    Circle::parse(text)
}

/// Reads a rate in octets a second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a rate like 20mbit or 500kbit");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "kbit" => 1_000,
        "mbit" => 1_000_000,
        "gbit" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).map(|bits| bits / 8).filter(|octets| *octets > 0).ok_or_else(wrong)
}

/// Reads where an application listens.
pub(super) fn upstream(text: &str) -> Result<Upstream, String> {
    Upstream::parse(text).map_err(|error| format!("{text:?}: {error}"))
}

/// Reads who may use a service.
pub(super) fn rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text).map_err(|error| error.to_string())
}

/// Whom a service is for when it starts: without a word about it whom `p2p allow` named last, else everybody.
///
/// # Errors
/// When there are too many rules.
pub(super) fn access_wish(rules: Vec<Rule>, cross_site: bool) -> Result<AccessWish, Failure> {
    let says = !rules.is_empty() || cross_site;
    let access = access(rules, cross_site)?;
    Ok(if says { AccessWish::Said(access) } else { AccessWish::Kept(access) })
}

/// Whom a service is for: everybody unless rules are given.
///
/// # Errors
/// When there are too many rules.
pub(super) fn access(rules: Vec<Rule>, cross_site: bool) -> Result<Access, Failure> {
    let list = if rules.is_empty() { Ok(AccessList::public()) } else { AccessList::new(rules) };
    Ok(Access { list: list.map_err(Failure::usage)?, cross_site })
}
