//! The program with several overlays at once: what `publish`, `lookup` and `status` tell, and what a web
//! site gets.

use std::{fs, net::UdpSocket, path::Path, time::Duration};

use p2p::identity::{Name, ShareLink, Slot};
use p2p::registration::Packet;
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

use testbed::overlays::{pkarr_relay, servers, store};
use testbed::people::{ALICE, Program, run, text};

/// Alice's share link and the process that serves for her in these overlays.
fn alice(root: &Path, overlays: &[&str]) -> (String, Program) {
    (init_alice(root), serve_for_alice(root, overlays))
}

fn init_alice(root: &Path) -> String {
    let made = text(&run(&root.join("alice"), &["init", ALICE]).stdout[..]);
    let link = made.lines().find_map(|line| line.strip_prefix("share link")).unwrap();
    link.trim().to_owned()
}

fn serve_for_alice(root: &Path, overlays: &[&str]) -> Program {
    let folder = root.join("media");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.html"), "hello from alice").unwrap();
    let arguments = ["serve", folder.to_str().unwrap(), "--port", "1000", "--udp", "127.0.0.1:0"];
    let options = overlays.iter().flat_map(|overlay| ["--overlay", *overlay]);
    let arguments: Vec<&str> = arguments.into_iter().chain(options).collect();
    Program::start(&root.join("alice"), &arguments)
}

fn lines(home: &Path, arguments: &[&str]) -> Vec<String> {
    let output = run(home, arguments);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout[..]).lines().map(str::to_owned).collect()
}

/// The line about an overlay.
fn line<'a>(lines: &'a [String], overlay: &str) -> &'a str {
    let line = lines.iter().find(|line| line.contains(overlay));
    line.unwrap_or_else(|| panic!("nothing about {overlay}: {lines:?}"))
}

fn root() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_contact_is_found_where_only_keys_count() {
    let root = root();
    let relay = format!("pkarr:http://{}", pkarr_relay::serve());
    let dead = "pkarr:http://127.0.0.1:9";
    let (link, _alice) = alice(root.path(), &[&relay, dead]);
    let bob = root.path().join("bob");
    let unknown = run(&bob, &["lookup", ALICE, "--overlay", &relay]);
    assert_eq!(unknown.status.code(), Some(1), "only who knows the key finds her there");
    assert!(run(&bob, &["contact", "add", &link]).status.success());
    let found = lines(&bob, &["lookup", ALICE, "--overlay", &relay, "--overlay", dead]);
    assert!(line(&found, &relay).ends_with("found, with 1 address and 0 rendezvous"));
    assert!(line(&found, dead).ends_with("cannot be reached: connection refused"));

    let options = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    let proxy = Program::start(&bob, &[&options[..], &["--overlay", &relay]].concat());
    let url = format!("http://{}/{ALICE}/1000/", proxy.said("proxy"));
    let (status, body) = store::request("GET", &url, &[], b"").unwrap();
    assert_eq!((status, &body[..]), (200, &b"hello from alice"[..]));
    // the page came with the first packet; the look-up goes on for a moment
    let told = || line(&lines(&bob, &["status"]), &relay).to_owned();
    let judged = async {
        while !told().contains("answered 1 of 1 look-ups") {
            clock::sleep(Duration::from_millis(20)).await;
        }
    };
    block_on(clock::timeout(Duration::from_secs(10), judged)).expect("the look-up ends");
    assert!(told().contains("100 % fresh"), "{}", told());
}

/// Nothing in these tests asks an overlay that it does not name.
#[test]
fn tests_stay_on_this_machine() {
    let root = root();
    let asked = text(&run(&root.path().join("bob"), &["lookup", ALICE, "--json"]).stdout[..]);
    let lan_alone = asked.contains("\"lan\"") && asked.matches("\"address\"").count() == 1;
    assert!(lan_alone, "{asked}");
}

#[test]
fn a_contact_is_found_by_an_address_alone() {
    let Some(tracker) = servers::opentracker() else { return };
    let root = root();
    let overlay = format!("tracker:udp://{}", tracker.address);
    let link = init_alice(root.path());
    let swarm = Slot::of_announcements(&Name::parse(ALICE).unwrap());
    tracker.admit(&swarm);
    let alice = serve_for_alice(root.path(), &[&overlay]);
    let bob = root.path().join("bob");
    let options = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    let proxy = Program::start(&bob, &[&options[..], &["--overlay", &overlay]].concat());
    let url = format!("http://{}/{ALICE}/1000/", proxy.said("proxy"));
    assert!(run(&bob, &["contact", "add", &link]).status.success());
    // others may announce what they like
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    tracker.announce(&swarm, elsewhere.local_addr().unwrap().port());
    let (status, body) = store::request("GET", &url, &[], b"").unwrap();
    assert_eq!((status, &body[..]), (200, &b"hello from alice"[..]));
    let told = lines(&bob, &["status"]);
    // it was asked for addresses, and on a slow machine for who is there as well
    let answered = ["answered 1 of 1", "answered 2 of 2"];
    assert!(answered.iter().any(|all| line(&told, &overlay).contains(all)), "{told:?}");
    alice.stop();
    let gone = run(&bob, &["lookup", ALICE, "--overlay", &overlay]);
    let gone = text(&gone.stdout[..]);
    assert!(gone.contains(&format!("perhaps at {}", elsewhere.local_addr().unwrap())), "{gone}");
    assert_eq!(gone.matches("127.0.0.1:").count(), 2, "alice has left: {gone}");
}

/// Nobody has the name for sure who announces himself under it: whoever is there shows a signed packet, and is met
/// like anybody else.
#[test]
fn a_stranger_is_found_by_an_announced_name_and_must_prove_who_he_is() {
    let Some(tracker) = servers::opentracker() else { return };
    let root = root();
    let overlay = format!("tracker:udp://{}", tracker.address);
    let link = init_alice(root.path());
    let swarm = Slot::of_announcements(&Name::parse(ALICE).unwrap());
    tracker.admit(&swarm);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    tracker.announce(&swarm, silent.local_addr().unwrap().port());
    let bob = root.path().join("bob");
    let nobody = run(&bob, &["lookup", ALICE, "--overlay", &overlay]);
    assert_eq!(nobody.status.code(), Some(1), "an address alone is nobody: {nobody:?}");

    let _alice = serve_for_alice(root.path(), &[&overlay]);
    let found = lines(&bob, &["lookup", ALICE, "--overlay", &overlay]);
    assert!(line(&found, &overlay).ends_with("found, with 1 address and 0 rendezvous"));
    let options = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    let proxy = Program::start(&bob, &[&options[..], &["--overlay", &overlay]].concat());
    let url = format!("http://{}/{ALICE}/1000/", proxy.said("proxy"));
    let (status, body) = store::request("GET", &url, &[], b"").unwrap();
    assert_eq!((status, &body[..]), (200, &b"hello from alice"[..]));
    let met = lines(&bob, &["contact", "show", ALICE]).join("\n");
    let key = ShareLink::parse(&link).unwrap().key;
    assert!(met.contains(&key.fingerprint().to_string()), "{met}");

    // no octet more than was sent to them, whoever they are, until they have shown that they speak this
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    while let Ok(length) = silent.recv(&mut buffer) {
        assert!(length < 60, "{length} octets to somebody who has said nothing");
    }
}

#[cfg(feature = "mainline")]
#[test]
fn publishing_anew_tells_what_each_overlay_does() {
    use p2p::overlay::store::StoreOptions;

    let root = root();
    let net = mainline::Testnet::builder(8).build().unwrap();
    let dht = format!("mainline:{}", net.bootstrap[0]);
    let store = format!("store:http://{}/{{slot}}", store::serve(None, StoreOptions::default()));
    let dead = "store:http://127.0.0.1:9/{slot}";
    let (link, _alice) = alice(root.path(), &[&dht, &store, dead, "well-known"]);
    let told = lines(&root.path().join("alice"), &["publish"]);
    for (overlay, words) in [
        (&*dht, "stored 0 s ago"),
        (&store, "stored 0 s ago"),
        (dead, "connection refused"),
        ("well-known", "nothing stored"), // nobody writes to a web site
    ] {
        assert!(line(&told, overlay).ends_with(words), "{told:?}");
    }

    let bob = root.path().join("bob");
    assert!(run(&bob, &["contact", "add", &link]).status.success());
    let found = lines(&bob, &["lookup", ALICE, "--overlay", &dht]);
    assert!(line(&found, &dht).contains("found, with 1 address"), "{found:?}");
}

#[test]
fn a_file_for_the_web_site_is_found_there() {
    let root = root();
    let (home, site) = (root.path().join("alice"), root.path().join("site"));
    assert!(run(&home, &["init", ALICE]).status.success());
    let told = lines(&home, &["publish", "--to-file", site.to_str().unwrap()]);
    let path = site.join(".well-known/p2p/alice");
    assert_eq!(told, [path.to_str().unwrap()]);
    let packet = Packet::decode(&fs::read(&path).unwrap()).unwrap();
    let registration = packet.registration();
    assert_eq!(registration.name, Some(Name::parse(ALICE).unwrap()));
    assert!(registration.locators.is_empty(), "a file knows no addresses");
    let left = packet.expires().since(clock::wall()).as_secs();
    assert!((28 * 86_400..30 * 86_400).contains(&left), "{left}");

    let address = servers::files(&site);
    let overlay = format!("site:http://{address}/.well-known/p2p/{{user}}");
    let found = lines(&root.path().join("bob"), &["lookup", ALICE, "--overlay", &overlay]);
    assert!(found[0].contains("found, with 0 addresses"), "{found:?}");
    assert!(found[1].starts_with("key      ") && !found[1].contains("web site"), "{found:?}");
}
