//! How the configuration spells where the slots of a store are. Who asks there is the client.

use crate::identity::Slot;
use crate::overlay::address_error::AddressError;
use crate::overlay::host::{Host, check_url};

/// Where the slots of a store are: a URL with a gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    spelling: Box<str>,
    before: Box<str>,
    after: Box<str>,
    host: Host,
}

impl StoreUrl {
    /// Reads what follows `store:` in a spelling.
    ///
    /// # Errors
    /// When it is no URL of http or https with one gap behind its host.
    pub(in crate::overlay) fn parse(spelling: &str, url: &str) -> Result<StoreUrl, AddressError> {
        let (before, after) = split_at_gap(url)?;
        if [&before, &after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(AddressError::Gap);
        }
        let host = check_url(url, &format!("{before}{}{after}", Slot([0; 20])))?;
        // the gap must not choose the host: one store's slots are at one host
        let start = before.find("://").map_or(0, |at| at + 3);
        if !before[start..].contains(['/', '?']) {
            return Err(AddressError::GapInHost);
        }
        Ok(StoreUrl { spelling: spelling.into(), before: before.into(), after: after.into(), host })
    }

    /// The URL of one slot.
    pub fn of(&self, slot: Slot) -> String {
        format!("{}{slot}{}", self.before, self.after)
    }

    /// Host and port of a store that is spelt as ours are, and may be asked by datagrams.
    pub(super) fn datagrams(&self) -> Option<(&str, u16)> {
        let authority = self.before.strip_prefix("http://")?.strip_suffix('/')?;
        let is_plain = self.after.is_empty() && !authority.contains('/');
        let (host, port) = authority.rsplit_once(':').filter(|_| is_plain)?;
        Some((host, port.parse().ok()?))
    }

    /// As it was configured, with `store:` in front.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// What makes this store different from others, for deriving secrets: the URL with `{slot}` in
    /// its gap, however the gap was spelt.
    pub fn template(&self) -> String {
        format!("{}{{slot}}{}", self.before, self.after)
    }

    /// Whether the store is on this machine, where no proxy may stand in between.
    pub fn is_loopback(&self) -> bool {
        self.host.loopback
    }

    /// Whether it is on this machine or in a network around it.
    pub(in crate::overlay) fn is_nearby(&self) -> bool {
        self.host.nearby
    }
}

/// What stands before and behind the slot; without a gap the slot is the last part of the path.
fn split_at_gap(url: &str) -> Result<(String, String), AddressError> {
    for gap in ["{slot}", "{key}"] {
        if let Some((before, after)) = url.split_once(gap) {
            return Ok((before.into(), after.into()));
        }
    }
    if url.contains('?') {
        return Err(AddressError::Gap); // nobody can tell where in a query the slot belongs
    }
    Ok((format!("{}/", url.trim_end_matches('/')), String::new()))
}
