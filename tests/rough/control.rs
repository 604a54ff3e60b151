//! The control interface, as programs and web pages meet it.

use std::{fs, path::Path, time::Duration};

use nanoserde::DeJson;
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

use crate::world::{Answer, PATIENCE, bob, request};
use testbed::people::Program;

/// A daemon with its interface.
struct Interface {
    daemon: Program,
    token: String,
    root: TempDir,
}

#[derive(DeJson)]
struct Problem {
    error: String,
}

impl Interface {
    fn open() -> Interface {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let daemon = bob(&home, &["store:http://127.0.0.1:9/"]);
        let token = fs::read_to_string(home.join("token")).unwrap().trim().to_owned();
        Interface { daemon, token, root }
    }

    /// Sends a request as a program does that has the token.
    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {}", self.token);
        self.send_with(method, path, &[("Authorization", &token)], body)
    }

    fn send_with(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let address = self.daemon.said("proxy");
        let port = address.rsplit_once(':').unwrap().1;
        let host = format!("p2p.localhost:{port}");
        let fields = [&[("Host", host.as_str())], fields].concat();
        request(method, &format!("http://{address}{path}"), &fields, body.as_bytes())
    }

    /// Sends what must be refused, and gives the reason.
    fn refused(&self, method: &str, path: &str, body: &str, status: u16) -> String {
        let answer = self.send(method, path, body);
        assert_eq!(answer.status, status, "{method} {path} {:.100}: {}", body, answer.body);
        assert_eq!(answer.fields["Content-Type"], "application/json");
        Problem::deserialize_json(&answer.body).unwrap().error
    }

    fn folder(&self) -> &Path {
        self.root.path()
    }
}

#[test]
fn only_who_has_the_token_gets_in() {
    let interface = Interface::open();
    assert_eq!(interface.send("GET", "/api/status", "").status, 200);
    for fields in [
        &[][..],
        &[("Authorization", "Bearer ")],
        &[("Authorization", "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")],
        &[("Authorization", "Basic aaaa")],
    ] {
        let answer = interface.send_with("GET", "/api/status", fields, "");
        assert_eq!(answer.status, 401, "{fields:?}");
        assert!(answer.fields["WWW-Authenticate"].to_str().unwrap().starts_with("Bearer"));
        assert!(answer.body.contains("send the token of this home"), "{}", answer.body);
    }
}

#[test]
fn no_page_gets_in_even_with_the_token() {
    let interface = Interface::open();
    let token = format!("Bearer {}", interface.token);
    for page in [
        ("Origin", "http://1000-alice-at-example-com.localhost:5050"),
        ("Origin", "http://localhost:5050"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let fields = [("Authorization", token.as_str()), page];
        for method in ["GET", "PUT", "DELETE"] {
            let answer = interface.send_with(method, "/api/services/80", &fields, "{}");
            assert_eq!(answer.status, 403, "{method} {page:?}: {}", answer.body);
        }
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    let interface = Interface::open();
    let put = |body: &str| interface.refused("PUT", "/api/services/80", body, 400);
    assert_eq!(put("{}"), "give either url or folder");
    assert_eq!(
        put("{\"url\":\"http://127.0.0.1:1\",\"folder\":\"/tmp\"}"),
        "give either url or folder"
    );
    assert_eq!(put("{\"folder\":\"media\"}"), "folder: \"media\" is not an absolute path");
    assert_eq!(
        put("{\"url\":\"https://127.0.0.1\"}"),
        "\"https://127.0.0.1\": https:// cannot be exposed, only http:// can"
    );
    assert_eq!(
        put("{\"url\":\"http://127.0.0.1:1\",\"allow\":\"friends\"}"),
        "allow: \"friends\" is none of public, contacts, a name, *@DOMAIN, authority:NAME"
    );
    let deep = format!("{{\"x\":{}", "[".repeat(15_000));
    let deep_url = format!("{{\"url\":{}", "{\"a\":".repeat(3000));
    for garbage in
        ["", "null", "[]", "{", "{\"url\":1}", "{\"ttl\":-1}", "{\"ttl\":1e99}", &deep, &deep_url]
    {
        let reason = put(garbage);
        assert!(reason.starts_with("the body is not the JSON expected"), "{reason}");
    }
    assert_eq!(put(&"x".repeat(20_000)), "the body is too long, too slow or broken");
    for port in ["0", "65536", "+80", "http", ""] {
        let path = format!("/api/services/{port}");
        let reason = interface.refused("PUT", &path, "{}", 400);
        assert_eq!(reason, format!("{port:?} is not a port from 1 to 65535"));
    }
    assert_eq!(
        interface.refused("PUT", "/api/proxy", "{\"listen\":[\"here\"]}", 400),
        "\"here\" is no address"
    );
    assert_eq!(interface.refused("GET", "/api/secrets", "", 404), "there is no /api/secrets");
    assert_eq!(
        interface.refused("DELETE", "/api/services/80", "", 404),
        "nothing is served at port 80"
    );
    let answer = interface.send("DELETE", "/api/status", "");
    assert_eq!((answer.status, answer.fields["Allow"].to_str().unwrap()), (405, "GET"));
    let missing = interface.folder().join("nothing");
    let body = format!("{{\"folder\":{missing:?}}}");
    let reason = interface.refused("PUT", "/api/services/80", &body, 400);
    assert_eq!(reason, format!("there is no folder {}", missing.display()));
    assert_eq!(interface.send("GET", "/api/services", "").body, "[]", "nothing came of it");
}

#[test]
fn a_registration_that_is_not_renewed_ends() {
    let interface = Interface::open();
    let body = format!("{{\"folder\":{:?},\"ttl\":1}}", interface.folder());
    let made = interface.send("PUT", "/api/services/80", &body);
    assert_eq!(made.status, 201, "{}", made.body);
    let started = clock::now();
    while interface.send("GET", "/api/services", "").body != "[]" {
        assert!(clock::now() - started < PATIENCE, "it does not end");
        block_on(clock::sleep(Duration::from_millis(100)));
    }
    let late = interface.send("PUT", "/api/services/80", "{\"ttl\":60,\"lease\":0}");
    assert_eq!(late.status, 404, "{}", late.body);
    assert!(late.body.contains("port 80 is no longer yours"), "{}", late.body);

    let body = format!("{{\"folder\":{:?}}}", interface.folder());
    assert_eq!(interface.send("PUT", "/api/services/80", &body).status, 201);
    assert_eq!(interface.send("DELETE", "/api/services/80", "").status, 204);
    assert_eq!(interface.send("GET", "/api/services", "").body, "[]");
}

#[test]
fn whoever_ends_late_does_not_withdraw_its_successor() {
    let interface = Interface::open();
    let body = format!("{{\"folder\":{:?}}}", interface.folder());
    for _ in 0..2 {
        assert_eq!(interface.send("PUT", "/api/services/80", &body).status, 201);
    }
    interface.refused("DELETE", "/api/services/80?lease=0", "", 404);
    assert_eq!(interface.send("DELETE", "/api/services/80?lease=1", "").status, 204);
    assert_eq!(interface.send("GET", "/api/services", "").body, "[]");
}

#[test]
fn an_entrance_is_closed_by_the_last_who_wants_it() {
    let interface = Interface::open();
    let wish = "{\"listen\":[\"127.0.0.1:0\"],\"ttl\":60}";
    for hold in 1..3 {
        let answer = interface.send("PUT", "/api/proxy", wish);
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(interface.daemon.said("proxy")), "it is open already");
        assert!(answer.body.contains(&format!("\"hold\":{hold}")), "{}", answer.body);
    }
    assert_eq!(interface.send("PUT", "/api/proxy", "{\"ttl\":60,\"hold\":1}").status, 204);
    assert_eq!(interface.send("DELETE", "/api/proxy/1", "").status, 204);
    interface.refused("DELETE", "/api/proxy/1", "", 404);
    interface.refused("PUT", "/api/proxy", "{\"ttl\":60,\"hold\":1}", 404);
    assert_eq!(interface.send("DELETE", "/api/proxy/2", "").status, 204);
    // the daemon's own command holds it still: this very request came through it
    assert_eq!(interface.send("GET", "/api/status", "").status, 200);
}
