//! First meetings: asked, accepted or refused; and keys that change.

use std::{io::Write, process::Stdio};

use crate::scene::{Scene, get, request};
use testbed::people::{run, text};
use testbed::programs::{have, p2p_path, through};

const BROWSER: [(&str, &str); 3] =
    [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "none")];

#[test]
fn a_browser_is_asked_and_a_program_is_told() {
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    let _alice = scene.serve("alice", "hello from alice", &[]);
    scene.configure("bob", "first-use = \"ask\"\n");
    let bob = scene.proxy("bob");
    let told = get(&bob, "alice@example.com");
    assert_eq!(told.status, 502);
    assert!(told.body.starts_with("you have not met alice@example.com before\n"), "{}", told.body);
    assert!(told.body.contains("compare it before you accept it"), "{}", told.body);
    assert!(told.body.contains("p2p contact add alice@example.com"), "{}", told.body);

    let port = bob.said("proxy").rsplit_once(':').unwrap().1;
    let daemon = format!("http://{}", bob.said("proxy"));
    let label = format!("1000-alice-at-example-com.localhost:{port}");
    let page = |fields: &[(&str, &str)]| {
        let host = [("Host", label.as_str())];
        request("GET", &format!("{daemon}/x?y=1"), &[&host[..], fields].concat(), "")
    };
    let asked = page(&BROWSER);
    assert_eq!(asked.status, 307, "{}", asked.body);
    let to = asked.fields["Location"].to_str().unwrap();
    let own = format!("http://p2p.localhost:{port}");
    let path = to.strip_prefix(&own).unwrap_or_else(|| panic!("{to}"));
    assert!(path.starts_with("/meet/"), "{path}");

    let host = format!("p2p.localhost:{port}");
    let at = |method: &str, path: &str, fields: &[(&str, &str)], body: &str| {
        let host = [("Host", host.as_str())];
        request(method, &format!("{daemon}{path}"), &[&host[..], fields].concat(), body)
    };
    let link = [&BROWSER[..2], &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "document")]];
    let question = at("GET", path, &link.concat(), "");
    assert_eq!(question.status, 200, "{}", question.body);
    assert!(question.body.contains("You have not met alice@example.com before"));
    let link = scene.done("alice", &["status", "--json"]);
    let print = link.split("\"fingerprint\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(question.body.contains(print), "{}", question.body);
    let policy = question.fields["Content-Security-Policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");

    // another site's click, a guess, nonsense
    let click = [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")];
    let form = "compared=yes&answer=trust";
    assert_eq!(at("POST", path, &click, form).status, 403);
    let sibling = format!("http://{label}");
    assert_eq!(at("POST", path, &[("Origin", &sibling)], form).status, 403);
    let guess = format!("/meet/{}", "0".repeat(32));
    assert_eq!(at("POST", &guess, &[], form).status, 404);
    assert_eq!(at("POST", path, &[], "answer=perhaps").status, 400);
    assert_eq!(page(&BROWSER).status, 307, "nothing was accepted");

    let same = [("Sec-Fetch-Site", "same-origin"), ("Origin", own.as_str())];
    let back = at("POST", path, &same, form);
    assert_eq!(back.status, 303, "{}", back.body);
    assert_eq!(back.fields["Location"].to_str().unwrap(), format!("http://{label}/x?y=1"));
    assert_eq!(get(&bob, "alice@example.com").body, "hello from alice");
    assert!(scene.done("bob", &["contact", "list"]).contains("pinned"));
    assert_eq!(at("POST", path, &same, form).status, 404, "a question is answered once");
}

#[test]
fn nobody_at_the_terminal_accepts_nothing() {
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    let _alice = scene.serve("alice", "hello from alice", &[]);
    scene.init("bob", "bob@example.com");
    let overlay = scene.overlay();
    let add = ["contact", "add", "alice@example.com", "--overlay", &overlay];
    let (code, told) = scene.fails("bob", &add);
    assert_eq!(code, 3);
    assert!(told.contains("alice@example.com is new here and has key "), "{told}");
    assert!(told.contains("safety phrase "), "{told}");
    assert!(told.contains(&format!("(from {overlay})")), "{told}");
    assert!(told.contains("nobody is here to compare the fingerprint"), "{told}");
    let contacts = run(&scene.home("bob"), &["contact", "list"]);
    assert!(contacts.stdout.is_empty());
}

#[test]
fn somebody_at_the_terminal_is_asked() {
    if !have("script") {
        return;
    }
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    let _alice = scene.serve("alice", "hello from alice", &[]);
    let answer = |word: &str| {
        let program = p2p_path();
        let add = format!(
            "'{program}' --home '{}' contact add alice@example.com --overlay '{}'",
            scene.home("bob").display(),
            scene.overlay()
        );
        // a terminal of its own
        let mut script = through("script");
        script.args(["-qec", &add, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().unwrap();
        script.stdin.take().unwrap().write_all(format!("{word}\n").as_bytes()).unwrap();
        let output = script.wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout[..]))
    };
    let (code, told) = answer("y");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("have you compared it with alice@example.com"), "{told}");
    assert!(told.contains("the key of alice@example.com is not accepted"), "{told}");
    let (code, told) = answer("yes");
    assert_eq!(code, Some(0), "{told}");
    assert!(scene.done("bob", &["contact", "list"]).contains("pinned"));
}

#[test]
fn a_conflict_names_keys_and_sources() {
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    scene.init("mallory", "alice@example.com");
    let _alice = scene.serve("alice", "hello from alice", &[]);
    let _mallory = scene.serve("mallory", "trust me", &[]);
    let bob = scene.proxy("bob");
    let told = get(&bob, "alice@example.com");
    assert_eq!(told.status, 502);
    assert!(told.body.starts_with("several keys claim to be alice@example.com\n"), "{}", told.body);
    let source = format!("(from {})", scene.overlay());
    assert_eq!(told.body.matches(&source).count(), 2, "{}", told.body);
    let overlay = scene.overlay();
    let looked = scene.done("bob", &["lookup", "alice@example.com", "--overlay", &overlay]);
    let reason = looked.lines().find_map(|line| line.strip_prefix("trust    ")).unwrap();
    assert!(told.body.contains(reason), "the same words everywhere: {looked}");
    for home in ["alice", "mallory"] {
        let status = scene.done(home, &["status", "--json"]);
        let print = status.split("\"fingerprint\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(told.body.contains(print), "{}", told.body);
    }
}
