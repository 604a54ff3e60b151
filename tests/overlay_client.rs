//! The client of HTTP stores: what it makes of answers, and of a right store. What servers can do wrong to any
//! overlay is in `overlays/bad_input.rs`.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::identity::{KeyPair, Slot};
use p2p::overlay::store::{Store, StoreOptions};
use p2p::overlay::{self, Overlay, OverlayAddress, OverlayError};
use p2p::registration::Call;
use p2p::runtime::Async;
use p2p::runtime::{self, clock};
use testbed::overlays::hostile::{endless, says, server};
use testbed::overlays::packets::{key, name, signed};

const SLOT: Slot = Slot([7; 20]);
/// What a caller may have to wait, with some air for a busy machine.
const SOON: Duration = Duration::from_secs(8);

fn client(address: SocketAddr) -> Arc<dyn Overlay> {
    client_of(address, &key())
}

fn client_of(address: SocketAddr, identity: &KeyPair) -> Arc<dyn Overlay> {
    let address = OverlayAddress::parse(&format!("store:http://{address}")).unwrap();
    overlay::open(&address, identity)
}

/// The status and a body that needs no reading.
fn says_status(status: u16) -> SocketAddr {
    says(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}

fn get(address: SocketAddr) -> Result<Vec<Vec<u8>>, OverlayError> {
    let client = client(address);
    let answer = runtime::block_on(clock::timeout(SOON, client.get(SLOT)));
    answer.expect("the client keeps to its deadline")
}

fn put(address: SocketAddr) -> Result<(), OverlayError> {
    let client = client(address);
    let answer = client.put(SLOT, b"packet", Duration::from_secs(60));
    runtime::block_on(clock::timeout(SOON, answer)).expect("the client keeps to its deadline")
}

#[test]
fn what_is_no_frame_is_malformed_and_too_many_octets_are_no_slots() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\0\x05A",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\0\x01A",
    ] {
        assert_eq!(get(says(answer)), Err(OverlayError::Malformed), "{answer:?}");
    }
    let (endless, _) = endless("HTTP/1.1 200 OK\r\n\r\n", &[0; 4096]);
    assert_eq!(get(endless), Err(OverlayError::TooLarge));
}

#[test]
fn a_host_without_an_address_is_unreachable() {
    let nowhere = OverlayAddress::parse("store:http://nowhere.invalid/").unwrap();
    let answer = runtime::block_on(overlay::open(&nowhere, &key()).get(SLOT));
    assert!(matches!(answer, Err(OverlayError::Unreachable(_))), "{answer:?}");
}

#[test]
fn statuses_have_meanings() {
    for (status, expected) in [
        (401, OverlayError::Refused),
        (403, OverlayError::Refused),
        (404, OverlayError::Status(404)),
        (409, OverlayError::Outdated),
        (413, OverlayError::TooLarge),
        (422, OverlayError::Refused),
        (429, OverlayError::RateLimited),
        (500, OverlayError::Status(500)),
        (507, OverlayError::Full),
    ] {
        assert_eq!(put(says_status(status)), Err(expected), "{status}");
    }
    assert_eq!(get(says_status(404)), Ok(Vec::new()));
    assert_eq!(get(says_status(200)), Ok(Vec::new()));
    assert_eq!(get(says_status(500)), Err(OverlayError::Status(500)));
    assert_eq!(put(says_status(204)), Ok(()));
}

#[test]
fn what_cannot_be_a_packet_is_not_sent() {
    let visited = Arc::new(AtomicBool::new(false));
    let flag = visited.clone();
    let store = client(server(move |_| flag.store(true, Ordering::SeqCst)));
    for packet in [&[][..], &[7; 901]] {
        let answer = runtime::block_on(store.put(SLOT, packet, Duration::from_secs(60)));
        assert_eq!(answer, Err(OverlayError::TooLarge));
    }
    assert!(!visited.load(Ordering::SeqCst));
}

#[test]
fn a_packet_is_put_found_replaced_and_removed() {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let (alice, mallory, name) = (key(), key(), name());
    let slot = Slot::of_name(&name);
    runtime::block_on(async {
        let store = Store::open(None, StoreOptions::default()).unwrap();
        let _server = runtime::spawn(async move { store.serve(listener).await });
        let (hers, his) = (client_of(address, &alice), client_of(address, &mallory));
        let (old, new) = (signed(&alice, &name, 1), signed(&alice, &name, 2));
        let ttl = Duration::from_secs(600);
        assert_eq!(hers.get(slot).await, Ok(Vec::new()));
        assert_eq!(hers.remove(slot).await, Ok(()));
        hers.put(slot, &old, ttl).await.unwrap();
        hers.put(slot, &new, ttl).await.unwrap();
        assert_eq!(his.get(slot).await, Ok(vec![new.clone()]));
        assert_eq!(his.put(slot, &old, ttl).await, Err(OverlayError::Outdated));
        assert_eq!(his.put(slot, b"free storage", ttl).await, Err(OverlayError::Refused));
        his.remove(slot).await.unwrap();
        assert_eq!(his.get(slot).await, Ok(vec![new]), "only its writer removes it");
        hers.remove(slot).await.unwrap();
        assert_eq!(his.get(slot).await, Ok(Vec::new()));
    });
}

#[test]
fn what_is_short_is_asked_by_datagrams_and_much_by_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let datagrams = Async::<UdpSocket>::bind(address).unwrap();
    let (alice, name) = (key(), name());
    let slot = Slot::of_name(&name);
    runtime::block_on(async {
        let store = Arc::new(Store::open(None, StoreOptions::default()).unwrap());
        let (answering, serving) = (store.clone(), store.clone());
        let _answering = runtime::spawn(async move { answering.serve_datagrams(datagrams).await });
        let hers = client_of(address, &alice);
        // nobody answers by HTTP yet
        assert_eq!(hers.get(slot).await, Ok(Vec::new()));
        let call = Call::new(&[7; 400]).unwrap();
        hers.calls().unwrap().call(slot, &call).await.unwrap();

        let listener = Async::new(listener).unwrap();
        let _serving = runtime::spawn(async move { serving.serve(listener).await });
        let heard = hers.calls().unwrap().wait(slot, None).await.unwrap();
        assert_eq!(heard.calls, [call]);
        // one fits the answer to a short question, two that to a long one, and six none
        let mut packets = Vec::new();
        for number in 1..=6 {
            let (writer, ttl) = (key(), Duration::from_secs(600));
            let packet = signed(&writer, &name, number);
            client_of(address, &writer).put(slot, &packet, ttl).await.unwrap();
            packets.push(packet);
            let mut found = hers.get(slot).await.unwrap();
            found.sort_by_key(|packet| packets.iter().position(|known| known == packet));
            assert_eq!(found, packets);
        }
    });
}

#[test]
fn secrets_differ_by_identity_store_and_slot_and_stay_the_same() {
    let secret_for = |identity: &KeyPair, port_path: &str, slot: Slot| {
        let (send, receive) = std::sync::mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let secret = head.iter().find_map(|line| line.strip_prefix("p2p-secret: "));
            send.send(secret.unwrap().to_owned()).unwrap();
            let _ = stream.write_all(b"HTTP/1.1 204 Gone\r\n\r\n");
        });
        let address = OverlayAddress::parse(&format!("store:http://{address}{port_path}")).unwrap();
        runtime::block_on(overlay::open(&address, identity).remove(slot)).unwrap();
        receive.recv().unwrap()
    };
    let (alice, bob) = (key(), key());
    let secrets = [
        secret_for(&alice, "/a/{slot}", SLOT),
        secret_for(&alice, "/a/{slot}", Slot([8; 20])),
        secret_for(&bob, "/a/{slot}", SLOT),
    ];
    for secret in &secrets {
        assert_eq!(secret.len(), 64);
        assert!(secret.bytes().all(|c| c.is_ascii_hexdigit()));
        assert_eq!(secrets.iter().filter(|other| *other == secret).count(), 1);
    }
}

#[test]
fn a_proxy_of_the_environment_does_not_stand_before_this_machine() {
    let dead = "http://127.0.0.1:1"; // nobody listens there
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "a_packet_is_put_found_replaced_and_removed"]);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(variable, dead);
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
