//! The walks behind the feeds, and what is offered of them.

use std::fs;

use futures_lite::future;
use tempfile::TempDir;

use crate::identity::ServicePort;
use crate::runtime::block_on;
use crate::serve::path::RequestPath;

use super::*;

fn radio() -> (TempDir, Feeds) {
    let temp = tempfile::tempdir().unwrap();
    let folder = Arc::new(Folder::open(temp.path()).unwrap());
    let owner = Owner { name: None, port: ServicePort::HTTP };
    (temp, Feeds::new(folder, owner))
}

#[test]
fn visitors_at_the_same_time_share_a_walk_and_later_ones_get_another() {
    let (_temp, feeds) = radio();
    let (together, later) = block_on(async {
        // while somebody else walks, all of them come
        let turn = feeds.turn.lock_arc().await;
        let mut visitors: Vec<_> = (0..100).map(|_| Box::pin(feeds.catalog())).collect();
        for visitor in &mut visitors {
            assert!(future::poll_once(visitor).await.is_none());
        }
        drop(turn);
        let mut together = Vec::new();
        for visitor in visitors {
            together.push(Arc::as_ptr(&visitor.await.unwrap()));
        }
        (together, feeds.catalog().await.unwrap())
    });
    assert!(together.iter().all(|walk| *walk == together[0]));
    assert_ne!(together[0], Arc::as_ptr(&later));
}

#[test]
fn paths_of_feeds_are_known() {
    let at = |path: &str| RequestPath::parse(path).ok().and_then(|path| Made::at(&path));
    assert_eq!(at("/feed.xml"), Some(Made::Feed(FeedKind::Podcast)));
    assert_eq!(at("/photos%2exml"), Some(Made::Feed(FeedKind::Photos)));
    assert_eq!(at("/feed.json"), Some(Made::Feed(FeedKind::Json)));
    assert_eq!(at("/feed-cover"), Some(Made::Cover));
    for path in ["/", "//feed.xml", "/sub/feed.xml", "/feed.xml/", "/FEED.XML"] {
        assert_eq!(at(path), None, "{path}");
    }
}

#[test]
fn feeds_are_offered_when_they_have_items_anywhere() {
    let (temp, feeds) = radio();
    let write = |name: &str| {
        let path = temp.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    };
    write("logo.svg");
    write("a/text.txt");
    assert_eq!(feeds.offered(), []);
    write("a/b/c/episode.mp3");
    assert_eq!(feeds.offered(), [FeedKind::Podcast, FeedKind::Json]);
    write("a/photo.jpg");
    assert_eq!(feeds.offered(), FeedKind::ALL);
    fs::remove_dir_all(temp.path()).unwrap();
    assert_eq!(feeds.offered(), []);
}

#[test]
fn what_a_glance_does_not_reach_is_offered_once_it_is_known() {
    let (temp, feeds) = radio();
    for n in 0..=GLANCE {
        fs::write(temp.path().join(format!("{n}.txt")), "x").unwrap();
    }
    fs::create_dir(temp.path().join("deep")).unwrap();
    fs::write(temp.path().join("deep/episode.mp3"), "x").unwrap();
    assert_eq!(feeds.offered(), []);
    block_on(feeds.catalog()).unwrap();
    assert_eq!(feeds.offered(), [FeedKind::Podcast, FeedKind::Json]);
}
