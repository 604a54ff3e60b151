//! Servers that do everything wrong, for every overlay that asks one.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::identity::Slot;
use p2p::overlay::{self, Overlay, OverlayAddress, OverlayError};
use p2p::registration::inquiry::Inquiry;
use p2p::runtime::{self, clock};
use testbed::overlays::hostile::{dripping, endless, nobody, rude, says, server, silent};
use testbed::overlays::packets::{key, name};
use testbed::overlays::person::{Person, look_up};

/// What a caller may have to wait, with some air for a busy machine.
const SOON: Duration = Duration::from_secs(8);

fn open(spelling: &str) -> Arc<dyn Overlay> {
    overlay::open(&OverlayAddress::parse(spelling).unwrap(), &key())
}

/// All kinds that speak HTTP, for a server at an address.
fn kinds(address: SocketAddr) -> Vec<Arc<dyn Overlay>> {
    let spellings = [
        format!("store:http://{address}/{{slot}}"),
        format!("pkarr:http://{address}"),
        format!("opendht:http://{address}"),
        format!("site:http://{address}/{{slot}}"),
        format!("webdav:http://a:b@{address}/p2p"),
        format!("s3:http://a:b@{address}/p2p"),
        format!("tracker:http://{address}/announce"),
    ];
    spellings.iter().map(|spelling| open(spelling)).collect()
}

/// What an overlay gives for somebody who is not there: nothing, and soon.
fn gives_nothing(overlay: &Arc<dyn Overlay>) -> Result<(), OverlayError> {
    let start = clock::now();
    let alice = Person::new();
    let [_, _, wanted] = alice.wanted();
    let given = if overlay.abilities().addresses {
        let located = runtime::block_on(overlay.locate(&alice.name));
        located.map(|addresses| addresses.len())
    } else {
        look_up(overlay, &wanted).map(|outcome| outcome.found.len())
    };
    let took = clock::now() - start;
    assert!(took < SOON, "{} took {took:?}", overlay.address());
    given.map(|given| assert_eq!(given, 0, "{}", overlay.address()))
}

/// Nobody is found by any kind; with what each says.
fn finds_nobody(address: SocketAddr) -> Vec<Result<(), OverlayError>> {
    let ask = |overlay| thread::spawn(move || gives_nothing(&overlay));
    let asked: Vec<_> = kinds(address).into_iter().map(ask).collect();
    asked.into_iter().map(|asked| asked.join().unwrap()).collect()
}

/// What each kind that can be written says to a packet, soon.
fn published(address: SocketAddr) -> Vec<Result<(), OverlayError>> {
    let writable = kinds(address).into_iter().filter(|overlay| overlay.abilities().put);
    let publish = |overlay: Arc<dyn Overlay>| {
        thread::spawn(move || {
            let alice = Person::new();
            let hers =
                overlay::open(&OverlayAddress::parse(overlay.address()).unwrap(), &alice.keys);
            let start = clock::now();
            let result = runtime::block_on(hers.publish(&alice.packet(0)));
            let took = clock::now() - start;
            assert!(took < 2 * SOON, "{} took {took:?}", overlay.address());
            result
        })
    };
    let asked: Vec<_> = writable.map(publish).collect();
    asked.into_iter().map(|asked| asked.join().unwrap()).collect()
}

#[test]
fn garbage_is_called_garbage() {
    let binary: Vec<u8> = (0..=255).rev().collect();
    for answer in
        [b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), b"HTTP/1.1 banana\r\n\r\n".to_vec(), binary]
    {
        for said in finds_nobody(says(answer)) {
            assert_eq!(said, Err(OverlayError::Malformed));
        }
    }
}

#[test]
fn what_is_no_packet_is_none() {
    let html = "<!DOCTYPE html><title>Parking</title>";
    for body in
        [html, "\0\x01A", "\0\x05A", "{\"data\":\"AA\"}", "[[[[[[", "d5:peers7:aaaaaaae", ""]
    {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        finds_nobody(says(head + body));
    }
}

#[test]
fn lengths_that_are_wrong_are_survived() {
    let long = "a".repeat(400);
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\0\x01A".into(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{long}"),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\naaaaaa".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            .into(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\na".into(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab".into(),
    ] {
        let address = says(answer);
        finds_nobody(address);
        published(address);
    }
}

#[test]
fn a_gzip_bomb_does_not_go_off() {
    let bomb = bomb(256 << 20);
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let before = memory();
    finds_nobody(says([head.as_bytes(), &bomb].concat()));
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more memory");
}

/// So many zeros, compressed a hundredfold and more (RFC 1951, fixed Huffman codes).
fn bomb(length: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = Vec::new();
    let mut push = |code: &str| bits.extend(code.bytes().map(|digit| digit - b'0'));
    push("110"); // the last block, fixed codes
    push("00110000"); // a zero
    for _ in 0..length / 258 {
        push("1100010100000"); // 258 octets from one octet back
    }
    push("0000000"); // the end
    let octet = |bits: &[u8]| bits.iter().rev().fold(0, |sum, bit| sum << 1 | bit);
    let data: Vec<u8> = bits.chunks(8).map(octet).collect();
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &data, &[0; 8]].concat()
}

/// The most memory that this process ever had, in KiB; other tests run beside.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// The longest answer that any kind takes is 64 KiB of OpenDHT values, of which chunks of four octets make 144; the
/// client's buffer in the kernel holds 128 more, and the server's some.
const MOST_TAKEN: usize = 320 << 10;

#[test]
fn an_endless_answer_is_cut_off() {
    for (head, more) in [
        ("HTTP/1.1 200 OK\r\n\r\n", &[0; 4096][..]),
        ("HTTP/1.1 200 OK\r\n\r\n", b"{\"data\":\"AAAA\"}\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", b"l"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", &[0; 4096]),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4\r\nABCD\r\n"),
        ("HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n"),
    ] {
        let (address, most) = endless(head, more);
        finds_nobody(address);
        published(address);
        let most = most.load(Ordering::Relaxed);
        println!("{most} octets behind {head:?} {:?}", more.first());
        assert!(most < MOST_TAKEN, "{most} octets were taken behind {head:?} {:?}", more.first());
    }
}

#[test]
fn announcing_an_answer_again_and_again_ends_with_the_deadline() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let before = memory();
    let (address, _) = endless(interim, interim.as_bytes());
    finds_nobody(address);
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more memory");
}

#[test]
fn silence_and_slowness_end_with_the_deadline() {
    for slow in [
        dripping("HTTP/1.1 200 OK\r\ncontent-length: 800\r\n\r\n"),
        dripping("HTTP/1.1 200 OK\r\nx-slow: "),
        silent(),
    ] {
        for said in finds_nobody(slow) {
            assert_eq!(said, Err(OverlayError::TimedOut));
        }
    }
    for said in published(silent()) {
        assert_eq!(said, Err(OverlayError::TimedOut));
    }
}

#[test]
fn redirects_are_not_followed() {
    let visits = Arc::new(AtomicUsize::new(0));
    let count = visits.clone();
    let elsewhere = server(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    for status in [301, 302, 303, 307, 308] {
        let redirect = says(format!(
            "HTTP/1.1 {status} There\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n"
        ));
        for said in finds_nobody(redirect).into_iter().chain(published(redirect)) {
            assert_eq!(said, Err(OverlayError::Status(status)));
        }
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[test]
fn the_dead_are_unreachable() {
    let address = nobody();
    for said in finds_nobody(address).into_iter().chain(published(address)) {
        assert!(matches!(said, Err(OverlayError::Unreachable(_))), "{said:?}");
    }
    for said in finds_nobody(rude(drop)) {
        let expected = matches!(said, Err(OverlayError::Unreachable(_) | OverlayError::Malformed));
        assert!(expected, "{said:?}");
    }
}

#[test]
fn http_is_no_https() {
    let plain = rude(|mut stream| drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
    for spelling in ["store:https://{}/", "pkarr:https://{}", "tracker:https://{}/announce"] {
        let said = gives_nothing(&open(&spelling.replace("{}", &plain.to_string())));
        assert!(matches!(said, Err(OverlayError::Unreachable(_))), "{said:?}");
    }
}

/// What both kinds that pass calls say to somebody who waits for some, soon.
fn waits(address: SocketAddr) -> [Result<usize, OverlayError>; 2] {
    let kinds = ["store", "opendht"].map(|kind| open(&format!("{kind}:http://{address}")));
    let waits = |overlay: Arc<dyn Overlay>| {
        thread::spawn(move || {
            let wait = overlay.calls().unwrap().wait(Slot([7; 20]), None);
            let heard = runtime::block_on(clock::timeout(SOON, wait));
            heard.expect("it ends soon").map(|heard| heard.calls.len())
        })
    };
    kinds.map(waits).map(|waiting| waiting.join().unwrap())
}

#[test]
fn who_waits_for_calls_is_not_kept_by_servers_that_are_wrong() {
    assert_eq!(
        waits(says("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        [const { Err(OverlayError::Malformed) }; 2]
    );
    assert_eq!(waits(says(NO_STREAM)), [const { Err(OverlayError::NoCalls) }; 2]);
    let [_, page] = waits(says("HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE html>\n"));
    assert_eq!(page, Err(OverlayError::Malformed));
    let [_, ended] = waits(says("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}\n"));
    assert!(
        matches!(ended, Err(OverlayError::Unreachable(_))),
        "not asked again at once: {ended:?}"
    );
    for more in [&b"{\"data\":\"AAAA\"}\n"[..], b"\n", b"{", &[b'{'; 70_000]] {
        let (address, most) = endless("HTTP/1.1 200 OK\r\n\r\n", more);
        let [_, endless] = waits(address);
        assert_eq!(endless, Err(OverlayError::TooLarge));
        let most = most.load(Ordering::Relaxed);
        assert!(most < MOST_TAKEN, "{most} octets were taken of {:?}", more.first());
    }
    let slow = open(&format!("opendht:http://{}", dripping("HTTP/1.1 200 OK\r\nx-slow: ")));
    let slow = slow.calls().unwrap().wait(Slot([7; 20]), None);
    // a store may be silent until somebody calls, a proxy begins at once
    let said = runtime::block_on(clock::timeout(SOON, slow)).expect("it ends soon");
    assert_eq!(said, Err(OverlayError::TimedOut));
    for said in waits(says("HTTP/1.1 302 There\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")) {
        assert_eq!(said, Err(OverlayError::Status(302)));
    }
}

/// What a server says that has no such path.
const NO_STREAM: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// A tracker over UDP that answers every datagram so.
fn tracker(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Arc<dyn Overlay> {
    open(&format!("tracker:udp://{}", speaks(answer)))
}

/// Somebody at an address who answers every datagram so.
fn speaks(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in answer(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// Answers the first question as it should be, and the second one with `body` behind a right head.
fn announces(body: impl Into<Vec<u8>>) -> Arc<dyn Overlay> {
    let body = body.into();
    tracker(move |question| {
        let head = [&question[8..12], &question[12..16]].concat();
        let body = if question[11] == 0 { vec![7; 8] } else { body.clone() };
        vec![[head, body].concat()]
    })
}

#[test]
fn trackers_that_lie_over_udp_are_survived() {
    let lies = [
        (tracker(|_| Vec::new()), OverlayError::TimedOut),
        (tracker(|_| vec![vec![0; 16]; 100]), OverlayError::TimedOut),
        (tracker(|question| vec![question.to_vec()]), OverlayError::TimedOut),
        (announces(""), OverlayError::Refused),
        (announces([0; 12 + 5]), OverlayError::Malformed),
        (announces([0; 12 + 1999]), OverlayError::Malformed),
    ];
    let asked =
        lies.map(|(tracker, error)| (thread::spawn(move || gives_nothing(&tracker)), error));
    for (asked, error) in asked {
        assert_eq!(asked.join().unwrap(), Err(error));
    }
    assert_eq!(gives_nothing(&announces([0; 12 + 60])), Ok(()), "addresses that nobody can have");
}

#[test]
fn a_tracker_sends_nobody_to_too_many_addresses() {
    let many = (1..=60_u8).flat_map(|n| [127, 0, 0, n, 0x13, 0xba]);
    let crowd = announces([0; 12].into_iter().chain(many).collect::<Vec<u8>>());
    let located = runtime::block_on(crowd.locate(&name())).unwrap();
    assert_eq!(located.len(), overlay::MAX_ADDRESSES);
}

#[test]
fn who_is_named_by_a_tracker_gets_little_and_keeps_nobody() {
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let never_enough = speaks(move |question| {
        count.fetch_add(1, Ordering::SeqCst);
        vec![[&[0x25][..], &question[1..9], &[7; 8]].concat()]
    });
    let garbage = speaks(|question| {
        let packet = [&[0x26][..], &question[1..9], &[7; 900]].concat();
        let long = [&packet[..], &[7]].concat();
        [long, vec![0x26], question.to_vec()].into_iter().chain(vec![packet; 100]).collect()
    });
    let addresses = [victim.local_addr().unwrap(), never_enough, garbage];
    let ports = addresses.map(|address| address.port().to_be_bytes());
    let compact = ports.iter().flat_map(|[high, low]| [127, 0, 0, 1, *high, *low]);
    let tracker = announces([0; 12].into_iter().chain(compact).collect::<Vec<u8>>());
    let [by_name, ..] = Person::new().wanted();
    let start = clock::now();
    let found = runtime::block_on(tracker.find(&by_name)).unwrap();
    assert!(clock::now() - start < SOON);
    assert!(found.len() <= 1, "each address says one thing: {}", found.len());
    assert!(asked.load(Ordering::SeqCst) <= 5, "{asked:?}");
    victim.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let lengths: Vec<usize> = std::iter::from_fn(|| victim.recv(&mut buffer).ok()).collect();
    assert!((1..=3).contains(&lengths.len()), "{lengths:?}");
    assert!(lengths.iter().all(|length| *length == Inquiry::LENGTH), "{lengths:?}");
}
