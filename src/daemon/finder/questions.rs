//! The questions of one look-up: to all overlays at once, and to those that have failed again and again only
//! where the others know nothing.

use std::{collections::BTreeMap, time::Instant};

use async_channel::{Receiver, Sender};

use super::source::Source;
use crate::overlay::OverlayError;
use crate::registration::{BackOff, Lookup, Outcome, Packet, Refusal, Report, Said, Wanted};
use crate::runtime::spawn;

/// A source, by its place among those of the look-up, and what it gave.
pub(in crate::daemon) type Answer = (usize, Result<Vec<Result<Packet, Refusal>>, OverlayError>);

/// What is said of an overlay that was not asked.
const RESTS: &str = "not asked: it has failed again and again";
/// How many overlays are kept in mind: the configured ones and those of many links.
const MAX_RESTS: usize = 256;

/// Questions under way.
pub(in crate::daemon) struct Questions {
    wanted: Wanted,
    sources: Vec<Source>,
    sender: Sender<Answer>,
    answers: Receiver<Answer>,
    /// How many have been asked and not answered.
    open: usize,
    resting: Vec<usize>,
    left_out: Vec<usize>,
}

impl Questions {
    /// Asks all overlays that do not rest.
    pub(in crate::daemon) fn ask(
        wanted: &Wanted,
        sources: Vec<Source>,
        rests: &Rests,
        now: Instant,
    ) -> Questions {
        let (sender, answers) = async_channel::bounded(sources.len().max(1));
        let all = 0..sources.len();
        let (resting, asked): (Vec<_>, Vec<_>) =
            all.partition(|index| rests.has(sources[*index].overlay().address(), now));
        let (wanted, left_out) = (wanted.clone(), Vec::new());
        let mut questions =
            Questions { wanted, sources, sender, answers, open: 0, resting, left_out };
        asked.into_iter().for_each(|index| questions.ask_one(index));
        questions
    }

    /// The next answer.
    pub(in crate::daemon) async fn answer(&mut self) -> Option<Answer> {
        let answer = self.answers.recv().await.ok();
        self.open -= usize::from(answer.is_some());
        answer
    }

    /// Once all have answered: those that rest are asked if there is nothing, and are left out if there is
    /// something.
    pub(in crate::daemon) fn settle(&mut self, now: Instant, lookup: &mut Lookup) {
        if self.open > 0 {
            return;
        }
        for index in std::mem::take(&mut self.resting) {
            if lookup.has_any() {
                lookup.handle_failure(now, index, RESTS);
                self.left_out.push(index);
            } else {
                self.ask_one(index);
            }
        }
    }

    /// Those that were asked, with what they said.
    pub(in crate::daemon) fn reports<'a>(
        &'a self,
        outcome: &'a Outcome,
    ) -> impl Iterator<Item = (&'a Source, &'a Report)> {
        let all = self.sources.iter().zip(&outcome.reports).enumerate();
        let asked = all
            .filter(|(index, _)| !self.resting.contains(index) && !self.left_out.contains(index));
        asked.map(|(_, asked)| asked)
    }

    fn ask_one(&mut self, index: usize) {
        let (sender, source) = (self.sender.clone(), self.sources[index].clone());
        let wanted = self.wanted.clone();
        self.open += 1;
        spawn(async move {
            let _ = sender.send((index, source.find(&wanted).await)).await;
        })
        .detach();
    }
}

/// Which overlays rest.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Rests(BTreeMap<String, BackOff>);

impl Rests {
    /// Takes note of how an overlay did in a look-up that came to `outcome`.
    pub(in crate::daemon) fn record(
        &mut self,
        now: Instant,
        address: &str,
        report: &Report,
        wanted: &Wanted,
        outcome: &Outcome,
    ) {
        // a look-up by name ends soon after a first answer: who comes later has not failed
        let was_cut_short = wanted.key().is_none() && !outcome.found.is_empty();
        let has_failed = match report.said {
            Said::TooLate if was_cut_short => return,
            Said::TooLate | Said::Failed(_) => true,
            _ => false,
        };
        if !has_failed {
            self.0.remove(address);
        } else if self.0.contains_key(address) || self.0.len() < MAX_RESTS {
            self.0.entry(address.to_owned()).or_default().handle_failure(now);
        }
    }

    /// This machine is in another network, where all of them may be reached.
    pub(in crate::daemon) fn end(&mut self) {
        self.0.clear();
    }

    fn has(&self, address: &str, now: Instant) -> bool {
        self.0.get(address).is_some_and(|back_off| back_off.rests(now).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::identity::{KeyPair, Seed};
    use crate::overlay::{Abilities, Overlay};
    use crate::registration::{Floors, Patience, Registration};
    use crate::runtime::http::BoxFuture;
    use crate::runtime::{block_on, clock};

    /// Says always the same.
    #[derive(Debug)]
    struct Parrot(&'static str, Result<Vec<Vec<u8>>, OverlayError>);

    impl Overlay for Parrot {
        fn find(&self, _wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
            let said = self.1.clone();
            Box::pin(async { said })
        }

        fn address(&self) -> &str {
            self.0
        }

        fn abilities(&self) -> Abilities {
            Abilities::SLOTS
        }
    }

    fn packet() -> Packet {
        let keys = KeyPair::from_seed(&Seed::new([1; 32]));
        let registration = Registration {
            name: None,
            key: keys.public(),
            sequence: clock::wall(),
            ttl: Duration::from_secs(600),
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &keys).unwrap()
    }

    /// Which overlays were asked in a look-up at `now`, and whether somebody was found.
    fn look_up(
        overlays: &[Arc<dyn Overlay>],
        rests: &mut Rests,
        now: Instant,
    ) -> (Vec<String>, bool) {
        let wanted = Wanted::Key(packet().registration().key);
        let sources = Source::all(overlays, &wanted, None);
        let mut questions = Questions::ask(&wanted, sources, rests, now);
        let patience = Patience { settle: Duration::from_secs(6), ..Patience::default() };
        let mut lookup = Lookup::new(wanted.clone(), overlays.len(), &Floors::new(), patience, now);
        let outcome = block_on(async {
            loop {
                questions.settle(now, &mut lookup);
                if let Some(outcome) = lookup.poll(now) {
                    return outcome;
                }
                match questions.answer().await.unwrap() {
                    (index, Ok(packets)) => {
                        lookup.handle_packets(now, clock::wall(), index, packets)
                    }
                    (index, Err(error)) => lookup.handle_failure(now, index, &error.to_string()),
                }
            }
        });
        let mut asked = Vec::new();
        for (source, report) in questions.reports(&outcome) {
            let address = source.overlay().address();
            rests.record(now, address, report, &wanted, &outcome);
            asked.push(address.to_owned());
        }
        (asked, !outcome.found.is_empty())
    }

    #[test]
    fn who_fails_again_and_again_is_asked_less_and_never_left_out_where_others_know_nothing() {
        let good: Arc<dyn Overlay> = Arc::new(Parrot("good", good_answer()));
        let empty: Arc<dyn Overlay> = Arc::new(Parrot("empty", Ok(Vec::new())));
        let dead: Arc<dyn Overlay> = Arc::new(Parrot("dead", Err(OverlayError::TimedOut)));
        let (mut rests, mut now) = (Rests::default(), clock::now());
        let both = [good.clone(), dead.clone()];
        for _ in 0..3 {
            assert_eq!(look_up(&both, &mut rests, now), (vec!["good".into(), "dead".into()], true));
        }
        assert_eq!(look_up(&both, &mut rests, now), (vec!["good".into()], true), "it rests");
        let (asked, _) = look_up(&[empty, dead.clone()], &mut rests, now);
        assert_eq!(asked, ["empty", "dead"], "the empty one cannot tell whether there is somebody");
        now += Duration::from_secs(25);
        let revived: Arc<dyn Overlay> = Arc::new(Parrot("dead", good_answer()));
        let (asked, _) = look_up(&[good.clone(), revived.clone()], &mut rests, now);
        assert_eq!(asked, ["good", "dead"], "after its rest it is asked");
        let (asked, _) = look_up(&[good, revived], &mut rests, now);
        assert_eq!(asked, ["good", "dead"], "and an answer makes up for all");
    }

    fn good_answer() -> Result<Vec<Vec<u8>>, OverlayError> {
        Ok(vec![packet().as_bytes().to_vec()])
    }

    #[test]
    fn another_network_ends_all_rests() {
        let dead: Arc<dyn Overlay> = Arc::new(Parrot("dead", Err(OverlayError::TimedOut)));
        let good: Arc<dyn Overlay> = Arc::new(Parrot("good", good_answer()));
        let (mut rests, now) = (Rests::default(), clock::now());
        for _ in 0..4 {
            look_up(&[good.clone(), dead.clone()], &mut rests, now);
        }
        assert!(rests.has("dead", now));
        rests.end();
        assert!(!rests.has("dead", now));
    }
}
