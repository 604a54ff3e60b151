//! A hostile network: a download between two hosts whose ports are flooded with every kind of datagram, 100,000 a
//! second, and the list of what is tested beside the code.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use flood::{Flood, Host, Spread, datagrams};
use p2p::identity::ServicePort;
use p2p::runtime::{block_on, clock};
use p2p::transport::{Accepted, Opened, Preface, StreamKind};
use testbed::flood;

/// No test should come near this; it turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(120);
const RATE: u64 = 100_000;
/// A machine that is slow or busy loses most of a flood in the kernel, and of the download with it, until it is over.
const FLOOD: Duration = Duration::from_secs(2);
const LENGTH: usize = 2_000_000;

async fn pair(client: &Host, server: &Host) -> (Opened, Accepted) {
    let preface = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
    let places = [server.address];
    let opened = client.transport.open(server.key, &places, preface, None);
    let (opened, accepted) = future::zip(opened, server.transport.accept()).await;
    (opened.unwrap(), accepted.unwrap())
}

fn octet(at: usize) -> u8 {
    (at ^ (at >> 8)) as u8
}

/// Downloads so much; every octet is looked at.
async fn download(client: &Host, server: &Host) {
    let (mut opened, mut accepted) = pair(client, server).await;
    let sending = async {
        for start in (0..LENGTH).step_by(10_000) {
            let part: Vec<u8> = (start..start + 10_000).map(octet).collect();
            accepted.stream.write_all(&part).await.unwrap();
        }
        accepted.stream.close().await.unwrap();
    };
    let receiving = async {
        let (mut buffer, mut length) = (vec![0; 50_000], 0);
        loop {
            let count = opened.stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                return length;
            }
            let right = buffer[..count].iter().enumerate().all(|(at, o)| *o == octet(length + at));
            assert!(right, "wrong octets behind {length}");
            length += count;
        }
    };
    let ((), length) = future::zip(sending, receiving).await;
    assert_eq!(length, LENGTH);
}

#[test]
fn a_download_goes_on_in_a_flood_of_everything() {
    for spread in [Spread::OneAddress, Spread::ManyAddresses] {
        let test = async {
            let (client, server) = (Host::new(), Host::new());
            pair(&client, &server).await;
            let targets = vec![client.address, server.address];
            // each kind for both; half of them have the mac of the other
            let kinds = [client.key, server.key].map(|key| datagrams(&key));
            let all = kinds.into_iter().flatten().map(|(_, datagram)| datagram).collect();
            let flood = Flood::start(spread, targets, all, RATE);
            let flooding = async move {
                clock::sleep(FLOOD).await;
                flood.sent()
            };
            let downloads = async {
                for _ in 0..3 {
                    download(&client, &server).await;
                }
            };
            let (sent, ()) = future::zip(flooding, downloads).await;
            assert!(sent > 0);
            for (host, peer) in [(&client, &server), (&server, &client)] {
                assert_eq!(host.transport.connections(), 1, "the same connection");
                let reached = host.transport.link().reach(peer.key, &[peer.address][..]).await;
                assert_eq!(reached.unwrap().way, peer.address.into(), "{spread:?}");
            }
        };
        block_on(async { clock::timeout(LIMIT, test).await.expect("the downloads end") });
    }
}

/// For each kind of datagram, what is done with it and the test that fails where the defence is missing.
const DEFENCES: &[(&str, &[(&str, &str)])] = &[
    (
        "PROBE",
        &[
            ("forged", "nobody_else_can_open_or_pretend"),
            ("from another's address", "a_proved_address_cannot_be_claimed_by_another_key"),
            (
                "the same, to disturb handshakes",
                "forged_claims_disturb_new_handshakes_for_a_second_in_a_minute",
            ),
            ("replayed", "copies_of_a_probe_from_elsewhere_draw_nothing"),
            ("replayed first", "a_probe_that_overtakes_itself_from_elsewhere_draws_no_traffic"),
            (
                "replayed late",
                "old_probes_from_forged_addresses_draw_no_more_than_three_times_their_weight",
            ),
            ("reflected", "a_hash_tells_who_made_a_message_and_for_whom"),
            ("flood", "a_flood_of_any_kind_costs_a_bounded_number_of_multiplications"),
            (
                "flood in a peer's name",
                "an_idle_peer_is_heard_through_a_flood_in_its_name_and_copies_of_its_messages",
            ),
            (
                "flood of many sources",
                "a_table_full_of_forged_sources_leaves_room_for_a_proved_one",
            ),
            ("flood of many keys", "a_flood_is_bounded_and_not_amplified"),
            ("claims without end", "claims_that_do_not_fit_leave_nothing_behind"),
            ("damaged", "changed_datagrams_change_nothing"),
            ("random", "random_datagrams_do_nothing"),
        ],
    ),
    (
        "ANSWER",
        &[
            ("from elsewhere", "an_answer_from_elsewhere_proves_nothing"),
            ("flood", "a_flood_of_any_kind_costs_a_bounded_number_of_multiplications"),
            ("damaged", "every_changed_octet_is_noticed"),
            ("random content", "any_octets_are_survived"),
        ],
    ),
    (
        "UPDATE",
        &[
            ("replayed", "old_and_repeated_updates_change_nothing"),
            (
                "naming victims",
                "a_peer_that_names_addresses_of_others_draws_three_times_what_it_sends",
            ),
            ("naming this machine", "addresses_of_this_machine_stay_in_it"),
            ("random content", "any_content_of_a_genuine_message_is_survived"),
            ("random octets", "any_octets_are_a_bounded_set_or_none"),
        ],
    ),
    (
        "INQUIRY",
        &[
            (
                "in another's name, to draw traffic",
                "who_hears_what_is_sent_to_him_and_knows_the_name_gets_the_packet",
            ),
            ("about who is not announced", "nobody_hears_of_who_has_gone"),
            ("flood", "a_flood_of_questions_is_not_answered_for_ever"),
        ],
    ),
    (
        "HELLO, KEEP",
        &[
            ("replayed", "a_replayed_hello_steals_nothing_and_is_not_amplified"),
            ("flood", "a_flood_of_copied_hellos_takes_few_places_and_nobodys"),
            ("flood of garbage", "a_flood_of_garbage_draws_little_and_leaves_room_for_others"),
            ("damaged", "changed_datagrams_change_nothing"),
        ],
    ),
    (
        "WELCOME, KEPT, REFUSED",
        &[
            ("forged", "only_the_own_rendezvous_is_believed"),
            (
                "replayed, by the rendezvous itself",
                "a_malicious_rendezvous_draws_little_and_an_honest_one_is_believed_afterwards",
            ),
            ("a lie about our address", "a_peer_alone_is_not_believed"),
        ],
    ),
    (
        "CARRY, CARRIED",
        &[
            ("more than allowed", "introductions_are_small_and_end_with_a_reason"),
            (
                "to an address that is not proved",
                "an_address_that_is_not_proved_gets_three_times_what_it_sent",
            ),
            ("between strangers", "two_callers_do_not_meet_here"),
            ("lost, held back, repeated, misattributed", "homes_that_can_meet_without_it_do"),
            ("the same where there is no other way", "who_gets_nothing_through_it_knows"),
            ("damaged", "any_run_is_sorted"),
        ],
    ),
    (
        "EARLY",
        &[
            ("forged", "nobody_else_can_make_or_change_it"),
            ("replayed", "another_handshake_does_not_get_it"),
            ("flood", "what_waits_is_bounded_in_number_size_and_time"),
            ("flood of Initials beside it", "a_handshake_of_nobody_is_not_looked_at"),
            ("asking for more than may be early", "anything_else_is_neither_sent_nor_taken"),
        ],
    ),
    (
        "QUIC",
        &[
            (
                "flood of Initials in a peer's name",
                "packets_of_handshakes_in_the_name_of_a_peer_are_bounded_and_others_are_not",
            ),
            ("handshakes without end", "handshakes_that_end_at_once_are_slowed_down_too"),
            (
                "handshakes that hang",
                "one_host_leaves_room_for_others_and_all_together_are_bounded",
            ),
            ("another's tag", "one_key_cannot_connect_under_the_tag_of_another"),
        ],
    ),
    (
        "STUN, TURN",
        &[
            ("forged", "forged_answers_change_nothing"),
            ("damaged", "changed_answers_change_nothing"),
            ("random", "hostile_messages_are_read_or_refused"),
        ],
    ),
    (
        "Teredo",
        &[
            ("forged advertisements", "forged_advertisements_change_nothing"),
            (
                "bubbles in others' names, floods",
                "bubbles_in_the_name_of_others_draw_nothing_and_floods_draw_little",
            ),
            ("damaged", "nonsense_does_no_harm"),
        ],
    ),
    (
        "PCP, NAT-PMP, UPnP",
        &[
            ("random", "hostile_routers_cannot_break_it"),
            ("damaged", "mutilated_documents_are_read_or_refused"),
            ("leading elsewhere", "any_answer_leads_to_its_sender_or_nowhere"),
        ],
    ),
];

#[test]
fn every_defence_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut folders = vec![root.join("src/link"), root.join("src/transport")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push_str(&fs::read_to_string(path).unwrap()),
            }
        }
    }
    for (kind, attacks) in DEFENCES {
        for (attack, test) in *attacks {
            assert!(sources.contains(&format!("fn {test}(")), "{kind}, {attack}: {test}");
        }
    }
}
