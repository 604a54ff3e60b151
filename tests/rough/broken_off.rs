//! Downloads whose peer vanishes in the middle and comes back: they go on where they were, or fail
//! honestly when what is served is another thing by then.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use p2p::runtime::{block_on, clock};

use crate::network::alice_again;
use crate::world::{PATIENCE, agent, page, request};
use testbed::people::{Neighbours, noise};

/// More than all buffers on the way hold, so that a part of it is not sent yet when the peer vanishes.
const LENGTH: usize = 64 << 20;
/// Less than QUIC takes to give up a silent peer: the overlays say where she is.
const WITHOUT_WAITING: Duration = Duration::from_secs(40);
/// What has arrived by then.
const ARRIVED: usize = 1 << 20;

/// What a client gets of a file whose owner's daemon is killed in the middle and started again; in between,
/// `meanwhile` is done to the file.
fn download(meanwhile: impl FnOnce(&Path)) -> (io::Result<usize>, Vec<u8>, Vec<u8>) {
    let content = noise(LENGTH);
    let Neighbours { folder, bob, alice, store, root } =
        Neighbours::start(|folder| fs::write(folder.join("concert.flac"), &content).unwrap());
    let url = format!("{}concert.flac", page(&bob));
    until_settled(&url);
    let mut response = agent().get(&url).call().unwrap();
    let mut body = response.body_mut().with_config().limit(2 * LENGTH as u64).reader();
    let mut arrived = vec![0; ARRIVED];
    body.read_exact(&mut arrived).unwrap();
    alice.kill();
    let killed = clock::now();
    meanwhile(&folder.join("concert.flac"));
    let _alice = alice_again(root.path(), &folder, &store);
    let end = body.read_to_end(&mut arrived);
    let waited = clock::now() - killed;
    assert!(waited < WITHOUT_WAITING, "{waited:?}");
    (end, arrived, content)
}

/// Waits until the file has a strong tag; one that has just changed may change again unnoticed.
fn until_settled(url: &str) {
    let started = clock::now();
    loop {
        let answer = request("HEAD", url, &[], b"");
        let tag = answer.fields.get("etag").unwrap().to_str().unwrap();
        if !tag.starts_with("W/") {
            return;
        }
        assert!(clock::now() - started < PATIENCE, "{tag}");
        block_on(clock::sleep(Duration::from_millis(100)));
    }
}

#[test]
fn a_download_goes_on_when_the_peer_is_back() {
    let (end, arrived, content) = download(|_| {});
    assert_eq!(end.unwrap(), LENGTH - ARRIVED);
    assert!(arrived == content, "not an octet may be wrong");
}

#[test]
fn another_file_under_the_same_name_is_not_put_together_with_the_first() {
    let (end, arrived, content) = download(|file| {
        let mut other = noise(LENGTH);
        other.reverse();
        fs::write(file, other).unwrap();
    });
    assert!(end.is_err(), "a broken transfer must not look complete");
    assert!(arrived.len() < LENGTH && content.starts_with(&arrived));
}
