use super::*;
use crate::identity::Slot;
use crate::overlay::OverlayAddress;

fn keys() -> KeyPair {
    KeyPair::from_seed(&Seed::new([7; 32]))
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn gaps_are_filled() {
    let alice = name("alice.b+c@example.com");
    let (name, key) = (Wanted::Name(alice.clone()), keys().public());
    for (template, expected) in [
        ("https://a.example/{user}", Some("https://a.example/alice.b%2Bc".to_owned())),
        (
            "https://a.example/?d={domain}&u={user}x",
            Some("https://a.example/?d=example.com&u=alice.b%2Bcx".to_owned()),
        ),
        ("https://a.example/{slot}", Some(format!("https://a.example/{}", Slot::of_name(&alice)))),
        ("https://a.example/{key}", None),
    ] {
        let OverlayAddress::Site(url) = format!("site:{template}").parse().unwrap() else {
            panic!("{template}")
        };
        assert_eq!(url.of(&name), expected, "{template}");
    }
    let OverlayAddress::Site(url) = "site:https://a.example/{key}".parse().unwrap() else {
        panic!("a site")
    };
    assert_eq!(url.of(&Wanted::Key(key)), Some(format!("https://a.example/{key}")));
}

#[test]
fn wrong_templates_are_refused() {
    for wrong in [
        "https://a.example/",
        "https://{domain}/x",
        "https://a.{user}.example/",
        "https://a.example/{name}",
        "https://a.example/{slot",
        "https://a.example/slot}{user}",
    ] {
        let parsed = OverlayAddress::parse(&format!("site:{wrong}"));
        let is_refused = matches!(parsed, Err(AddressError::SiteGap | AddressError::NotAUrl(_)));
        assert!(is_refused, "{wrong}: {parsed:?}");
    }
}
