//! The kinds of overlay.

use std::{fs, net::UdpSocket, sync::Arc};

use p2p::identity::{KeyPair, Name, Slot};
use p2p::overlay::lan::Lan;
use p2p::overlay::store::{Store, StoreOptions};
use p2p::overlay::{self, Overlay, OverlayAddress, OverlayError};
use p2p::registration::Packet;
use p2p::runtime;

use crate::suite::{Subject, conforms};
use testbed::overlays::{datagram_store, packets, php::Php, pkarr_relay, servers, store};
use testbed::programs::have;

/// An overlay as the configuration spells it.
fn spelled(address: &str) -> Subject {
    let address = OverlayAddress::parse(address).unwrap();
    Subject { open: Box::new(move |keys| overlay::open(&address, keys)), upload: None, admit: None }
}

#[test]
fn a_store_conforms() {
    let address = store::serve(None, StoreOptions::default());
    conforms(&spelled(&format!("store:http://{address}/{{slot}}")));
}

#[test]
fn a_store_that_is_asked_by_datagrams_conforms() {
    let store = Store::open(None, StoreOptions::default()).unwrap();
    let address = datagram_store::serve(store.into());
    conforms(&spelled(&format!("store:http://{address}/{{slot}}")));
}

#[test]
fn a_store_in_php_conforms() {
    if have("php") {
        let php = Php::start();
        conforms(&spelled(&format!("store:{}", php.url)));
    }
}

#[test]
fn a_store_as_a_worker_conforms() {
    match std::env::var("P2P_WORKER_URL") {
        Ok(url) => conforms(&spelled(&format!("store:{url}"))),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "needs P2P_WORKER_URL");
            println!("skipped: needs P2P_WORKER_URL (see packaging/store/worker)");
        }
    }
}

#[test]
fn the_local_link_conforms() {
    let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let open = move |_: &KeyPair| -> Arc<dyn Overlay> { Arc::new(Lan::new(port)) };
    conforms(&Subject { open: Box::new(open), upload: None, admit: None });
}

#[test]
fn a_pkarr_relay_conforms() {
    conforms(&spelled(&format!("pkarr:http://{}", pkarr_relay::serve())));
}

#[test]
fn the_pkarr_relay_of_others_conforms() {
    match std::env::var("P2P_PKARR_URL") {
        Ok(url) => conforms(&spelled(&format!("pkarr:{url}"))),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "needs P2P_PKARR_URL");
            println!("skipped: needs P2P_PKARR_URL (tests/overlays/pkarr-relay serve prints it)");
        }
    }
}

#[cfg(feature = "mainline")]
#[test]
fn mainline_conforms() {
    let net = mainline::Testnet::builder(10).build().unwrap();
    assert!(net.bootstrap.iter().all(|node| node.starts_with("127.0.0.1:")), "never a real one");
    conforms(&spelled(&format!("mainline:{}", net.bootstrap[..2].join(","))));
}

#[cfg(feature = "mainline")]
#[test]
fn mainline_as_a_tracker_conforms() {
    let net = mainline::Testnet::builder(10).build().unwrap();
    conforms(&spelled(&format!("tracker:mainline:{}", net.bootstrap[0])));
}

#[test]
fn a_tracker_conforms() {
    let Some(tracker) = servers::opentracker() else { return };
    let (udp, http) = (format!("udp://{}", tracker.address), tracker.announce_url());
    let tracker = Arc::new(tracker);
    for url in [udp, http] {
        let tracker = tracker.clone();
        let admit = move |name: &Name| tracker.admit(&Slot::of_announcements(name));
        let subject = spelled(&format!("tracker:{url}"));
        let subject = Subject { admit: Some(Box::new(admit)), ..subject };
        conforms(&subject);
        let stranger = packets::key();
        let said = runtime::block_on((subject.open)(&stranger).locate(&packets::name()));
        let denied = matches!(said, Err(OverlayError::Denied(_) | OverlayError::Refused));
        assert!(denied, "it admits only whom its operator knows: {said:?}");
    }
}

#[test]
fn an_opendht_proxy_conforms() {
    let Some((_nodes, address)) = servers::dhtnodes() else { return };
    conforms(&spelled(&format!("opendht:http://{address}")));
}

#[test]
fn a_webdav_folder_conforms() {
    let Some((_nginx, address)) = servers::nginx() else { return };
    let subject = spelled(&format!("webdav:http://alice:p%40ss@{address}/p2p/"));
    conforms(&subject);
    let overlay = (subject.open)(&packets::key());
    assert!(!format!("{} {overlay:?}", overlay.address()).contains("ss@"), "a password shows");
}

#[test]
fn a_bucket_conforms() {
    let Some((_moto, address)) = servers::moto() else { return };
    conforms(&spelled(&format!("s3:eu-central-1:http://an-id:a%2Fsecret@{address}/p2p")));
}

#[test]
fn a_site_with_files_by_hash_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let address = servers::files(folder.path());
    let path = folder.path().to_owned();
    let upload = move |packet: &Packet| {
        let registration = packet.registration();
        let name = registration.name.as_ref().unwrap();
        for slot in [Slot::of_name(name), Slot::of_key(&registration.key)] {
            fs::write(path.join(slot.to_string()), packet.as_bytes()).unwrap();
        }
    };
    let subject = spelled(&format!("site:http://{address}/{{slot}}"));
    conforms(&Subject { upload: Some(Box::new(upload)), ..subject });
}

#[test]
fn a_site_with_files_by_name_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let address = servers::files(folder.path());
    let path = folder.path().to_owned();
    let upload = move |packet: &Packet| {
        let name = packet.registration().name.as_ref().unwrap();
        fs::write(path.join(name.user()), packet.as_bytes()).unwrap();
    };
    let subject = spelled(&format!("site:http://{address}/{{user}}"));
    conforms(&Subject { upload: Some(Box::new(upload)), ..subject });
}
