//! The words, status codes and pages of every failure.

use std::time::Duration;

use futures_lite::future;
use http_body_util::BodyExt;
use p2p::identity::{Destination, KeyPair, Name, PublicKey, Seed, ServicePort, Timestamp};
use p2p::runtime::http::Response;
use p2p::trust::{Binding, Claimed, Contact, Decision, Ground, Standing};
use p2p::web::{Failure, Media, error_page, error_page_about};

fn name() -> Name {
    Name::parse("alice@example.com").unwrap()
}

fn destination() -> Destination {
    Destination { name: name(), port: ServicePort::new(1000).unwrap() }
}

fn key(seed: u8) -> PublicKey {
    KeyPair::from_seed(&Seed::new([seed; 32])).public()
}

fn contact(seed: u8) -> Contact {
    let since = Timestamp::from_secs(1_795_332_318);
    Contact { name: name(), key: key(seed), binding: Binding::Pinned, since }
}

fn claimed(seed: u8, standing: Standing, sources: &[&str]) -> Claimed {
    let sources = sources.iter().map(|source| (*source).to_owned()).collect();
    Claimed { key: key(seed), standing, sources }
}

fn every_failure() -> Vec<Failure> {
    let (name, destination) = (name(), destination());
    let ports = |ports: &[u16]| {
        Some(ports.iter().map(|port| ServicePort::new(*port).unwrap()).collect::<Vec<_>>())
    };
    let tried = vec!["mainline: no answer".to_owned(), "lan: no network".to_owned()];
    vec![
        Failure::NameUnknown { name: name.clone() },
        Failure::LabelUnknown,
        Failure::OverlaysFailed { name: name.clone(), tried: tried.clone() },
        Failure::LookupTimedOut { name: name.clone(), tried: Vec::new() },
        Failure::KeyConflict {
            name: name.clone(),
            known: Some(Box::new(contact(1))),
            claimed: vec![claimed(2, Standing::Bare, &["lan"])],
        },
        Failure::KeyConflict {
            name: name.clone(),
            known: None,
            claimed: vec![
                claimed(1, Standing::Vouched, &["lan"]),
                claimed(2, Standing::Bare, &["store:http://a/", "lan"]),
            ],
        },
        Failure::FirstMeeting {
            name: name.clone(),
            reason: Decision::FirstMeeting { key: key(1), ask: true }.reason(&name),
            page: "/meet/00".into(),
        },
        Failure::Untrusted { name: name.clone(), reason: "the certificate ended yesterday".into() },
        Failure::Offline { name: name.clone(), ended: None },
        Failure::Offline { name: name.clone(), ended: Some(Duration::from_secs(7_300)) },
        Failure::ClockWrong { name: name.clone(), ahead: Duration::from_secs(3_300) },
        Failure::Unreachable { name: name.clone(), last_seen: None, relays: vec![] },
        Failure::Unreachable {
            name: name.clone(),
            last_seen: Some(Duration::from_secs(7_300)),
            relays: vec![],
        },
        Failure::Unreachable {
            name: name.clone(),
            last_seen: None,
            relays: vec![
                "the rendezvous 192.0.2.1:5050 says: the peer is not registered there".into(),
            ],
        },
        Failure::Untraceable {
            name: name.clone(),
            last_seen: Duration::from_secs(240),
            relays: vec![],
            tried: tried.clone(),
        },
        Failure::Untraceable {
            name: name.clone(),
            last_seen: Duration::from_secs(7_300),
            relays: vec![
                "the rendezvous 192.0.2.1:5050 says: the peer is not registered there".into(),
            ],
            tried,
        },
        Failure::ConnectTimedOut { name: name.clone(), relayed: false },
        Failure::ConnectTimedOut { name: name.clone(), relayed: true },
        Failure::HandshakeFailed { name: name.clone(), detail: "no common version".into() },
        Failure::PortNotServed { destination: destination.clone(), served: None },
        Failure::PortNotServed { destination: destination.clone(), served: ports(&[]) },
        Failure::PortNotServed { destination: destination.clone(), served: ports(&[80, 1001]) },
        Failure::AccessRefused { destination: destination.clone(), presented: None },
        Failure::AccessRefused { destination: destination.clone(), presented: Some(name.clone()) },
        Failure::LinkLost { name },
        Failure::ResponseTimedOut {
            destination: destination.clone(),
            after: Duration::from_secs(60),
        },
        Failure::ResponseMalformed { destination: destination.clone() },
        Failure::ResponseIncomplete { destination: destination.clone() },
        Failure::Loop { destination: destination.clone() },
        Failure::Busy { limit: 512 },
        Failure::HostRefused { host: "evil.test".into() },
        Failure::ForeignHost { host: "example.com:443".into() },
        Failure::TlsRefused { destination },
        Failure::CrossSite { origin: "http://evil.example".into() },
        Failure::ServiceWorkerRefused,
        Failure::Malformed { reason: "the Host field is missing".into() },
        Failure::TargetTooLong { limit: 8192 },
        Failure::RequestTimedOut,
        Failure::ExpectationUnknown,
        Failure::DashboardLocked,
        Failure::NothingHere,
        Failure::Defect { detail: "a slot was lost".into() },
    ]
}

#[test]
fn every_failure_speaks() {
    let told: String = every_failure()
        .iter()
        .map(|failure| {
            let step = failure.step().map_or("-", |step| step.label());
            let (status, error) = (failure.status().as_u16(), failure.error_type());
            format!("{status} {error} {step}\n{failure}\nhint: {}\n\n", failure.words().advice)
        })
        .collect();
    let golden = include_str!("failures.txt");
    assert!(told == golden, "the words differ; they are:\n{told}");
}

#[test]
fn pages_carry_the_same_words() {
    for failure in every_failure() {
        let words = failure.words();
        let response = error_page(&failure, Media::Text);
        let expected =
            format!("{}\n{}\nhint: {}\n", words.headline, words.explanation, words.advice);
        assert_eq!(body(response), expected);
        let response = error_page(&failure, Media::Json);
        let object: String = body(response);
        assert!(object.contains(&format!("\"error\":\"{}\"", failure.error_type())), "{object}");
        let response = error_page(&failure, Media::Html);
        assert_eq!(response.headers()["x-frame-options"], "DENY");
        assert_eq!(response.status(), failure.status());
        let page = body(response);
        assert_eq!(page.contains("<li class=\"failed\">"), failure.step().is_some(), "{failure:?}");
        assert!(page.contains("<h1>") && !page.contains("{{") && !page.contains("<!--"));
    }
}

#[test]
fn a_page_says_why_the_key_was_believed() {
    let failure = Failure::LinkLost { name: name() };
    let contact = Decision::Known {
        contact: contact(1),
        ground: Ground::Book(Binding::Domain),
        is_new: false,
    };
    let reason = contact.reason(&name());
    let told = |media| body(error_page_about(&failure, Some(&reason), media));
    assert!(told(Media::Text).contains(&format!("\ntrust: {reason}\nhint: ")));
    assert!(told(Media::Json).contains(&format!("\"trust\":\"{reason}\"")));
    let reason = reason.replace('\'', "&#39;");
    assert!(told(Media::Html).contains(&format!("<b>Trust</b> {reason}</p>")));
}

#[test]
fn busy_and_asleep_tell_when_to_come_back() {
    for failure in every_failure() {
        let response = error_page(&failure, Media::Text);
        let unavailable = failure.status() == 503;
        assert_eq!(response.headers().contains_key("retry-after"), unavailable, "{failure:?}");
    }
}

#[test]
fn hostile_words_stay_words() {
    let hostile = "<script>alert(1)</script>\"'&\u{202e}\r\nSet-Cookie: a=b\\\u{7}é";
    for failure in [
        Failure::HostRefused { host: hostile.into() },
        Failure::Malformed { reason: hostile.into() },
        Failure::OverlaysFailed { name: name(), tried: vec![hostile.into()] },
    ] {
        assert!(!failure.to_string().contains(char::is_control), "{failure}");
        let response = error_page(&failure, Media::Html);
        let status = response.headers()["proxy-status"].to_str().unwrap().to_owned();
        assert!(status.contains("alert(1)</script>\\\"'&???Set-Cookie: a=b\\\\??"), "{status}");
        let page = body(response);
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\r'));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), "{page}");
        let object = body(error_page(&failure, Media::Json));
        assert!(object.contains("\\\"'&") && object.contains("\\r\\n"), "{object}");
    }
}

#[test]
fn the_style_is_the_one_that_the_policy_allows() {
    let response = error_page(&Failure::LabelUnknown, Media::Html);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = body(response);
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let hash = data_encoding::BASE64.encode(hash.as_ref());
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    assert!(!page.contains(" style=") && !page.contains("src="), "nothing else to allow");
}

fn body(response: Response) -> String {
    let body = future::block_on(response.into_body().collect()).unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
