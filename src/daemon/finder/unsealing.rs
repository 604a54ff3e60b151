//! Looks for contacts who may be there for contacts only: follows an invitation to where they are, in one
//! overlay at a time, and opens what lies there. The scheme is that of [`crate::registration::presence`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::identity::{KeyPair, PublicKey, Timestamp};
use crate::overlay::{MAX_CANDIDATES, Overlay, OverlayError};
use crate::registration::presence::{GroupSecret, Opened, Seeker};
use crate::registration::{Packet, Refusal, Wanted};
use crate::runtime::{clock, lock};

/// Finds and opens what is sealed to this identity.
#[derive(Debug)]
pub(in crate::daemon) struct Unsealing {
    own: KeyPair,
    known: Mutex<HashMap<PublicKey, Known>>,
}

/// What is remembered of a contact.
#[derive(Clone, Debug)]
struct Known {
    seeker: Arc<Seeker>,
    invitation: Option<Invitation>,
}

#[derive(Clone, Debug)]
struct Invitation {
    secret: GroupSecret,
    said: Timestamp,
    read: Instant,
}

/// What lay in a place, opened or refused.
type Found = Vec<Result<Packet, Refusal>>;

/// How long an invitation is not asked for again: its group may have got another place meanwhile.
const INVITATION_HOLDS: Duration = Duration::from_secs(3600);
/// How many contacts are remembered.
const MAX_KNOWN: usize = 1024;

impl Unsealing {
    /// Opens in the name of an identity.
    pub(in crate::daemon) fn new(own: KeyPair) -> Unsealing {
        Unsealing { own, known: Mutex::default() }
    }

    /// What an overlay holds for us of somebody.
    ///
    /// # Errors
    /// When the overlay cannot be asked.
    pub(in crate::daemon) async fn find(
        &self,
        overlay: &dyn Overlay,
        publisher: PublicKey,
    ) -> Result<Found, OverlayError> {
        let Some(Known { seeker, invitation }) = self.known(publisher) else { return Ok(vec![]) };
        let wall = clock::wall();
        let held = invitation.filter(|held| clock::now() - held.read < INVITATION_HOLDS);
        if let Some(held) = held {
            let found = presence(overlay, &seeker, &held.secret, wall).await?;
            if found.iter().any(Result::is_ok) {
                return Ok(found);
            }
        }
        let mut newest: Option<(GroupSecret, Timestamp)> = None;
        let mut rest = Found::new();
        for place in seeker.invitations(wall) {
            for bytes in lying_at(overlay, place).await? {
                match seeker.open_invitation(&place, &bytes) {
                    Ok(Opened::Invitation(secret, said)) => {
                        let newer = newest.filter(|(_, newest)| *newest > said);
                        newest = Some(newer.unwrap_or((secret, said)));
                    }
                    Ok(Opened::Gone(packet)) => rest.push(Ok(packet)),
                    Err(error) => rest.push(Err(Refusal::Sealed(error))),
                }
            }
        }
        let Some((secret, said)) = newest else { return Ok(rest) };
        let secret = self.remember(publisher, secret, said);
        presence(overlay, &seeker, &secret, wall).await
    }

    /// Forgets to where a contact's invitation led.
    pub(in crate::daemon) fn forget(&self, publisher: &PublicKey) {
        lock(&self.known).remove(publisher);
    }

    fn known(&self, publisher: PublicKey) -> Option<Known> {
        let mut known = lock(&self.known);
        if let Some(known) = known.get(&publisher) {
            return Some(known.clone());
        }
        let seeker = Arc::new(Seeker::new(&self.own, &publisher).ok()?);
        if known.len() >= MAX_KNOWN {
            known.clear(); // it costs one more question each
        }
        let entry = Known { seeker, invitation: None };
        known.insert(publisher, entry.clone());
        Some(entry)
    }

    /// Takes note of an invitation, unless a newer one is known; gives the newest: an overlay that keeps
    /// old ones leads nobody astray who has asked another one.
    fn remember(&self, publisher: PublicKey, secret: GroupSecret, said: Timestamp) -> GroupSecret {
        let mut known = lock(&self.known);
        let Some(known) = known.get_mut(&publisher) else { return secret };
        let read = clock::now();
        match &mut known.invitation {
            Some(newer) if newer.said > said => newer.secret.clone(),
            place => {
                *place = Some(Invitation { secret: secret.clone(), said, read });
                secret
            }
        }
    }
}

/// What lies where an invitation led.
async fn presence(
    overlay: &dyn Overlay,
    seeker: &Seeker,
    secret: &GroupSecret,
    wall: Timestamp,
) -> Result<Found, OverlayError> {
    let mut found = Found::new();
    for place in seeker.presences(secret, wall) {
        let lying = lying_at(overlay, place).await?;
        let opened = lying.iter().map(|bytes| seeker.open_presence(&place, bytes));
        found.extend(opened.map(|result| result.map_err(Refusal::Sealed)));
    }
    Ok(found)
}

async fn lying_at(overlay: &dyn Overlay, place: PublicKey) -> Result<Vec<Vec<u8>>, OverlayError> {
    let mut lying = overlay.find(&Wanted::Key(place)).await?;
    lying.truncate(MAX_CANDIDATES);
    Ok(lying)
}
