//! What every store of `p2pstore/1` does, checked over HTTP: ours, the scripts in `packaging/store`, and
//! any at `P2P_STORE_URL`, a URL with `{slot}` in it.

use std::{env, thread};

use p2p::identity::{KeyPair, Name, Slot};
use p2p::overlay::store::StoreOptions;
use testbed::overlays::packets::{key, name, padded, signed};
use testbed::overlays::php::Php;
use testbed::overlays::store;
use testbed::programs;

/// A store under test.
struct Subject {
    /// A URL with `{slot}` in it.
    url: String,
    /// It refuses packets that are not signed, not of the slot, or older than what the signer has there.
    verifies: bool,
}

impl Subject {
    fn ask(
        &self,
        method: &str,
        slot: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let url = self.url.replace("{slot}", slot);
        store::request(method, &url, fields, body)
            .unwrap_or_else(|error| panic!("{method} {url}: {error}"))
    }

    fn get(&self, slot: Slot) -> (u16, Vec<u8>) {
        self.ask("GET", &slot.to_string(), &[], b"")
    }

    fn put(&self, slot: Slot, secret: &str, ttl: &str, packet: &[u8]) -> u16 {
        let fields = [("P2P-Secret", secret), ("P2P-TTL", ttl)];
        self.ask("PUT", &slot.to_string(), &fields, packet).0
    }

    fn delete(&self, slot: Slot, secret: &str) -> u16 {
        self.ask("DELETE", &slot.to_string(), &[("P2P-Secret", secret)], b"").0
    }
}

fn framed(packets: &[&[u8]]) -> Vec<u8> {
    let frame = |packet: &&[u8]| [&(packet.len() as u16).to_be_bytes(), *packet].concat();
    packets.iter().flat_map(frame).collect()
}

/// A secret of the shortest length that counts.
fn secret(n: usize) -> String {
    format!("{n:016}")
}

/// Somebody who writes to a name's slot.
struct Person {
    key: KeyPair,
    name: Name,
    secret: String,
}

impl Person {
    fn new(n: usize, name: &Name) -> Person {
        Person { key: key(), name: name.clone(), secret: secret(n) }
    }

    fn packet(&self, sequence: u64) -> Vec<u8> {
        signed(&self.key, &self.name, sequence)
    }
}

/// The whole suite.
fn conforms(subject: &Subject) {
    slots_are_40_hexadecimal_digits(subject);
    writing_takes_a_secret_and_a_packet(subject);
    writers_share_a_slot_and_keep_to_their_own(subject);
    eight_writers_fill_a_slot(subject);
    writers_at_the_same_instant_do_not_overfill_a_slot(subject);
    methods_are_known_or_refused(subject);
    strange_times_to_live_are_survived(subject);
    if subject.verifies {
        only_signed_packets_of_the_slot_are_kept(subject);
        older_packets_do_not_come_back(subject);
    }
}

fn slots_are_40_hexadecimal_digits(subject: &Subject) {
    let good = "0123456789abcdef0123456789abcdef01234567";
    let long = format!("{good}0");
    for bad in ["zz", &good[1..], &long, &good.to_uppercase(), "..%2f..%2fetc%2fpasswd"] {
        assert_eq!(subject.ask("GET", bad, &[], b"").0, 400, "{bad}");
    }
    assert_eq!(subject.get(Slot::of_name(&name())).0, 404);
}

fn writing_takes_a_secret_and_a_packet(subject: &Subject) {
    let name = name();
    let (slot, person) = (Slot::of_name(&name), Person::new(1, &name));
    let hex = slot.to_string();
    assert_eq!(subject.ask("PUT", &hex, &[], &person.packet(1)).0, 401);
    let short = [("P2P-Secret", "123456789012345")];
    assert_eq!(subject.ask("PUT", &hex, &short, &person.packet(1)).0, 401);
    assert_eq!(subject.ask("DELETE", &hex, &[], b"").0, 401);
    assert_eq!(subject.put(slot, &person.secret, "60", b""), 413);
    assert_eq!(subject.put(slot, &person.secret, "60", &[7; 1025]), 413);
    assert_eq!(subject.put(slot, &person.secret, "60", &[7; 100_000]), 413);
    assert_eq!(subject.get(slot).0, 404, "nothing of this was kept");
    let short = padded(&person.key, &name, 1, 1).len();
    let longest = padded(&person.key, &name, 1, 1 + 900 - short);
    assert_eq!(longest.len(), 900);
    assert_eq!(subject.put(slot, &person.secret, "60", &longest), 204);
    assert_eq!(subject.get(slot), (200, framed(&[&longest])));
}

fn writers_share_a_slot_and_keep_to_their_own(subject: &Subject) {
    let name = name();
    let slot = Slot::of_name(&name);
    let (one, two) = (Person::new(1, &name), Person::new(2, &name));
    assert_eq!(subject.put(slot, &one.secret, "60", &one.packet(1)), 204);
    assert_eq!(subject.put(slot, &two.secret, "7200", &two.packet(1)), 204);
    let both = framed(&[&two.packet(1), &one.packet(1)]);
    assert_eq!(subject.get(slot), (200, both), "latest expiry first");
    assert_eq!(subject.put(slot, &one.secret, "60", &one.packet(2)), 204);
    let both = framed(&[&two.packet(1), &one.packet(2)]);
    assert_eq!(subject.get(slot), (200, both), "the first replaced its own only");
    assert_eq!(subject.delete(slot, &secret(6)), 404);
    assert_eq!(subject.delete(slot, &two.secret), 204);
    assert_eq!(subject.delete(slot, &two.secret), 404);
    assert_eq!(subject.get(slot), (200, framed(&[&one.packet(2)])));
    assert_eq!(subject.delete(slot, &one.secret), 204);
    assert_eq!(subject.get(slot).0, 404);
}

fn eight_writers_fill_a_slot(subject: &Subject) {
    let name = name();
    let slot = Slot::of_name(&name);
    let people: Vec<Person> = (1..=9).map(|n| Person::new(n, &name)).collect();
    for person in &people[..8] {
        assert_eq!(subject.put(slot, &person.secret, "3600", &person.packet(1)), 204);
    }
    assert_eq!(subject.put(slot, &people[8].secret, "3600", &people[8].packet(1)), 507);
    assert_eq!(subject.put(slot, &people[0].secret, "3600", &people[0].packet(2)), 204);
    let (status, body) = subject.get(slot);
    assert_eq!((status, body.len()), (200, 8 * (2 + people[0].packet(1).len())));
    assert_eq!(subject.delete(slot, &people[1].secret), 204);
    assert_eq!(subject.put(slot, &people[8].secret, "3600", &people[8].packet(1)), 204);
}

fn writers_at_the_same_instant_do_not_overfill_a_slot(subject: &Subject) {
    let name = name();
    let slot = Slot::of_name(&name);
    let people: Vec<Person> = (1..=24).map(|n| Person::new(n, &name)).collect();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let put = |person: &Person| subject.put(slot, &person.secret, "60", &person.packet(1));
        let puts: Vec<_> = people.iter().map(|person| scope.spawn(move || put(person))).collect();
        puts.into_iter().map(|put| put.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 8, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 507).count(), 16, "{statuses:?}");
}

fn methods_are_known_or_refused(subject: &Subject) {
    let name = name();
    let (slot, person) = (Slot::of_name(&name), Person::new(1, &name));
    let hex = slot.to_string();
    let fields = [("P2P-Secret", &*person.secret)];
    assert_eq!(subject.ask("PATCH", &hex, &fields, &person.packet(1)).0, 405);
    assert_eq!(subject.ask("POST", &hex, &fields, &person.packet(1)).0, 204);
    assert_eq!(subject.get(slot), (200, framed(&[&person.packet(1)])));
    assert_eq!(subject.ask("HEAD", &hex, &[], b""), (200, Vec::new()));
}

fn strange_times_to_live_are_survived(subject: &Subject) {
    for ttl in ["", "0", "-5", "soon", "1e9", "99999999999999999999999", "60.5"] {
        let name = name();
        let (slot, person) = (Slot::of_name(&name), Person::new(1, &name));
        assert_eq!(subject.put(slot, &person.secret, ttl, &person.packet(1)), 204, "{ttl:?}");
        assert_eq!(subject.get(slot).0, 200, "{ttl:?}");
    }
}

fn only_signed_packets_of_the_slot_are_kept(subject: &Subject) {
    let (alice, bob) = (name(), name());
    let person = Person::new(1, &alice);
    let mut forged = person.packet(1);
    *forged.last_mut().unwrap() ^= 1;
    let slot = Slot::of_name(&alice);
    assert_eq!(subject.put(slot, &person.secret, "60", &forged), 422);
    assert_eq!(subject.put(slot, &person.secret, "60", b"free storage"), 422);
    let elsewhere = Slot::of_name(&bob);
    assert_eq!(subject.put(elsewhere, &person.secret, "60", &person.packet(1)), 422);
    assert_eq!(subject.get(slot).0, 404);
    let of_key = Slot::of_key(&person.key.public());
    assert_eq!(subject.put(of_key, &person.secret, "60", &person.packet(1)), 204);
}

fn older_packets_do_not_come_back(subject: &Subject) {
    let name = name();
    let person = Person::new(1, &name);
    let slot = Slot::of_key(&person.key.public());
    assert_eq!(subject.put(slot, &person.secret, "60", &person.packet(5)), 204);
    assert_eq!(subject.put(slot, &person.secret, "60", &person.packet(4)), 409);
    assert_eq!(subject.put(slot, &secret(2), "60", &person.packet(4)), 409);
    for copy in 2..=8 {
        assert_eq!(subject.put(slot, &secret(copy), "9000", &person.packet(5)), 204);
    }
    assert_eq!(subject.put(slot, &secret(9), "60", &person.packet(6)), 204, "copies make way");
    assert_eq!(subject.put(slot, &person.secret, "60", &person.packet(7)), 204);
}

#[test]
fn our_server_conforms() {
    let address = store::serve(None, StoreOptions::default());
    conforms(&Subject { url: format!("http://{address}/{{slot}}"), verifies: true });
}

#[test]
fn our_server_with_a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let address = store::serve(Some(folder.path()), StoreOptions::default());
    conforms(&Subject { url: format!("http://{address}/{{slot}}"), verifies: true });
}

#[test]
fn our_server_says_what_it_is() {
    let address = store::serve(None, StoreOptions::default());
    let (status, body) = store::request("GET", &format!("http://{address}/"), &[], b"").unwrap();
    assert_eq!(status, 200);
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains("p2pstore/1") && text.lines().count() == 1, "{text}");
}

#[test]
fn the_php_script_conforms() {
    if programs::find("php").is_some() {
        let php = Php::start();
        conforms(&Subject { url: php.url.clone(), verifies: false });
    }
}

#[test]
fn the_worker_conforms() {
    match env::var("P2P_WORKER_URL") {
        Ok(url) => conforms(&Subject { url, verifies: false }),
        Err(_) => {
            assert!(env::var_os("CI").is_none(), "needs P2P_WORKER_URL");
            println!("skipped: needs P2P_WORKER_URL (see packaging/store/worker)");
        }
    }
}

#[test]
fn the_store_at_a_given_url_conforms() {
    match env::var("P2P_STORE_URL") {
        Ok(url) => conforms(&Subject { url, verifies: false }),
        Err(_) => println!("skipped: needs P2P_STORE_URL"),
    }
}
