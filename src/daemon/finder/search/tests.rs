use std::time::Duration;

use async_channel::{Receiver, Sender};

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

#[test]
fn what_is_remembered_is_used_at_once_while_a_refresh_runs() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    let ((asked, questions), (answers, answer)) =
        (async_channel::unbounded(), async_channel::unbounded());
    let overlays: Vec<Arc<dyn Overlay>> = vec![Arc::new(Slow { asked, answer })];
    let sequences = Arc::new(Sequences::load(&home));
    let private = PrivateContacts::new(&home);
    let search = Search::new(overlays, Introductions::new(&home), sequences, None, private);
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
