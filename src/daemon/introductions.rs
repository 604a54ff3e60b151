//! Where to look for people whose share links said so: the overlays in a link count for its sender alone,
//! beside the configured ones. The file `introductions` of the home keeps them, a line each.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use super::home::{Home, HomeError};
use super::lock_of;
use crate::identity::{KeyPair, Name, Seed, ShareLink};
use crate::overlay::{self, Overlay, OverlayAddress};
use crate::runtime::{
    file::{self, Access},
    random,
};

/// The overlays in which other people said they are found.
#[derive(Debug)]
pub struct Introductions {
    path: PathBuf,
    /// Clients of the overlays used so far, by their spelling.
    opened: Mutex<BTreeMap<String, Arc<dyn Overlay>>>,
}

/// Thousands of links with the longest names and addresses.
const MAX_SIZE: usize = 4 << 20;

impl Introductions {
    /// Those of a home; there may be none yet.
    pub fn new(home: &Home) -> Introductions {
        Introductions { path: home.path("introductions"), opened: Mutex::default() }
    }

    /// Takes over what a link says about its sender, in place of what an earlier one said. Overlays of
    /// a kind that this version does not know are left out.
    ///
    /// # Errors
    /// When the file cannot be written or is full.
    pub fn remember(&self, link: &ShareLink) -> Result<(), HomeError> {
        let unusable = |error| HomeError::Unusable { path: self.path.clone(), error };
        let mut lines: Vec<String> = self
            .entries()
            .into_iter()
            .filter(|(name, _)| *name != link.name)
            .map(|(name, overlay)| format!("{name} {overlay}\n"))
            .collect();
        let known = link.overlays.iter().filter_map(|text| OverlayAddress::parse(text).ok());
        lines.extend(known.map(|overlay| format!("{} {overlay}\n", link.name)));
        let text = lines.concat();
        if text.len() > MAX_SIZE {
            return Err(unusable(std::io::ErrorKind::FileTooLarge.into()));
        }
        file::replace(&self.path, text.as_bytes(), Access::Private).map_err(unusable)
    }

    /// Clients of the overlays that a person's link named, but for those in `besides`.
    pub(super) fn of(&self, name: &Name, besides: &[Arc<dyn Overlay>]) -> Vec<Arc<dyn Overlay>> {
        let entries = self.entries().into_iter().filter(|(whose, _)| whose == name);
        let mut opened = lock_of(&self.opened);
        let mut clients = Vec::new();
        for (_, address) in entries.take(ShareLink::MAX_OVERLAYS) {
            let spelling = address.to_string();
            if besides.iter().any(|overlay| overlay.address() == spelling) {
                continue;
            }
            let open = || {
                // they are only read; a key matters to those who write
                overlay::open(&address, &KeyPair::from_seed(&Seed::new(random::bytes())))
            };
            clients.push(opened.entry(spelling).or_insert_with(open).clone());
        }
        clients
    }

    /// The clients opened so far.
    pub(super) fn opened(&self) -> Vec<Arc<dyn Overlay>> {
        lock_of(&self.opened).values().cloned().collect()
    }

    /// What the file says; lines that make no sense are passed over.
    fn entries(&self) -> Vec<(Name, OverlayAddress)> {
        let content = file::read(&self.path, MAX_SIZE).unwrap_or_default();
        String::from_utf8_lossy(&content).lines().filter_map(parse).collect()
    }
}

fn parse(line: &str) -> Option<(Name, OverlayAddress)> {
    let (name, overlay) = line.split_once(' ')?;
    Some((Name::parse(name).ok()?, OverlayAddress::parse(overlay).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, overlays: &[&str]) -> ShareLink {
        let key = KeyPair::from_seed(&Seed::new([1; 32])).public();
        let overlays = overlays.iter().map(|overlay| (*overlay).to_owned()).collect();
        ShareLink { name: Name::parse(name).unwrap(), key, overlays }
    }

    #[test]
    fn a_link_says_where_its_sender_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let store = |port: u16| format!("store:http://127.0.0.1:{port}/{{slot}}");
        let alice = link("alice@example.com", &["lan", &store(1), "carrier-pigeon"]);
        Introductions::new(&home).remember(&link("bob@example.com", &[&store(2)])).unwrap();
        Introductions::new(&home).remember(&alice).unwrap();
        let introductions = Introductions::new(&home);
        let spelled = |besides: &[Arc<dyn Overlay>]| -> Vec<String> {
            let found = introductions.of(&alice.name, besides);
            found.iter().map(|overlay| overlay.address().to_owned()).collect()
        };
        assert_eq!(spelled(&[]), ["lan".to_owned(), store(1)]);
        let configured = introductions.of(&alice.name, &[]).remove(0);
        assert_eq!(spelled(&[configured]), [store(1)]);

        introductions.remember(&link("alice@example.com", &[&store(3)])).unwrap();
        assert_eq!(spelled(&[]), [store(3)]);
        assert_eq!(introductions.entries().len(), 2);
    }
}
