//! What two peers may say to each other through a rendezvous that carries for neither of them.

use std::{collections::HashMap, time::Instant};

use crate::identity::Hit;

use super::meter::{Meter, OctetRate};

/// Pairs of peers that are counted each; further ones share one count.
const MAX_PAIRS: usize = 4096;

/// One count for each pair, whoever of the two sends.
#[derive(Debug)]
pub(super) struct Introductions {
    pairs: HashMap<(Hit, Hit), Meter>,
    others: Meter,
}

impl Introductions {
    pub(super) fn new(now: Instant) -> Introductions {
        Introductions { pairs: HashMap::new(), others: Meter::new(now) }
    }

    /// Whether so many octets may pass between the two; they are counted if so.
    pub(super) fn take(
        &mut self,
        (a, b): (Hit, Hit),
        rate: &OctetRate,
        octets: usize,
        now: Instant,
    ) -> bool {
        let pair = (a.min(b), a.max(b));
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            self.pairs.retain(|_, meter| !meter.is_paid(now));
        }
        let full = self.pairs.len() >= MAX_PAIRS;
        let meter = match self.pairs.get_mut(&pair) {
            Some(meter) => meter,
            None if full => &mut self.others,
            None => self.pairs.entry(pair).or_insert(Meter::new(now)),
        };
        meter.take(rate, octets, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::rendezvous::Rules;
    use crate::link::rendezvous::tests::hit;
    use crate::runtime::clock;

    #[test]
    fn both_directions_count_and_the_table_is_bounded() {
        let (now, rate) = (clock::now(), Rules::INTRODUCTION);
        let mut introductions = Introductions::new(now);
        assert!(introductions.take((hit(1), hit(2)), &rate, 40_000, now));
        assert!(!introductions.take((hit(2), hit(1)), &rate, 40_000, now));
        let allowed = (0..10_000)
            .filter(|number| introductions.take((hit(3), hit(100 + number)), &rate, 60_000, now));
        assert_eq!(allowed.count(), MAX_PAIRS); // those of the table but one, and one of the others
        assert_eq!(introductions.pairs.len(), MAX_PAIRS);
    }
}
