//! Looks for connected peers that have gone silent: both ends may have moved at once, and then only the
//! overlays know where the other is.
//!
//! The connection is not touched. The addresses found are tried by the link, and if the peer answers at
//! one of them, the connection goes on there; if it was started anew, it says so, and requests notice.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Finder;
use crate::identity::PublicKey;
use crate::link::Link;
use crate::registration::Wanted;
use crate::runtime::{clock, spawn};

/// A path that is mended within this time needs no help.
const GRACE: Duration = Duration::from_secs(1);
/// The pause after a first look-up; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// When a silent peer is looked for again, and how long the pause after that will be.
struct Search {
    due: Instant,
    pause: Duration,
}

/// Looks for silent peers as long as it is polled.
pub(in crate::daemon) async fn seek(link: Arc<Link>, finder: Arc<Finder>) {
    let mut searches: HashMap<PublicKey, Search> = HashMap::new();
    loop {
        link.suspected().await;
        clock::sleep(GRACE).await;
        let now = clock::now();
        let suspects = link.suspects();
        searches.retain(|peer, _| suspects.contains(peer));
        for peer in suspects {
            let search = searches.entry(peer).or_insert(Search { due: now, pause: FIRST_PAUSE });
            if search.due > now {
                continue;
            }
            search.due = now + search.pause;
            search.pause = (2 * search.pause).min(LAST_PAUSE);
            spawn(look_for(peer, link.clone(), finder.clone())).detach();
        }
    }
}

/// Only contacts are found in overlays; visitors without a name publish nothing.
async fn look_for(peer: PublicKey, link: Arc<Link>, finder: Arc<Finder>) {
    let Ok(contacts) = finder.book().contacts() else { return };
    let Some(contact) = contacts.with_key(&peer).next() else { return };
    let wanted = Wanted::Contact(contact.name.clone(), peer);
    let flight = finder.search().look_again(&wanted);
    let mut next = flight.first().await;
    while let Some(packet) = next {
        let (link, registration) = (link.clone(), packet.registration().clone());
        // how it ends shows in the path
        let reach = async move { drop(link.reach(peer, &registration).await) };
        spawn(reach).detach();
        next = flight.newer_than(&packet).await;
    }
}
