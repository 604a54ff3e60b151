//! Somebody who publishes for contacts only, and what others find of him.

use std::{sync::Arc, time::Duration};

use p2p::identity::{KeyPair, PublicKey};
use p2p::overlay::Overlay;
use p2p::registration::presence::{Opened, PresenceBoard, SealedError, Seeker};
use p2p::registration::{Registration, Wanted};
use p2p::runtime::{self, clock, random};
use testbed::overlays::packets::key;
use testbed::overlays::person::Person;

/// A person with one contact.
pub(crate) struct Sealed {
    pub(crate) person: Person,
    pub(crate) contact: KeyPair,
    board: PresenceBoard,
}

impl Sealed {
    pub(crate) fn to_one_contact() -> Sealed {
        let (person, contact) = (Person::new(), key());
        let mut board = PresenceBoard::new(person.keys.clone(), 1);
        board.turn(clock::wall());
        assert!(board.set_readers(&[contact.public()]));
        Sealed { person, contact, board }
    }

    /// Publishes what was said so many seconds ago; gives it.
    pub(crate) fn publish(
        &mut self,
        overlay: &Arc<dyn Overlay>,
        seconds: u64,
        ttl: Duration,
    ) -> Registration {
        let said = self.person.sign(Duration::from_secs(seconds), ttl, 1);
        let now = clock::now();
        let letters = self.board.letters(0, &said, None, now, random::bytes()).unwrap();
        assert!(!letters.put.is_empty());
        for letter in &letters.put {
            runtime::block_on(overlay.publish_sealed(letter)).unwrap();
            self.board.handle_put(0, letter, now);
        }
        said.registration().clone()
    }

    /// What somebody finds who has this key and knows the person's.
    pub(crate) fn found_by(
        &self,
        reader: &KeyPair,
        overlay: &Arc<dyn Overlay>,
    ) -> Option<Result<Registration, SealedError>> {
        let seeker = Seeker::new(reader, &self.person.keys.public()).unwrap();
        let wall = clock::wall();
        let (place, bytes) = lying(overlay, &seeker.invitations(wall))?;
        let secret = match seeker.open_invitation(&place, &bytes) {
            Ok(Opened::Invitation(secret, _)) => secret,
            Ok(Opened::Gone(packet)) => return Some(Ok(packet.registration().clone())),
            Err(error) => return Some(Err(error)),
        };
        let (place, bytes) = lying(overlay, &seeker.presences(&secret, wall))?;
        let opened = seeker.open_presence(&place, &bytes);
        Some(opened.map(|packet| packet.registration().clone()))
    }
}

/// The first thing that lies in one of these places.
fn lying(overlay: &Arc<dyn Overlay>, places: &[PublicKey]) -> Option<(PublicKey, Vec<u8>)> {
    places.iter().find_map(|place| {
        let found = runtime::block_on(overlay.find(&Wanted::Key(*place))).unwrap();
        found.into_iter().next().map(|bytes| (*place, bytes))
    })
}
