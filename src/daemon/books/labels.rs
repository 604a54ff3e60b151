//! Whose a hash label is. Only unusually long or odd names need one as their browser origin; the file
//! `labels` of the home keeps them, a line each, so that a bookmark works after a restart.

use std::{path::PathBuf, sync::Mutex};

use crate::daemon::home::Home;
use crate::identity::{Destination, Name, OriginLabel, ServicePort, SortedMap};
use crate::runtime::file::{self, Access};
use crate::runtime::{lock, plain};

/// The destinations met that need a hash label.
#[derive(Debug)]
pub struct Labels {
    path: PathBuf,
    known: Mutex<SortedMap<String, Destination>>,
}

/// More odd names than anybody meets.
const MAX_LABELS: usize = 4096;
/// So many lines with the longest names and ports.
const MAX_SIZE: usize = MAX_LABELS * (Name::MAX_LENGTH + 7);

impl Labels {
    /// The labels of a home.
    pub fn new(home: &Home) -> Labels {
        Labels { path: home.path("labels"), known: Mutex::default() }
    }

    /// Remembers a destination, if its label is a hash.
    pub fn remember(&self, destination: &Destination) {
        let label = destination.origin_label();
        if !matches!(OriginLabel::parse(&label), Some(OriginLabel::Hash(_))) {
            return;
        }
        let mut known = lock(&self.known);
        if known.contains_key(&label) {
            return;
        }
        known.extend(self.read());
        if known.len() < MAX_LABELS && known.insert(label, destination.clone()).is_none() {
            let lines: String =
                known.values().map(|destination| format!("{destination}\n")).collect();
            if let Err(error) = file::replace(&self.path, lines.as_bytes(), Access::Private) {
                log::warn!("cannot write {}: {}", self.path.display(), plain(&error));
            }
        }
    }

    /// Whose a hash label is.
    pub fn find(&self, label: &str) -> Option<Destination> {
        let mut known = lock(&self.known);
        if !known.contains_key(label) {
            known.extend(self.read()); // another process may have met it
        }
        known.get(label).cloned()
    }

    fn read(&self) -> SortedMap<String, Destination> {
        let content = file::read(&self.path, MAX_SIZE).unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        text.lines().filter_map(parse).map(|d| (d.origin_label(), d)).collect()
    }
}

fn parse(line: &str) -> Option<Destination> {
    let (name, port) = line.rsplit_once(':')?;
    Some(Destination { name: Name::parse(name).ok()?, port: ServicePort::parse(port)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_found_again_and_plain_ones_need_it_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let destination = |line| parse(line).unwrap();
        let odd = destination("a_b@example.com:1000");
        Labels::new(&home).remember(&odd);
        Labels::new(&home).remember(&destination("alice@example.com:1000"));
        let labels = Labels::new(&home);
        assert_eq!(labels.find(&odd.origin_label()), Some(odd));
        assert_eq!(labels.find("1000-alice-at-example-com"), None);
        assert_eq!(labels.read().len(), 1);
    }
}
