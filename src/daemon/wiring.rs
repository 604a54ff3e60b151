//! What finds people, judges their keys, reaches them and answers them, made of the books of a home and of what is
//! open to the network. Nothing is set going here: the daemon does that, and `p2p why` without one need not.

use std::sync::Arc;

use super::answer::Answering;
use super::books::{PrivateContacts, Sequences};
use super::finder::{Finder, RevocationWatch, Search, TrustSettings};
use super::grounds::Grounds;
use super::meeting_room::MeetingRoom;
use super::reach::Reach;
use super::{AuthorityBook, CertificateBook, ContactBook, Home, Identity, Introductions, Labels};
use crate::overlay::{self, Overlay, OverlayAddress, WellKnown};
use crate::runtime::random;
use crate::transport::Transport;
use crate::trust::FirstUse;
use crate::web::Pseudonym;

/// The parts, each of which knows those that it needs.
pub(super) struct Wiring {
    pub(super) overlays: Vec<Arc<dyn Overlay>>,
    pub(super) sequences: Arc<Sequences>,
    pub(super) authorities: Arc<AuthorityBook>,
    pub(super) certificates: Arc<CertificateBook>,
    pub(super) meetings: Arc<MeetingRoom>,
    pub(super) finder: Arc<Finder>,
    pub(super) grounds: Arc<Grounds>,
    pub(super) pseudonym: Pseudonym,
    pub(super) answering: Arc<Answering>,
    pub(super) reach: Arc<Reach>,
}

impl Wiring {
    /// Puts them together. Overlays keep in the home what they want to know at the next start.
    pub(super) fn new(
        home: &Home,
        identity: Identity,
        transport: &Arc<Transport>,
        overlays: &[OverlayAddress],
        first_use: FirstUse,
        well_known: Option<WellKnown>,
    ) -> Wiring {
        let Identity { name, keys } = identity;
        let overlays: Vec<_> = overlays.iter().map(|o| overlay::open(o, &keys)).collect();
        overlays.iter().for_each(|overlay| overlay.remember_in(home.folder()));
        let book = || ContactBook::new(home);
        let sequences = Arc::new(Sequences::load(home));
        let authorities = Arc::new(AuthorityBook::new(home));
        let certificates = Arc::new(CertificateBook::new(home));
        let meetings = Arc::new(MeetingRoom::new(keys.public(), book()));
        let revocations = RevocationWatch::new(overlays.clone(), authorities.clone());
        let search = Search::new(
            overlays.clone(),
            Introductions::new(home),
            sequences.clone(),
            Some(keys.clone()),
            PrivateContacts::new(home),
        );
        let trust = TrustSettings {
            book: book(),
            authorities: authorities.clone(),
            revocations: revocations.clone(),
            first_use,
            meetings: meetings.clone(),
            well_known,
        };
        let finder = Arc::new(Finder::new(search, trust));
        let (grounds, pseudonym) = (Arc::new(Grounds::default()), Pseudonym::new(random::bytes()));
        let answering =
            Answering::new(keys, name, book(), revocations, grounds.clone(), pseudonym.clone());
        let answering = Arc::new(answering);
        let reach = Arc::new(Reach::new(
            transport.clone(),
            finder.clone(),
            answering.clone(),
            certificates.clone(),
            Labels::new(home),
            grounds.clone(),
        ));
        Wiring {
            overlays,
            sequences,
            authorities,
            certificates,
            meetings,
            finder,
            grounds,
            pseudonym,
            answering,
            reach,
        }
    }
}
