use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};

use super::*;

fn destination(name: &str, port: u16) -> Destination {
    Destination { name: Name::parse(name).unwrap(), port: ServicePort::new(port).unwrap() }
}

fn from_host(host: &str) -> Option<Destination> {
    Destination::from_proxy_host(host).unwrap()
}

#[test]
fn the_three_forms_look_as_documented() {
    let alice = destination("alice@example.com", 1000);
    let url = |form| alice.url(form, "localhost:5050", "/x?y");
    assert_eq!(url(AccessForm::Proxy), "http://alice.at.example.com:1000/x?y");
    assert_eq!(url(AccessForm::Path), "http://localhost:5050/alice@example.com/1000/x?y");
    assert_eq!(url(AccessForm::OwnOrigin), "http://1000-alice-at-example-com.localhost:5050/x?y");
    assert_eq!(alice.to_string(), "alice@example.com:1000");
    let web = destination("alice@example.com", 80);
    assert_eq!(web.url(AccessForm::Proxy, "localhost", "/"), "http://alice.at.example.com/");
    assert_eq!(
        web.url(AccessForm::OwnOrigin, "localhost", "/"),
        "http://80-alice-at-example-com.localhost/"
    );
    assert_eq!(
        web.url(AccessForm::OwnOrigin, "[::1]", "/"),
        "http://80-alice-at-example-com.localhost/",
        "colons of an address are no port"
    );
}

#[test]
fn the_first_at_of_a_host_counts() {
    let work = destination("bob@work.at.example.com", 80);
    assert_eq!(from_host("bob.at.work.at.example.com"), Some(work.clone()));
    assert_eq!(work.proxy_host(), "bob.at.work.at.example.com");
    assert_eq!(from_host("a.at.at.b"), Some(destination("a@at.b", 80)));
    assert_eq!(from_host("Alice.AT.Example.Com:81"), Some(destination("alice@example.com", 81)));
}

#[test]
fn ordinary_hosts_are_nobodys() {
    for host in [
        "example.com",
        "www.example.at",
        "www.example.at.",
        ".at.example.com",
        "localhost:5050",
        "[::1]:80",
        "at",
        "cat.example.com",
        "",
    ] {
        assert_eq!(Destination::from_proxy_host(host), Ok(None), "{host}");
    }
}

#[test]
fn hosts_that_are_nearly_a_peers_are_refused() {
    for (host, error) in [
        ("alice.at.example.com:0", DestinationError::Port),
        ("alice.at.example.com:", DestinationError::Port),
        ("alice.at.example.com:080", DestinationError::Port),
        ("alice.at.example.com:+80", DestinationError::Port),
        ("alice.at.example.com:65536", DestinationError::Port),
        ("alice.at.example.com:1:2", DestinationError::Port),
        ("alice.at.example.com.", DestinationError::Name(NameError::EmptyPart)),
        ("alice..at.example.com", DestinationError::Name(NameError::EmptyPart)),
        ("at.at.example.com", DestinationError::Name(NameError::PartAt)),
        ("al ice.at.example.com", DestinationError::Name(NameError::UserCharacter(' '))),
        ("a@b.at.example.com", DestinationError::Name(NameError::DomainCharacter('@'))),
        ("alice.at.-example.com", DestinationError::Name(NameError::DomainLabel)),
    ] {
        assert_eq!(Destination::from_proxy_host(host), Err(error), "{host}");
    }
}

#[test]
fn paths_are_cut_after_name_and_port() {
    let alice = destination("alice@example.com", 1000);
    for (path, rest) in [
        ("/alice@example.com/1000", ""),
        ("/alice@example.com/1000/", "/"),
        ("/Alice%40Example.com/1000//a%2Fb/../c", "//a%2Fb/../c"),
    ] {
        assert_eq!(Destination::from_path(path), Ok(Some((alice.clone(), rest))), "{path}");
    }
    for path in ["", "/", "/proxy.pac", "alice@example.com/1000/", "/a/b@c/1000"] {
        assert_eq!(Destination::from_path(path), Ok(None), "{path}");
    }
    for path in ["/alice@example.com", "/alice@example.com/", "/alice@example.com/x/1000"] {
        assert_eq!(Destination::from_path(path), Err(DestinationError::Port), "{path}");
    }
    let two = DestinationError::Name(NameError::DomainCharacter('@'));
    assert_eq!(Destination::from_path("/a%40b@c/1"), Err(two));
}

#[test]
fn labels_that_would_not_come_back_are_hashes() {
    for name in ["-a@example.com", "a.-b@example.com", "a-.-b@example.com"] {
        let label = destination(name, 1000).origin_label();
        assert!(label.starts_with("h-"), "{name}: {label}");
    }
    for name in ["a_b@example.com", "a+b@example.com"] {
        let label = destination(name, 1000).origin_label();
        assert!(label.starts_with("h-"), "{name}: not every resolver takes {label}");
    }
    let long = destination(&format!("{}@example.com", "a".repeat(50)), 1000).origin_label();
    assert!(long.starts_with("h-") && long.len() == 34, "{long}");
    let plain = destination("a-b.c--d@my-host.example.com", 1000).origin_label();
    assert_eq!(plain, "1000-a--b-c----d-at-my--host-example-com");
}

#[test]
fn hash_labels_are_recognised() {
    let label = destination("a_b@example.com", 1000).origin_label();
    assert_eq!(OriginLabel::parse(&label), Some(OriginLabel::Hash(label.clone().into())));
    let upper = label.to_uppercase();
    assert_eq!(OriginLabel::parse(&upper), Some(OriginLabel::Hash(label.clone().into())));
    assert_ne!(label, destination("a_b@example.com", 1001).origin_label());
    for bad in ["h-", "h-abc", &label[..33], &format!("{label}a"), &label.replace("h-", "h-1")] {
        assert_eq!(OriginLabel::parse(bad), None, "{bad}");
    }
}

#[test]
fn one_destination_has_one_label() {
    for label in [
        "01000-alice-at-example-com",
        "0-alice-at-example-com",
        "99999-alice-at-example-com",
        "alice-at-example-com",
        "1000-alice-example-com",
        "1000-alice-at-",
        "1000--alice-at-example-com",
        "1000-a_b-at-example-com",
        "p2p",
        "xn--at-foo",
        "",
    ] {
        assert_eq!(OriginLabel::parse(label), None, "{label}");
    }
    // "a-.b" and "a.-b" would both be spelt so; it is the one that reading gives
    let label = "1000-a---b-at-example-com";
    let read = destination("a-.b@example.com", 1000);
    assert_eq!(OriginLabel::parse(label), Some(OriginLabel::Plain(read)));
    assert_ne!(destination("a.-b@example.com", 1000).origin_label(), label);
}

/// Every text of up to `length` characters of the alphabet that makes names most ambiguous.
fn texts(length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut from = 0;
    for _ in 0..length {
        let to = all.len();
        for index in from..to {
            for c in ["a", "t", "-", "."] {
                all.push(format!("{}{c}", all[index]));
            }
        }
        from = to;
    }
    all
}

#[test]
fn no_two_destinations_share_a_spelling() {
    let mut labels: HashMap<String, Destination> = HashMap::new();
    let mut hosts: HashMap<String, Destination> = HashMap::new();
    let domains: Vec<String> =
        texts(4).into_iter().chain(["a.at.t".into(), "at.at.a".into()]).collect();
    let mut count = 0;
    for user in texts(5) {
        for domain in &domains {
            let Ok(name) = Name::parse(&format!("{user}@{domain}")) else { continue };
            count += 1;
            let destination = Destination { name, port: ServicePort::HTTP };
            let label = destination.origin_label();
            if let Some(OriginLabel::Plain(read)) = OriginLabel::parse(&label) {
                assert_eq!(read, destination, "{label}");
            }
            let host = destination.proxy_host();
            assert_eq!(from_host(&host), Some(destination.clone()), "{host}");
            assert_eq!(labels.insert(label, destination.clone()), None, "{destination}");
            assert_eq!(hosts.insert(host, destination.clone()), None, "{destination}");
        }
    }
    assert!(count > 10_000, "{count}");
}

prop_compose! {
    fn any_destination()(
        user in vec("[a-z0-9_+-]{1,7}|at|[a-z0-9]{1,9}", 1..4),
        domain in vec("[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?|at", 1..4),
        port in 1..=u16::MAX,
    ) -> Option<Destination> {
        let name = Name::parse(&format!("{}@{}", user.join("."), domain.join("."))).ok()?;
        Some(Destination { name, port: ServicePort::new(port)? })
    }
}

proptest! {
    #[test]
    fn every_form_comes_back(destination in any_destination(), tail in "(/[a-z/%.]{0,9})?") {
        let Some(destination) = destination else { return Ok(()) };
        let host = destination.proxy_host();
        prop_assert_eq!(Destination::from_proxy_host(&host), Ok(Some(destination.clone())));
        prop_assert_eq!(Destination::from_proxy_host(&host.to_uppercase()), Ok(Some(destination.clone())));
        let path = format!("{}{tail}", destination.path_prefix());
        prop_assert_eq!(Destination::from_path(&path), Ok(Some((destination.clone(), &tail[..]))));
        let label = destination.origin_label();
        prop_assert!(label.len() <= 63 && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        match OriginLabel::parse(&label) {
            Some(OriginLabel::Plain(read)) => prop_assert_eq!(read, destination),
            Some(OriginLabel::Hash(hash)) => prop_assert_eq!(&*hash, label),
            None => prop_assert!(false, "{} is not read", label),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = Destination::from_proxy_host(&text);
        let _ = Destination::from_path(&text);
        let _ = OriginLabel::parse(&text);
    }

    #[test]
    fn what_is_read_is_printed_the_same(
        text in "([0-9]{1,5}-)?[a-z-]{0,9}(-at-)?[a-z-]{0,9}", host in "[a-z.]{0,9}(\\.at\\.)?[a-z.]{0,9}(:[0-9]{0,6})?",
    ) {
        if let Some(OriginLabel::Plain(destination)) = OriginLabel::parse(&text) {
            prop_assert_eq!(destination.origin_label(), text);
        }
        if let Ok(Some(destination)) = Destination::from_proxy_host(&host) {
            prop_assert_eq!(destination.proxy_host(), host.strip_suffix(":80").unwrap_or(&host));
        }
    }
}

#[test]
fn an_address_is_read_in_every_form() {
    let (alice, web) =
        (destination("alice@example.com", 1000), destination("alice@example.com", 80));
    let long = destination(&format!("alice@{}.example.com", "b".repeat(60)), 1000);
    for form in [AccessForm::Proxy, AccessForm::Path, AccessForm::OwnOrigin] {
        for named in [&alice, &web] {
            for path in ["/", "/a/b@c/80/?x=/d@e"] {
                let read = OriginLabel::of_url(&named.url(form, "localhost:5050", path));
                assert_eq!(read, Some(OriginLabel::Plain(named.clone())), "{form:?} {path}");
            }
        }
    }
    let hash = OriginLabel::of_url(&long.url(AccessForm::OwnOrigin, "localhost:5050", "/"));
    assert_eq!(hash, Some(OriginLabel::Hash(long.origin_label().into())));
    for other in [
        "http://localhost:5050/",
        "http://p2p.localhost:5050/api/",
        "http://www.example.com/a",
        "alice@example.com",
        "http://",
        "https://alice.at.example.com/",
    ] {
        assert_eq!(OriginLabel::of_url(other), None, "{other}");
    }
}
