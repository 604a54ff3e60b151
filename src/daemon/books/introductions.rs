//! Where to look for people whose share links said so: the overlays in a link count for its sender alone,
//! beside the configured ones. The file `introductions` of the home keeps them, a line each.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use crate::daemon::home::{Home, HomeError};
use crate::identity::{KeyPair, Name, Seed, ShareLink};
use crate::overlay::{self, Overlay, OverlayAddress};
use crate::runtime::{
    file::{self, Access},
    lock, random,
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
    /// a kind that this version does not know are left out; so are those on this machine or its network
    /// unless `nearby` says otherwise, and these are given back.
    ///
    /// # Errors
    /// When the file cannot be written or is full.
    pub fn remember(
        &self,
        link: &ShareLink,
        nearby: bool,
    ) -> Result<Vec<OverlayAddress>, HomeError> {
        let unusable = |error| HomeError::Unusable { path: self.path.clone(), error };
        let mut lines: Vec<String> = self
            .entries()
            .into_iter()
            .filter(|entry| entry.name != link.name)
            .map(|entry| entry.to_line())
            .collect();
        let known = link.overlays.iter().filter_map(|text| OverlayAddress::parse(text).ok());
        let (taken, left_out): (Vec<_>, Vec<_>) =
            known.partition(|overlay| nearby || !overlay.is_nearby());
        let name = &link.name;
        lines.extend(
            taken
                .into_iter()
                .map(|overlay| Entry { name: name.clone(), overlay, nearby }.to_line()),
        );
        let text = lines.concat();
        if text.len() > MAX_SIZE {
            return Err(unusable(std::io::ErrorKind::FileTooLarge.into()));
        }
        file::replace(&self.path, text.as_bytes(), Access::Private).map_err(unusable)?;
        Ok(left_out)
    }

    /// Clients of the overlays that a person's link named, but for those in `besides`.
    pub(in crate::daemon) fn of(
        &self,
        name: &Name,
        besides: &[Arc<dyn Overlay>],
    ) -> Vec<Arc<dyn Overlay>> {
        let entries = self.entries().into_iter().filter(|entry| entry.name == *name);
        let mut opened = lock(&self.opened);
        let mut clients = Vec::new();
        for Entry { overlay: address, nearby, .. } in entries.take(ShareLink::MAX_OVERLAYS) {
            let spelling = address.to_string();
            if besides.iter().any(|overlay| overlay.address() == spelling) {
                continue;
            }
            let open = || {
                // they are only read; a key matters to those who write
                let nobody = KeyPair::from_seed(&Seed::new(random::bytes()));
                if nearby {
                    overlay::open(&address, &nobody)
                } else {
                    overlay::open_foreign(&address, &nobody)
                }
            };
            clients.push(opened.entry(spelling).or_insert_with(open).clone());
        }
        clients
    }

    /// The clients opened so far.
    pub(in crate::daemon) fn opened(&self) -> Vec<Arc<dyn Overlay>> {
        lock(&self.opened).values().cloned().collect()
    }

    /// What the file says; lines that make no sense are passed over.
    fn entries(&self) -> Vec<Entry> {
        let content = file::read(&self.path, MAX_SIZE).unwrap_or_default();
        String::from_utf8_lossy(&content).lines().filter_map(parse).collect()
    }
}

/// One overlay of one person.
#[derive(Debug)]
struct Entry {
    name: Name,
    overlay: OverlayAddress,
    /// Whether the person said that it may be on this machine or its network.
    nearby: bool,
}

const NEARBY: &str = "nearby";

impl Entry {
    fn to_line(&self) -> String {
        let Entry { name, overlay, nearby } = self;
        let nearby = if *nearby { format!(" {NEARBY}") } else { String::new() };
        format!("{name} {overlay}{nearby}\n")
    }
}

fn parse(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let name = Name::parse(words.next()?).ok()?;
    let overlay = OverlayAddress::parse(words.next()?).ok()?;
    let nearby = words.next() == Some(NEARBY);
    // somebody may have edited the file
    (nearby || !overlay.is_nearby()).then_some(Entry { name, overlay, nearby })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, overlays: &[&str]) -> ShareLink {
        let key = KeyPair::from_seed(&Seed::new([1; 32])).public();
        let overlays = overlays.iter().map(|overlay| (*overlay).to_owned()).collect();
        ShareLink { name: Name::parse(name).unwrap(), key, is_private: false, overlays }
    }

    #[test]
    fn a_link_says_where_its_sender_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let store = |port: u16| format!("store:http://127.0.0.1:{port}/{{slot}}");
        let alice = link("alice@example.com", &["lan", &store(1), "carrier-pigeon"]);
        let bob = link("bob@example.com", &[&store(2)]);
        Introductions::new(&home).remember(&bob, true).unwrap();
        Introductions::new(&home).remember(&alice, true).unwrap();
        let introductions = Introductions::new(&home);
        let spelled = |besides: &[Arc<dyn Overlay>]| -> Vec<String> {
            let found = introductions.of(&alice.name, besides);
            found.iter().map(|overlay| overlay.address().to_owned()).collect()
        };
        assert_eq!(spelled(&[]), ["lan".to_owned(), store(1)]);
        let configured = introductions.of(&alice.name, &[]).remove(0);
        assert_eq!(spelled(&[configured]), [store(1)]);

        introductions.remember(&link("alice@example.com", &[&store(3)]), true).unwrap();
        assert_eq!(spelled(&[]), [store(3)]);
        assert_eq!(introductions.entries().len(), 2);
    }

    #[test]
    fn a_link_does_not_make_this_machine_ask_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let near = [
            "lan",
            "store:http://127.0.0.1:9/",
            "store:http://[::1]/",
            "store:http://[::ffff:10.0.0.1]/",
            "store:http://192.168.1.1/",
            "store:http://169.254.169.254/",
            "store:http://100.64.0.1/",
            "store:http://0.0.0.0/",
            "store:http://[fd00::1]/",
            "store:http://localhost/",
            "store:http://router/",
        ];
        let more = ["store:http://nas.local/", "store:http://0x7f.1/", "store:http://2130706433/"];
        for overlays in near.chunks(6).chain([&more[..]]) {
            let introductions = Introductions::new(&home);
            let left_out = introductions.remember(&link("eve@example.com", overlays), false);
            assert_eq!(left_out.unwrap().len(), overlays.len(), "{overlays:?}");
            assert_eq!(introductions.entries().len(), 0);
        }
        let far = link("eve@example.com", &["store:https://store.example.org/"]);
        let introductions = Introductions::new(&home);
        assert_eq!(introductions.remember(&far, false).unwrap(), []);
        assert_eq!(introductions.of(&far.name, &[]).len(), 1);
    }
}
