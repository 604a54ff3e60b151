use super::*;

const ROOMY: Capacity = Capacity { places: 100_000, octets: 100 << 20 };

fn key(slot: u8, writer: u8) -> PlaceKey {
    PlaceKey { slot: Slot([slot; 20]), writer: Writer([writer; 16]) }
}

fn place(author: u8, sequence: u64, expires: Seconds) -> Place {
    let packet = format!("{author}/{sequence}").into_bytes().into();
    let network = Network::UNKNOWN;
    Place { author: Author([author; 16]), expires, sequence, network, packet }
}

fn texts(places: &Places, slot: u8, now: Seconds) -> Vec<String> {
    let packets = places.packets(Slot([slot; 20]), now);
    packets.into_iter().map(|packet| String::from_utf8_lossy(packet).into_owned()).collect()
}

#[test]
fn latest_expiry_comes_first_and_expired_ones_do_not_come() {
    let mut places = Places::new(ROOMY);
    places.put(key(1, 1), place(1, 1, 100), 0).unwrap();
    places.put(key(1, 2), place(2, 1, 300), 0).unwrap();
    places.put(key(1, 3), place(3, 1, 200), 0).unwrap();
    places.put(key(2, 3), place(4, 1, 200), 0).unwrap();
    assert_eq!(texts(&places, 1, 0), ["2/1", "3/1", "1/1"]);
    assert_eq!(texts(&places, 1, 100), ["2/1", "3/1"]);
    assert_eq!(texts(&places, 1, 299), ["2/1"]);
    assert!(texts(&places, 1, 300).is_empty());
    assert_eq!(texts(&places, 2, 0), ["4/1"]);
}

#[test]
fn a_writer_replaces_and_removes_only_his_own() {
    let mut places = Places::new(ROOMY);
    places.put(key(1, 1), place(1, 1, 100), 0).unwrap();
    places.put(key(1, 2), place(2, 1, 90), 0).unwrap();
    places.put(key(1, 1), place(1, 2, 100), 0).unwrap();
    assert_eq!(texts(&places, 1, 0), ["1/2", "2/1"]);
    assert_eq!(places.remove(key(1, 3), 0).unwrap_err(), Refusal::NotFound);
    places.remove(key(1, 1), 0).unwrap();
    assert_eq!(texts(&places, 1, 0), ["2/1"]);
    assert_eq!(places.remove(key(1, 2), 90).unwrap_err(), Refusal::NotFound);
    assert_eq!(places.packet_octets(), 0);
}

#[test]
fn an_older_packet_replaces_no_newer_one_of_its_signer() {
    let mut places = Places::new(ROOMY);
    places.put(key(1, 1), place(1, 5, 100), 0).unwrap();
    assert_eq!(places.put(key(1, 1), place(1, 4, 200), 0).unwrap_err(), Refusal::Outdated);
    assert_eq!(places.put(key(1, 2), place(1, 4, 200), 0).unwrap_err(), Refusal::Outdated);
    places.put(key(1, 1), place(1, 5, 300), 0).unwrap();
    places.put(key(1, 1), place(2, 1, 300), 0).unwrap();
    assert_eq!(texts(&places, 1, 0), ["2/1"]);
}

#[test]
fn the_ninth_writer_finds_no_place_until_one_expires() {
    let mut places = Places::new(ROOMY);
    for n in 1..=8 {
        places.put(key(1, n), place(n, 1, 100 + Seconds::from(n)), 0).unwrap();
    }
    assert_eq!(places.put(key(1, 9), place(9, 1, 500), 0).unwrap_err(), Refusal::SlotFull);
    places.put(key(1, 8), place(8, 2, 108), 0).unwrap();
    places.put(key(1, 9), place(9, 1, 500), 101).unwrap();
    assert_eq!(texts(&places, 1, 101).len(), 8);
}

#[test]
fn copies_of_a_signers_packets_cannot_keep_him_out() {
    let mut places = Places::new(ROOMY);
    for n in 1..=8 {
        places.put(key(1, n), place(1, 7, 100), 0).unwrap();
    }
    let change = places.put(key(1, 9), place(1, 7, 200), 0).unwrap();
    assert_eq!(texts(&places, 1, 0).len(), 8);
    assert!(places.place(&key(1, 9)).is_some());
    places.undo(change);
    assert!(places.place(&key(1, 9)).is_none());
    assert_eq!(texts(&places, 1, 0).len(), 8);
}

#[test]
fn changes_can_be_undone_in_reverse() {
    let mut places = Places::new(ROOMY);
    places.put(key(1, 1), place(1, 1, 100), 0).unwrap();
    let octets = places.packet_octets();
    let changes = [
        places.put(key(1, 1), place(1, 20, 100), 0).unwrap(),
        places.put(key(1, 2), place(2, 1, 100), 0).unwrap(),
        places.remove(key(1, 1), 0).unwrap(),
    ];
    for change in changes.into_iter().rev() {
        places.undo(change);
    }
    assert_eq!(texts(&places, 1, 0), ["1/1"]);
    assert_eq!((places.len(), places.packet_octets()), (1, octets));
}

#[test]
fn a_full_store_refuses_until_a_sweep_finds_room() {
    let mut places = Places::new(Capacity { places: 3, octets: 1 << 20 });
    for n in 1..=3 {
        places.put(key(n, 1), place(1, 1, 50 + Seconds::from(n)), 0).unwrap();
    }
    assert_eq!(places.put(key(4, 1), place(1, 1, 500), 0).unwrap_err(), Refusal::StoreFull);
    places.put(key(3, 1), place(1, 2, 53), 0).unwrap();
    places.put(key(4, 1), place(1, 1, 500), 51).unwrap();
    assert_eq!(places.len(), 3);
}

#[test]
fn memory_is_a_limit_of_its_own() {
    let room_for_two = 2 * (OVERHEAD + 3);
    let mut places = Places::new(Capacity { places: 1000, octets: room_for_two });
    places.put(key(1, 1), place(1, 1, 50), 0).unwrap();
    places.put(key(2, 1), place(1, 1, 50), 0).unwrap();
    assert_eq!(places.put(key(3, 1), place(1, 1, 50), 0).unwrap_err(), Refusal::StoreFull);
    places.put(key(3, 1), place(1, 1, 90), 50).unwrap();
}

#[test]
fn a_sweep_goes_round_in_steps() {
    let mut places = Places::new(ROOMY);
    for n in 0..100 {
        places.restore(key(n, 1), place(1, 1, if n % 2 == 0 { 10 } else { 1000 }));
    }
    places.sweep(30, 10);
    assert_eq!(places.len(), 85);
    places.sweep(30, 10);
    places.sweep(30, 10);
    assert_eq!(places.len(), 55);
    places.sweep(30, 10); // to the end
    assert_eq!(places.len(), 50);
    places.sweep(60, 1000); // from the start again
    assert_eq!((places.len(), places.packet_octets()), (0, 0));
}

#[test]
fn one_network_fills_its_share_and_leaves_room_for_others() {
    let mut places = Places::new(Capacity { places: SHARE * MIN_SHARE, octets: 100 << 20 });
    let key = |n: usize| {
        let mut slot = [0; 20];
        slot[..8].copy_from_slice(&n.to_be_bytes());
        PlaceKey { slot: Slot(slot), writer: Writer([1; 16]) }
    };
    let from = |network: usize, sequence: u64, expires: Seconds| Place {
        network: Network::of(network),
        ..place(1, sequence, expires)
    };
    for n in 0..MIN_SHARE {
        places.put(key(n), from(7, 1, 100), 0).unwrap();
    }
    let more = key(MIN_SHARE);
    assert_eq!(places.put(more, from(7, 1, 100), 0).unwrap_err(), Refusal::ShareFull);
    places.put(key(5), from(7, 2, 100), 0).expect("what it has it may renew");
    let change = places.put(more, from(8, 1, 100), 0).expect("others get in");
    places.undo(change);
    places.remove(key(0), 0).unwrap();
    places.put(more, from(7, 1, 100), 0).expect("one place was given back");
    places.put(key(MIN_SHARE + 1), from(7, 1, 900), 100).expect("the others have expired");
}
