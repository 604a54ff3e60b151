//! What is read, and what is said of what cannot be.

use super::*;
use crate::identity::PublicKey;

#[test]
fn reads_lists_and_single_texts() {
    let config = parse("overlay = [\"lan\"]\nlisten = \"127.0.0.1:5050\"\n").unwrap();
    assert_eq!(config.overlays.as_ref().unwrap().len(), 1);
    assert_eq!(config.listen, Some(vec!["127.0.0.1:5050".parse().unwrap()]));
    assert_eq!((config.udp.clone(), config.audience()), (None, Audience::Public));
    let private = parse("publish = \"contacts\"").unwrap();
    assert_eq!(private.audience(), Audience::Contacts);
    assert_eq!(config.stun().len(), DEFAULT_SERVERS.len());
    assert!(config.port_mapping() && !parse("port-mapping = false").unwrap().port_mapping());
    assert_eq!(parse("turn = \"turn:u:p@192.0.2.1\"").unwrap().turn().len(), 1);
    assert_eq!(parse("stun = []").unwrap().stun(), []);
    assert_eq!(parse("stun = \"192.0.2.1\"").unwrap().stun().len(), 1);
    let exclude = parse("exclude = [\"docker0\", \"10.8.0.0/16\"]").unwrap().exclude;
    assert_eq!(exclude.unwrap()[0], Exclusion::Interface("docker0".into()));
    assert_eq!(config.teredo(), TeredoSetting::Visit);
    let teredo = parse("teredo = [\"192.0.2.1\", \"t.example.com:3544\"]").unwrap().teredo();
    assert_eq!(teredo.servers(true), ["192.0.2.1", "t.example.com"]);
}

#[test]
fn strangers_in_different_homes_meet_without_any_setting() {
    let spelled: Vec<String> = Config::default_overlays().iter().map(ToString::to_string).collect();
    let expected = if cfg!(feature = "mainline") { &["lan", "mainline"][..] } else { &["lan"] };
    assert_eq!(spelled, expected);
}

#[test]
fn reads_what_is_lent_to_others() {
    let config = parse("rendezvous-for = \"anyone\"\nrelay-for = \"contacts\"").unwrap();
    let lending = config.lending().unwrap();
    assert_eq!((lending.register, lending.relay), (Circle::Anyone, Circle::Contacts));
    assert_eq!(parse("").unwrap().lending(), None);
    let node = Rendezvous { key: PublicKey([7; 32]), address: "192.0.2.1:5".parse().unwrap() };
    let config = parse(&format!("rendezvous = \"{node}\"")).unwrap();
    assert_eq!(config.rendezvous(&[]), [node]);
    assert!(parse("rendezvous = \"192.0.2.1:5\"").is_err());
}

#[test]
fn says_which_setting_is_wrong() {
    for (text, problem) in [
        (
            "overlays = [\"lan\"]",
            "line 1: overlays: no such setting (there are exclude, first-use, listen, overlay, \
             port-mapping, publish, relay-for, rendezvous, rendezvous-for, rendezvous-tcp, stun, \
             teredo, turn, udp, well-known)",
        ),
        ("relay-for = [\"anyone\", \"none\"]", "line 1: relay-for: one text in quotes is enough"),
        ("first-use = \"always\"", "line 1: first-use: \"always\" is none of ask, accept, refuse"),
        ("first-use = [\"ask\", \"ask\"]", "line 1: first-use: one text in quotes is enough"),
        ("publish = \"friends\"", "line 1: publish: \"friends\" is none of public, contacts"),
        ("well-known = \"on\"", "line 1: well-known: \"on\" is none of ask, off"),
        ("overlay = 3", "line 1: overlay: must be a text in quotes or a list of them"),
        ("stun = \"a b\"", "line 1: stun: \"a b\" is not a server like stun.example.org:3478"),
        (
            "turn = \"turn:user:secret\"",
            "line 1: turn: there is an account that is not like turn:user:password@host:3478",
        ),
        ("port-mapping = \"no\"", "line 1: port-mapping: must be true or false"),
        (
            "teredo = \"on\"",
            "line 1: teredo: \"on\" is not off, visit, auto or a server like teredo.example.com \
             (always at port 3544)",
        ),
        ("udp = \"5050\"", "line 1: udp: \"5050\" is not an address like 127.0.0.1:5050"),
        (
            "exclude = [\"10.8/16\"]",
            "line 1: exclude: \"10.8/16\" is neither an interface like docker0 nor a network like \
             10.8.0.0/16",
        ),
        ("overlay = []", "line 1: overlay: the list is empty"),
        ("overlay = [", "the last list has no ] at its end"),
        ("overlay = [\"lan\"", "the last list has no ] at its end"),
        ("overlay = [\"lan\",\n", "the last list has no ] at its end"),
        ("listen = [1, 2]", "line 1: listen: every item must be in quotes"),
    ] {
        assert_eq!(parse(text).unwrap_err(), problem);
    }
    assert_eq!(parse("overlay ! lan").unwrap_err(), "line 1 is not TOML");
    assert_eq!(parse("\noverlay ! lan").unwrap_err(), "line 2 is not TOML");
}

#[test]
fn says_where_it_is_wrong() {
    for (text, problem) in [
        (
            "# where\nlisten = \"[::1]:1\"\n\n  udp\t= [\n\"5050\",\n]",
            "line 4: udp: \"5050\" is not an address like 127.0.0.1:5050",
        ),
        (
            "overlay = \"lan\"\nudp = \"[::]:0\"\noverlay = \"lan\"",
            "line 1: overlay: it is set a second time below",
        ),
        ("\"port-mapping\" = 1", "port-mapping: must be true or false"),
        (
            "rendezvous-tcp = \"x\"\nrendezvous = \"x\"",
            "line 2: rendezvous: \"x\" is not a key and an address like KEY@192.0.2.1:5050",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), problem);
    }
    let heading = parse("[lan]\nport = 1").unwrap_err();
    assert!(heading.starts_with("lan.port: no such setting"), "{heading}");
}
