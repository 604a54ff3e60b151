//! Puts a packet back where it was lost: an overlay that was started anew has nothing, and its owner may not
//! say anything new for hours. The owner's signature travels with the packet, so that any reader can do it.
//!
//! It is done where the overlay's interface has a place for it, where the owner is known to publish (the
//! overlay gave a packet of the owner's before), and where still nothing lies after a moment of chance length:
//! many readers see the same hole. What its owner has withdrawn, and what ends soon, stays lost.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::overlay::Overlay;
use crate::registration::{Packet, Said, Score, Wanted};
use crate::runtime::{clock, random, spawn};

/// The least that a packet has to live.
const MIN_LIFE: Duration = Duration::from_secs(300);
/// For how long a copy is left there: the owner's own comes before, or nobody is there.
const MAX_LIFE: Duration = Duration::from_secs(3600);
/// One repair of an overlay in this time.
const INTERVAL: Duration = Duration::from_secs(30);
/// The longest of those moments, in milliseconds.
const JITTER: u64 = 2000;

/// When each overlay was repaired last.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Repairs(BTreeMap<String, Instant>);

impl Repairs {
    /// Puts `newest` back into an overlay that `said` it has nothing, if that is right.
    pub(in crate::daemon) fn consider(
        &mut self,
        overlay: &Arc<dyn Overlay>,
        (wanted, said): (&Wanted, &Said),
        newest: &Packet,
        score: &Score,
    ) {
        let key = newest.registration().key;
        let life = newest.expires().since(clock::wall());
        let (now, address) = (clock::now(), overlay.address());
        let is_lost = *said == Said::Nothing && score.has_given(&key);
        let is_right = overlay.abilities().repair
            && wanted.key() == Some(&key)
            && !newest.registration().is_withdrawal()
            && life >= MIN_LIFE;
        let is_early = self.0.get(address).is_some_and(|last| now - *last < INTERVAL);
        if is_lost && is_right && !is_early {
            self.0.insert(address.to_owned(), now);
            spawn(repair(overlay.clone(), wanted.clone(), newest.clone(), life.min(MAX_LIFE)))
                .detach();
        }
    }
}

async fn repair(overlay: Arc<dyn Overlay>, wanted: Wanted, packet: Packet, life: Duration) {
    clock::sleep(Duration::from_millis(random::number() % JITTER)).await;
    let slot = wanted.slot();
    if overlay.get(slot).await != Ok(Vec::new()) {
        return;
    }
    match overlay.put(slot, packet.as_bytes(), life).await {
        Ok(()) => log::info!("put the packet of {wanted} back into {}", overlay.address()),
        Err(error) => log::debug!("cannot repair {}: {error}", overlay.address()),
    }
}

#[cfg(test)]
mod tests {
    use async_channel::{Receiver, Sender};

    use super::*;
    use crate::identity::{KeyPair, Seed, Slot};
    use crate::overlay::{Abilities, OverlayError};
    use crate::registration::{Outcome, Registration, Report};
    use crate::runtime::block_on;
    use crate::runtime::http::BoxFuture;

    /// Has these packets in each slot, and tells what is put.
    #[derive(Debug)]
    struct Shelf {
        packets: Vec<Vec<u8>>,
        repair: bool,
        put: Sender<(Slot, Vec<u8>, Duration)>,
    }

    impl Overlay for Shelf {
        fn get(&self, _slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
            let packets = self.packets.clone();
            Box::pin(async { Ok(packets) })
        }

        fn put(
            &self,
            slot: Slot,
            packet: &[u8],
            ttl: Duration,
        ) -> BoxFuture<Result<(), OverlayError>> {
            let (put, packet) = (self.put.clone(), packet.to_vec());
            Box::pin(async move {
                put.send((slot, packet, ttl)).await.unwrap();
                Ok(())
            })
        }

        fn address(&self) -> &str {
            "shelf"
        }

        fn abilities(&self) -> Abilities {
            Abilities { repair: self.repair, ..Abilities::SLOTS }
        }
    }

    type Put = Receiver<(Slot, Vec<u8>, Duration)>;

    fn shelf(packets: Vec<Vec<u8>>, repair: bool) -> (Arc<dyn Overlay>, Put) {
        let (put, puts) = async_channel::unbounded();
        (Arc::new(Shelf { packets, repair, put }), puts)
    }

    fn packet(ttl: u64) -> Packet {
        let keys = KeyPair::from_seed(&Seed::new([1; 32]));
        let registration = Registration {
            name: None,
            key: keys.public(),
            sequence: clock::wall(),
            ttl: Duration::from_secs(ttl),
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &keys).unwrap()
    }

    /// An overlay that gave this packet once.
    fn acquainted(packet: &Packet) -> Score {
        let wanted = Wanted::Key(packet.registration().key);
        let said = Said::Found(packet.clone());
        let report = Report { said, latency: Some(Duration::ZERO), keys: Vec::new() };
        let outcome = Outcome { found: vec![packet.clone()], withdrawn: vec![], reports: vec![] };
        let mut score = Score::default();
        score.record(&wanted, &report, &outcome);
        score
    }

    /// What is put after this look-up.
    fn put(
        shelf: (Arc<dyn Overlay>, Put),
        said: &Said,
        newest: &Packet,
        score: &Score,
    ) -> Vec<Duration> {
        let (overlay, puts) = shelf;
        let wanted = Wanted::Key(newest.registration().key);
        let mut repairs = Repairs::default();
        block_on(async move {
            for _ in 0..2 {
                repairs.consider(&overlay, (&wanted, said), newest, score);
            }
            drop(overlay);
            let mut seen = Vec::new();
            // all repairs have ended when nobody can put any more
            while let Ok((slot, octets, ttl)) = puts.recv().await {
                assert_eq!((slot, &octets[..]), (wanted.slot(), newest.as_bytes()));
                seen.push(ttl);
            }
            seen
        })
    }

    #[test]
    fn what_was_lost_is_put_back_once() {
        let packet = packet(7200);
        let score = acquainted(&packet);
        assert_eq!(put(shelf(vec![], true), &Said::Nothing, &packet, &score), [MAX_LIFE]);
    }

    #[test]
    fn only_holes_are_filled_where_the_owner_publishes() {
        let (long, short, over) = (packet(7200), packet(60), packet(0));
        let score = acquainted(&long);
        let none: [Duration; 0] = [];
        assert_eq!(put(shelf(vec![], true), &Said::Nothing, &long, &Score::default()), none);
        assert_eq!(put(shelf(vec![], false), &Said::Nothing, &long, &score), none);
        assert_eq!(put(shelf(vec![], true), &Said::TooLate, &long, &score), none);
        assert_eq!(put(shelf(vec![], true), &Said::Nothing, &short, &score), none);
        assert_eq!(put(shelf(vec![], true), &Said::Nothing, &over, &score), none);
        // another reader was quicker
        let filled = shelf(vec![long.as_bytes().to_vec()], true);
        assert_eq!(put(filled, &Said::Nothing, &long, &score), none);
    }
}
