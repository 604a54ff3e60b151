//! Whose the hash labels are that this proxy has sent people to.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::identity::Destination;
use crate::identity::OriginLabel;

/// So many are remembered; older ones are found through a redirect again.
const CAPACITY: usize = 256;

/// The last destinations whose own-origin label is a hash.
#[derive(Debug, Default)]
pub(super) struct Labels(Mutex<VecDeque<(String, Destination)>>);

impl Labels {
    /// Notes a destination, if its label does not tell it.
    pub(super) fn remember(&self, destination: &Destination) {
        let label = destination.origin_label();
        if !matches!(OriginLabel::parse(&label), Some(OriginLabel::Hash(_))) {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != label);
        known.truncate(CAPACITY - 1);
        known.push_front((label, destination.clone()));
    }

    /// Whose label it is.
    pub(super) fn destination(&self, label: &str) -> Option<Destination> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(other, _)| other == label).map(|(_, destination)| destination.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(host: &str) -> Destination {
        Destination::from_proxy_host(host).unwrap().unwrap()
    }

    #[test]
    fn hashes_are_remembered_up_to_a_limit() {
        let labels = Labels::default();
        let plain = destination("alice.at.example.com");
        labels.remember(&plain);
        assert_eq!(labels.destination(&plain.origin_label()), None, "it can be read back");
        let long = |number| destination(&format!("{}-{number}.at.example.com", "a".repeat(60)));
        for number in 0..=CAPACITY {
            labels.remember(&long(number));
            labels.remember(&long(1));
        }
        assert_eq!(labels.destination(&long(0).origin_label()), None);
        assert_eq!(labels.destination(&long(1).origin_label()), Some(long(1)));
        assert_eq!(labels.destination(&long(CAPACITY).origin_label()), Some(long(CAPACITY)));
        assert_eq!(labels.0.lock().unwrap().len(), CAPACITY);
    }
}
