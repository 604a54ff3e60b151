//! Calls through a store: left by one, waited for by another.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use futures_lite::future;
use p2p::identity::{KeyPair, Slot};
use p2p::overlay::store::StoreOptions;
use p2p::overlay::{self, Calls, Overlay, OverlayAddress, OverlayError};
use p2p::registration::Call;
use p2p::runtime::{self, clock, random};
use testbed::overlays::store;
use zeroize::Zeroizing;

/// What a busy machine may need for anything here.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOT: Slot = Slot([7; 20]);

fn client(address: SocketAddr) -> Arc<dyn Overlay> {
    let address = OverlayAddress::parse(&format!("store:http://{address}")).unwrap();
    overlay::open(&address, &KeyPair::from_seed(&Zeroizing::new(random::bytes())))
}

fn calls(client: &Arc<dyn Overlay>) -> &dyn Calls {
    client.calls().expect("stores pass calls")
}

fn call(text: &str) -> Call {
    Call::new(text.as_bytes()).unwrap()
}

#[test]
fn who_waits_hears_a_call_as_it_comes() {
    let address = store::serve(None, StoreOptions::default());
    let (alice, bob) = (client(address), client(address));
    let both = async {
        let nothing_yet = calls(&alice).wait(SLOT, None);
        let wait = async {
            let heard = nothing_yet.await.unwrap();
            (heard.calls, heard.seen)
        };
        let leave = async {
            // whether it comes before or after alice began to wait, she hears it
            calls(&bob).call(SLOT, &call("first")).await.unwrap();
        };
        let ((heard, seen), ()) = future::zip(wait, leave).await;
        assert_eq!(heard, [call("first")]);

        let (heard, second) = future::zip(calls(&alice).wait(SLOT, Some(seen)), async {
            calls(&bob).call(SLOT, &call("second")).await
        })
        .await;
        second.unwrap();
        assert_eq!(heard.unwrap().calls, [call("second")], "the first one was heard already");
        // what lies there now is no packet, so readers of packets do not see it
        assert_eq!(alice.get(SLOT).await, Ok(Vec::new()));
    };
    runtime::block_on(clock::timeout(PATIENCE, both)).expect("the call arrives");
}

#[test]
fn a_slot_can_be_waited_for_in_plain_http() {
    let address = store::serve(None, StoreOptions::default());
    let url = format!("http://{address}/{SLOT}");
    let secret = ("P2P-Secret", "0123456789abcdef");
    assert_eq!(store::request("GET", &url, &[("P2P-Wait", "0")], b"").unwrap(), (204, vec![]));
    assert_eq!(store::request("GET", &url, &[("P2P-Wait", "soon")], b"").unwrap().0, 400);
    let left = call("ring");
    assert_eq!(store::request("PUT", &url, &[secret], left.as_bytes()).unwrap().0, 204);
    let body = [&[0, 9], left.as_bytes()].concat();
    assert_eq!(store::request("GET", &url, &[("P2P-Wait", "0")], b"").unwrap(), (200, body));
    assert_eq!(store::request("PUT", &url, &[], left.as_bytes()).unwrap().0, 401);
    let too_long = [left.as_bytes(), &[0; 600]].concat();
    assert_eq!(store::request("PUT", &url, &[secret], &too_long).unwrap().0, 422);
}

#[test]
fn who_hangs_up_makes_no_room_scarce() {
    let address = store::serve(None, StoreOptions::default());
    for _ in 0..200 {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!("GET /{SLOT} HTTP/1.1\r\nhost: a\r\np2p-wait: 240\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
    }
    let served = async {
        loop {
            match store::request("GET", &format!("http://{address}/{SLOT}"), &[], b"") {
                Ok((404, _)) => return,
                _ => clock::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    runtime::block_on(clock::timeout(PATIENCE, served)).expect("waiting ends with the client");
}

#[test]
fn a_store_that_cannot_hold_back_says_so() {
    for (answer, expected) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", OverlayError::NoCalls),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", OverlayError::NoCalls),
        ("HTTP/1.1 507 Full\r\ncontent-length: 0\r\n\r\n", OverlayError::Full),
        (
            "HTTP/1.1 200 OK\r\np2p-seen: 3\r\ncontent-length: 2\r\n\r\n\0\x09",
            OverlayError::Malformed,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(answer.as_bytes());
        });
        let client = client(address);
        let heard = calls(&client).wait(SLOT, None);
        let heard = runtime::block_on(clock::timeout(PATIENCE, heard)).expect("it answers");
        assert_eq!(heard, Err(expected));
    }
}
