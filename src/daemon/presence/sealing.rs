//! Publishes for contacts only: keeps up the board of [`crate::registration::presence`] with the contact book and
//! the clock, and writes into each overlay what the board says.

use std::sync::{Arc, Mutex};

use crate::daemon::books::ContactBook;
use crate::identity::{KeyPair, PublicKey, Slot};
use crate::overlay::{Overlay, OverlayError};
use crate::registration::Packet;
use crate::registration::presence::{Letters, PresenceBoard, SealedPacket};
use crate::runtime::{clock, lock, random, spawn};
use crate::trust::{Binding, Contact, Contacts};

/// Seals what is published to the contacts.
#[derive(Debug)]
pub(in crate::daemon) struct Sealing {
    board: Mutex<PresenceBoard>,
    book: ContactBook,
}

/// What has changed since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Turn {
    /// Nothing.
    Still,
    /// Other days' places are to be kept up.
    Day,
    /// Others may read.
    Readers,
}

/// Who finds this identity.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::daemon) struct Readership {
    /// How many contacts may read.
    pub(in crate::daemon) readers: usize,
    /// How many may not because there are too many.
    pub(in crate::daemon) left_out: usize,
    /// How many places are kept up in each overlay.
    pub(in crate::daemon) places: usize,
}

/// How many letters travel to an overlay at a time.
const AT_A_TIME: usize = 8;

impl Sealing {
    /// Seals to the contacts in a book, for so many overlays.
    pub(in crate::daemon) fn new(keys: KeyPair, book: ContactBook, overlays: usize) -> Sealing {
        Sealing { board: Mutex::new(PresenceBoard::new(keys, overlays)), book }
    }

    /// Looks at the clock and into the book. One that cannot be read for a moment changes nothing.
    pub(in crate::daemon) fn look(&self) -> Turn {
        let mut board = lock(&self.board);
        let day = board.turn(clock::wall());
        let readers = match self.book.contacts() {
            Ok(contacts) => board.set_readers(&readers(&contacts)),
            Err(_) => false,
        };
        match (readers, day) {
            (true, _) => Turn::Readers,
            (false, true) => Turn::Day,
            (false, false) => Turn::Still,
        }
    }

    /// Writes into an overlay what it lacks of a statement, and clears what is done with.
    ///
    /// # Errors
    /// What the overlay said to the first letter that it did not take.
    pub(in crate::daemon) async fn write(
        &self,
        index: usize,
        overlay: &Arc<dyn Overlay>,
        statement: &Packet,
    ) -> Result<(), OverlayError> {
        let renew = overlay.abilities().renew;
        let (now, seed) = (clock::now(), random::bytes());
        let letters = lock(&self.board).letters(index, statement, renew, now, seed);
        let Letters { put, clear } = letters.map_err(|error| {
            log::warn!("cannot seal the registration: {error}");
            OverlayError::TooLarge
        })?;
        for letters in put.chunks(AT_A_TIME) {
            self.put(index, overlay, letters).await?;
        }
        for place in clear {
            match overlay.remove(Slot::of_key(&place)).await {
                // where nothing can be taken away it ends by itself
                Ok(()) | Err(OverlayError::NoSlots) => {
                    lock(&self.board).handle_cleared(index, &place);
                }
                Err(error) => log::debug!("cannot clear a place in {}: {error}", overlay.address()),
            }
        }
        Ok(())
    }

    /// The keys for which contacts leave calls.
    pub(in crate::daemon) fn presences(&self) -> Vec<PublicKey> {
        lock(&self.board).presences()
    }

    /// Who finds this identity.
    pub(in crate::daemon) fn readership(&self) -> Readership {
        let board = lock(&self.board);
        Readership { readers: board.readers(), left_out: board.left_out(), places: board.places() }
    }

    /// Puts some letters at once.
    async fn put(
        &self,
        index: usize,
        overlay: &Arc<dyn Overlay>,
        letters: &[SealedPacket],
    ) -> Result<(), OverlayError> {
        let puts = letters.iter().map(|letter| spawn(overlay.publish_sealed(letter)));
        let puts: Vec<_> = puts.collect();
        let mut result = Ok(());
        for (put, letter) in puts.into_iter().zip(letters) {
            match put.await {
                Ok(()) => lock(&self.board).handle_put(index, letter, clock::now()),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

/// Who may read, those first who must not be left out: the better known, then the longer known.
fn readers(contacts: &Contacts) -> Vec<PublicKey> {
    let rank = |contact: &Contact| Binding::ALL.iter().position(|b| *b == contact.binding);
    let mut known: Vec<&Contact> = contacts.iter().collect();
    known.sort_by_key(|contact| (rank(contact), contact.since, contact.key));
    let mut keys: Vec<PublicKey> = Vec::with_capacity(known.len());
    for contact in known {
        if !keys.contains(&contact.key) {
            keys.push(contact.key);
        }
    }
    keys
}
