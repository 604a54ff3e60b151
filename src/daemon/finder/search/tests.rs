use std::time::Duration;

use async_channel::{Receiver, Sender};
use tempfile::TempDir;

use super::*;
use crate::daemon::home::Home;
use crate::identity::Seed;
use crate::overlay::{Abilities, OverlayError};
use crate::registration::Registration;
use crate::runtime::block_on;
use crate::runtime::http::BoxFuture;

const HOUR: Duration = Duration::from_secs(3600);

/// Tells when it is asked, and answers when it is let.
#[derive(Debug)]
struct Slow {
    asked: Sender<()>,
    answer: Receiver<Packet>,
}

impl Overlay for Slow {
    fn find(&self, _wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let (asked, answer) = (self.asked.clone(), self.answer.clone());
        Box::pin(async move {
            asked.send(()).await.unwrap();
            Ok(vec![answer.recv().await.unwrap().as_bytes().to_vec()])
        })
    }

    fn address(&self) -> &str {
        "slow"
    }

    fn abilities(&self) -> Abilities {
        Abilities::SLOTS
    }
}

/// Gives the answer that the test has put here.
#[derive(Clone, Debug)]
struct Told(Arc<Mutex<Result<Vec<Vec<u8>>, OverlayError>>>);

impl Overlay for Told {
    fn find(&self, _wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let answer = lock(&self.0).clone();
        Box::pin(async { answer })
    }

    fn address(&self) -> &str {
        "told"
    }

    fn abilities(&self) -> Abilities {
        Abilities::SLOTS
    }
}

/// Signed so long ago.
fn packet(age: Duration) -> Packet {
    let keys = KeyPair::from_seed(&Seed::new([1; 32]));
    let registration = Registration {
        name: None,
        key: keys.public(),
        sequence: clock::wall().saturating_sub(age),
        ttl: HOUR,
        locators: Vec::new(),
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, &keys).unwrap()
}

fn search(folder: &TempDir, overlay: impl Overlay + 'static) -> Arc<Search> {
    let home = Home::locate(Some(folder.path())).unwrap();
    let (sequences, private) = (Arc::new(Sequences::load(&home)), PrivateContacts::new(&home));
    Search::new(vec![Arc::new(overlay)], Introductions::new(&home), sequences, None, private)
}

#[test]
fn what_is_remembered_is_used_at_once_while_a_refresh_runs() {
    let ((asked, questions), (answers, answer)) =
        (async_channel::unbounded(), async_channel::unbounded());
    let folder = tempfile::tempdir().unwrap();
    let search = search(&folder, Slow { asked, answer });
    let (old, new) = (packet(HOUR * 5 / 6), packet(Duration::ZERO));
    let wanted = Wanted::Key(old.registration().key);
    let outcome = Outcome { found: vec![old.clone()], withdrawn: vec![], reports: vec![] };
    let (then, wall) = (clock::now() - HOUR * 5 / 6, clock::wall().saturating_sub(HOUR * 5 / 6));
    lock(&search.cache).insert(then, wall, wanted.clone(), &outcome);
    block_on(async {
        for _ in 0..3 {
            let given = search.answer(&wanted).await;
            assert_eq!((given.asked, given.packets), (None, vec![old.clone()]));
        }
        questions.recv().await.unwrap();
        let given = search.answer(&wanted).await;
        assert_eq!(given.packets, [old], "nobody waits for the overlay");
        answers.send(new.clone()).await.unwrap();
        while lock(&search.flights).contains_key(&wanted) {
            future::yield_now().await;
        }
        assert_eq!(search.answer(&wanted).await.packets, [new]);
        assert!(questions.is_empty(), "one look-up is enough");
    });
}

#[test]
fn what_led_nowhere_is_forgotten_only_if_somebody_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let old = packet(HOUR / 2);
    let told = Told(Arc::new(Mutex::new(Err(OverlayError::TimedOut))));
    let search = search(&folder, told.clone());
    let wanted = Wanted::Key(old.registration().key);
    let known = async || search.answer(&wanted).await.packets;
    block_on(async {
        search.remember_packet(wanted.clone(), &old);
        let anew = search.answer_anew(&wanted).await;
        assert!(is_unasked(&anew.reports) && anew.packets.is_empty(), "{anew:?}");
        assert_eq!(anew.told(), ["told: no complete answer in time"]);
        assert_eq!(known().await.first(), Some(&old), "it is the best that is known");

        *lock(&told.0) = Ok(Vec::new());
        search.look_again(&wanted).enough(false).await;
        assert!(known().await.is_empty(), "who can be asked knows nothing of it any more");

        search.remember_packet(wanted.clone(), &old);
        search.look_again(&wanted).enough(false).await;
        assert_eq!(known().await, [old], "it never led nowhere");
    });
}
