//! The client of HTTP stores: what it makes of answers, and of a right store. What servers can do wrong to any
//! overlay is in `tests/overlays/bad_input.rs`.

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
use p2p::registration::{Call, Packet};
use p2p::runtime::{self, Async, clock};
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
        (503, OverlayError::Busy),
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
        // one fits the answer to who has no token, some that to who has one, and six none
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

/// A client of a store that answers datagrams only.
fn without_http() -> (Arc<Store>, UdpSocket, SocketAddr) {
    // nobody accepts what comes here, so whoever needs HTTP fails
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = datagrams.local_addr().unwrap();
    (Arc::new(Store::open(None, StoreOptions::default()).unwrap()), datagrams, address)
}

#[test]
fn a_registration_is_put_by_datagrams_in_both_its_places() {
    let (store, datagrams, address) = without_http();
    let (alice, name) = (key(), name());
    let packet = |number| Packet::decode(&signed(&alice, &name, number)).unwrap();
    runtime::block_on(async {
        let datagrams = Async::new(datagrams).unwrap();
        let _answering = runtime::spawn(async move { store.serve_datagrams(datagrams).await });
        let (hers, his) = (client_of(address, &alice), client_of(address, &key()));
        for number in [2, 3] {
            hers.publish(&packet(number)).await.unwrap();
            for slot in [Slot::of_name(&name), Slot::of_key(&alice.public())] {
                assert_eq!(his.get(slot).await, Ok(vec![packet(number).as_bytes().to_vec()]));
            }
        }
        assert_eq!(hers.publish(&packet(1)).await, Err(OverlayError::Outdated));
        // a copy with another's secrets neither takes her place nor another one
        assert_eq!(his.publish(&packet(1)).await, Err(OverlayError::Outdated));
    });
}

#[test]
fn a_token_is_worth_nothing_at_another_address() {
    let (store, datagrams, address) = without_http();
    let (alice, name) = (key(), name());
    let of =
        |kind: u8, rest: &[&[u8]]| [b"p2pd", &[kind][..], b"8 octets", &rest.concat()].concat();
    let put = |token: &[u8]| {
        let packet = signed(&alice, &name, 1);
        of(5, &[token, &600_u32.to_be_bytes(), &[7; 64], &packet])
    };
    runtime::block_on(async {
        let counting = store.clone();
        let datagrams = Async::new(datagrams).unwrap();
        let _answering = runtime::spawn(async move { store.serve_datagrams(datagrams).await });
        let [here, there] =
            ["127.0.0.1:0", "127.0.0.2:0"].map(|from| UdpSocket::bind(from).unwrap());
        let [here, there] = [here, there].map(|socket| Async::new(socket).unwrap());
        let ask = async |socket: &Async<UdpSocket>, question: Vec<u8>| {
            let mut answer = [0; 1200];
            socket.send_to(&question, address).await.unwrap();
            let length = socket.recv(&mut answer).await.unwrap();
            assert!(length <= question.len(), "nothing is answered with more than was asked");
            answer[..length].to_vec()
        };
        let token = |answer: &[u8]| answer.strip_prefix(&*of(6, &[])).map(<[u8]>::to_vec);
        let hers = token(&ask(&here, of(5, &[&[0; 8]])).await).expect("a token");
        let his = token(&ask(&there, of(5, &[&[0; 8]])).await).expect("a token");
        assert_ne!(hers, his);
        for wrong in [&his[..], &[0; 8]] {
            assert_eq!(token(&ask(&here, put(wrong)).await).as_ref(), Some(&hers));
            assert_eq!(counting.places(), 0);
        }
        assert_eq!(ask(&here, put(&hers)).await, of(7, &[&[0]]));
        assert_eq!(counting.places(), 2);
        let slot = Slot::of_key(&alice.public());
        let asked = |shown: &[u8]| of(8, &[&slot.0, shown]);
        assert_eq!(
            token(&ask(&here, asked(&his)).await).as_ref(),
            Some(&hers),
            "no packet for her"
        );
        let mut answer = [0; 1200];
        here.send_to(&asked(&hers), address).await.unwrap();
        let length = here.recv(&mut answer).await.unwrap();
        let packet = signed(&alice, &name, 1);
        assert!(length > asked(&hers).len() && answer[..length].ends_with(&packet));
        let forged = [&put(&hers)[..], b"x"].concat();
        assert_eq!(ask(&here, forged).await, of(7, &[&[3]]));
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
    again.args(["--exact", "client::a_packet_is_put_found_replaced_and_removed"]);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(variable, dead);
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
