//! How a host looks from outside and what routers and servers do for it, with real ones: coturn for STUN and TURN,
//! miniupnpd for port mapping, in a laboratory of namespaces.

use std::time::Duration;

use p2p::{
    link::stun::{Filtering, Mapping, NatBehaviour, ServerAddress, discover},
    runtime::{block_on, clock},
};
use testbed::homes::{
    self, Scene,
    daemons::{STUN, coturn, miniupnpd},
    network::{Home, two_homes},
};
use testbed::people::{ALICE, Program, noise, succeed};
use testbed::programs::have;

use crate::Test;

/// What a daemon may take to find out about its network and to publish it.
const PATIENCE: Duration = Duration::from_secs(20);

const ALICE_ROUTER: &str = "11.3.0.1";

pub(crate) const TESTS: &[Test] = &[
    ("stun_tells_the_kind_of_nat", stun_tells_the_kind_of_nat),
    ("a_full_cone_is_reached_at_its_reflexive_address", reflexive_address),
    ("a_router_maps_a_port_and_takes_it_back", mapped_by_gateway),
    ("a_upnp_device_maps_a_port_and_takes_it_back", mapped_by_device),
    ("a_turn_server_helps_where_nothing_else_is_allowed", turn),
    ("a_turn_server_carries_where_a_rendezvous_only_introduces", turn_for_introduced),
];

fn stun_tells_the_kind_of_nat() {
    if !have("turnserver") {
        return;
    }
    use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let same = Mapping::EndpointIndependent;
    let symmetric = |step| Mapping::EndpointDependent { step };
    for (nat, mapping, filtering, hairpin) in [
        ("fullcone", same, EndpointIndependent, false),
        ("restricted,hairpin:on", same, AddressDependent, true),
        ("kernel:portrestricted", same, AddressAndPortDependent, false),
        ("map:adm,filter:apdf", symmetric(Some(1)), AddressAndPortDependent, false),
        ("symmetric,port:seq", symmetric(Some(1)), AddressAndPortDependent, false),
    ] {
        let found = discover_in(Home::Nat(nat));
        assert_eq!(found.mapping, Some(mapping), "{nat}: {found:?}");
        assert_eq!(found.filtering, Some(filtering), "{nat}: {found:?}");
        assert_eq!(found.hairpin, Some(hairpin), "{nat}: {found:?}");
    }
    let public = discover_in(Home::Public);
    assert_eq!(public.mapping, Some(Mapping::NoNat), "{public:?}");
    let blocked = discover_in(Home::Nat("blockudp"));
    assert_eq!(blocked, NatBehaviour::default());
}

/// What bob finds out.
fn discover_in(home: Home) -> NatBehaviour {
    let scene = Scene::build(&two_homes(Home::Public, home));
    let _coturn = coturn(&scene);
    let server = ServerAddress::parse(STUN).unwrap();
    scene.lab.enter("bob", || block_on(discover(&[server]))).unwrap()
}

fn reflexive_address() {
    if !have("turnserver") || !have("curl") {
        return;
    }
    let scene = Scene::build(&two_homes(Home::Nat("fullcone"), Home::Nat("symmetric")));
    let _coturn = coturn(&scene);
    scene.configure("alice", &format!("stun = [\"{STUN}\"]\nport-mapping = false"));
    scene.configure("bob", "stun = []");
    get_from_alice(&scene, ALICE_ROUTER);
}

fn mapped_by_gateway() {
    mapped(&two_homes(Home::Nat("kernel:portrestricted"), Home::Nat("symmetric")), None);
}

fn mapped_by_device() {
    let no_pcp = "nft add table inet deaf
nft add chain inet deaf input '{ type filter hook input priority -10; }'
nft add rule inet deaf input udp dport 5351 drop";
    mapped(&two_homes(Home::Nat("kernel:portrestricted"), Home::Nat("symmetric")), Some(no_pcp));
}

fn mapped(topology: &str, deaf: Option<&str>) {
    if !have("miniupnpd") || !have("curl") {
        return;
    }
    let scene = Scene::build(topology);
    let _router = miniupnpd(&scene, "alice-nat", ALICE_ROUTER);
    if let Some(deaf) = deaf {
        scene.lab.script("alice-nat", deaf).unwrap();
    }
    scene.configure("alice", "stun = []");
    scene.configure("bob", "stun = []");
    let rules = || {
        let mut list = scene.lab.command("alice-nat", "nft");
        list.args(["list", "chain", "inet", "miniupnpd", "prerouting_miniupnpd"]);
        String::from_utf8(succeed(&mut list)).unwrap()
    };
    let (alice, _store) = get_from_alice(&scene, ALICE_ROUTER);
    assert!(rules().contains("dnat"), "{}", rules());
    assert!(alice.stop().success());
    assert!(!rules().contains("dnat"), "{}", rules());
}

fn turn() {
    if !have("turnserver") || !have("curl") {
        return;
    }
    let scene = Scene::build(&two_homes(Home::Public, Home::Nat("kernel:portrestricted")));
    let _coturn = coturn(&scene);
    let only_turn = "nft add table inet strict
nft add chain inet strict forward '{ type filter hook forward priority 0; }'
nft add rule inet strict forward iifname lan0 udp dport != 3478 drop";
    scene.lab.script("bob-nat", only_turn).unwrap();
    scene.configure("alice", "stun = []\nport-mapping = false");
    scene.configure("bob", &format!("stun = []\nturn = \"turn:u:p@{STUN}\""));
    get_from_alice(&scene, ALICE_ROUTER);
    let relayed = scene.lab.traffic("rendezvous", "bob").unwrap().octets;
    let direct = scene.lab.traffic("alice", "bob").unwrap().octets;
    assert!(relayed > 100_000 && direct < 1_000, "{relayed} relayed, {direct} direct");
}

/// Neither can be reached straight. What TURN lends alice lets in only whom she has heard of, so that bob's UPDATE
/// through the rendezvous opens it.
fn turn_for_introduced() {
    if !have("turnserver") || !have("curl") {
        return;
    }
    let scene = Scene::build(&two_homes(Home::Nat("symmetric"), Home::Nat("symmetric")));
    let _coturn = coturn(&scene);
    let _introducer = scene.introducer();
    scene.configure("alice", &format!("stun = []\nturn = \"turn:u:p@{STUN}\""));
    scene.configure("bob", "stun = []");
    let counter = "nft add table inet counted
nft add chain inet counted output '{ type filter hook output priority 0; }'
nft add rule inet counted output udp sport 49152-49252 counter";
    scene.lab.script("rendezvous", counter).unwrap();
    let (_alice, _store) = get_from_alice(&scene, "11.1.0.30");
    let mut list = scene.lab.command("rendezvous", "nft");
    let counted = succeed(list.args(["list", "table", "inet", "counted"]));
    let counted = String::from_utf8(counted).unwrap();
    let octets = counted.split("bytes ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let octets: u64 = octets.unwrap().parse().unwrap();
    assert!(octets > 500_000, "what came from coturn's ports: {counted}");
}

/// Alice serves; when her packet has an address with this IP, bob gets what she serves. Gives alice and the store.
fn get_from_alice(scene: &Scene, address: &str) -> (Program, Program) {
    let content = noise(1_000_000);
    let store = scene.store();
    let alice = scene.serve(&[("talk.mp3", &content)]);
    let started = clock::now();
    loop {
        let overlay = format!("store:http://{}/{{slot}}", homes::STORE);
        let found = scene.run("bob", &["lookup", ALICE, "--overlay", &overlay]);
        let found = String::from_utf8_lossy(&found.stdout).into_owned();
        if found.contains(&format!("{address}:")) {
            break;
        }
        assert!(clock::now() - started < PATIENCE, "{address} is not published: {found}");
        block_on(clock::sleep(Duration::from_millis(100)));
    }
    let bob = scene.proxy();
    let mut curl = scene.lab.command("bob", "curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "30", "--proxy"]);
    curl.args([bob.said("proxy"), "http://alice.at.example.com:1000/talk.mp3"]);
    assert!(succeed(&mut curl) == content);
    (alice, store)
}
