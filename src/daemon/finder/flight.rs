//! A look-up under way: several may wait for it, and use the first packet while newer ones may follow.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_listener::Event;

use super::source::Source;
use crate::registration::{Packet, Report};
use crate::runtime::lock;

/// What is known of a person.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Answer {
    /// The newest valid packet of each key.
    pub(in crate::daemon) packets: Vec<Packet>,
    /// How long it took, if the overlays had to be asked.
    pub(in crate::daemon) asked: Option<Duration>,
    /// The overlays that were asked.
    pub(in crate::daemon) sources: Vec<Source>,
    /// What each of them said.
    pub(in crate::daemon) reports: Vec<Report>,
    /// The look-up, if it goes on.
    pub(in crate::daemon) flight: Option<Arc<Flight>>,
}

impl Answer {
    /// What each overlay said, one line for each. Of one that was asked for sealed packets as well, this is not told.
    pub(in crate::daemon) fn told(&self) -> Vec<String> {
        let is_open = self.sources.iter().any(|source| !source.is_sealed());
        let told = self.sources.iter().zip(&self.reports);
        let told = told.filter(|(source, _)| !(is_open && source.is_sealed()));
        told.map(|(source, report)| format!("{source}: {}", report.said)).collect()
    }
}

/// A look-up under way, and whoever waits for it.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Flight {
    progress: Mutex<Progress>,
    changed: Event,
}

#[derive(Debug, Default)]
struct Progress {
    newest: Option<Packet>,
    answer: Option<Answer>,
}

impl Flight {
    /// A packet that is newer than `packet`, as soon as there is one; None when the look-up has ended without.
    pub(in crate::daemon) async fn newer_than(&self, packet: &Packet) -> Option<Packet> {
        let sequence = packet.registration().sequence;
        loop {
            let changed = self.changed.listen();
            {
                let progress = lock(&self.progress);
                let newest = progress.newest.as_ref();
                let newer = newest.filter(|newest| newest.registration().sequence > sequence);
                if newer.is_some() || progress.answer.is_some() {
                    return newer.cloned();
                }
            }
            changed.await;
        }
    }

    /// The first packet that counts; None when the look-up has ended without.
    pub(in crate::daemon) async fn first(self: &Arc<Self>) -> Option<Packet> {
        self.enough(true).await.packets.into_iter().next()
    }

    /// The first packet that counts, if that is enough, or what the look-up came to.
    pub(in crate::daemon) async fn enough(self: &Arc<Self>, is_enough: bool) -> Answer {
        loop {
            let changed = self.changed.listen();
            {
                let progress = lock(&self.progress);
                if let Some(answer) = &progress.answer {
                    return answer.clone();
                }
                if let Some(newest) = progress.newest.as_ref().filter(|_| is_enough) {
                    let (packets, flight) = (vec![newest.clone()], Some(self.clone()));
                    return Answer { packets, flight, ..Answer::default() };
                }
            }
            changed.await;
        }
    }

    /// Takes note of the newest packet so far.
    pub(in crate::daemon) fn progress(&self, newest: Option<&Packet>) {
        let mut progress = lock(&self.progress);
        if newest.is_some() && progress.newest.as_ref() != newest {
            progress.newest = newest.cloned();
            self.changed.notify(usize::MAX);
        }
    }

    /// Takes note of what the look-up came to.
    pub(in crate::daemon) fn end(&self, answer: Answer) {
        lock(&self.progress).answer = Some(answer);
        self.changed.notify(usize::MAX);
    }
}
