//! A bounded number of places.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::failure::Failure;

/// So many things may go on at a time.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// One place; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<AtomicUsize>);

impl Slots {
    pub(super) fn new(limit: usize) -> Slots {
        Slots { taken: Arc::default(), limit }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Failure::Busy`] when all are taken.
    pub(super) fn take(&self) -> Result<Slot, Failure> {
        let slot = Slot(self.taken.clone());
        if self.taken.fetch_add(1, Relaxed) < self.limit {
            Ok(slot)
        } else {
            Err(Failure::Busy { limit: self.limit }) // dropping the slot gives it back
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
