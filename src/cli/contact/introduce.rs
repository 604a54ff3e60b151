//! Taking what a share link says: whose key it is, and where its owner is found.

use super::super::{
    home,
    speak::{self, Failure},
};
use super::not_pinned;
use crate::daemon::{ContactBook, Home, Introductions};
use crate::identity::{PublicKey, ShareLink};

/// Accepts what a share link says. Overlays on this machine or its network could make it ask things of its
/// neighbours, so they are taken only if the person says so (`nearby`).
///
/// # Errors
/// When another key is known for the name, or a file cannot be written.
pub(in crate::cli) fn take(home: &Home, link: &ShareLink, nearby: bool) -> Result<(), Failure> {
    usable(&link.key)?;
    let book = ContactBook::new(home);
    let pinned = match link.is_private {
        true => book.pin_private(&link.name, link.key),
        false => book.pin(&link.name, link.key),
    };
    pinned.map_err(|error| not_pinned(&link.name, &error))?;
    let left_out = Introductions::new(home).remember(link, nearby).map_err(home::unusable)?;
    for overlay in left_out {
        speak::note(format!(
            "not looking in {overlay}, which is on this machine or its network; --nearby takes it"
        ));
    }
    Ok(())
}

/// Refuses keys with which not only their owner can sign.
///
/// # Errors
/// When it is one.
pub(in crate::cli) fn usable(key: &PublicKey) -> Result<(), Failure> {
    if key.is_usable() {
        return Ok(());
    }
    Err(Failure::refused("this key is not usable: anybody could sign with it"))
}
