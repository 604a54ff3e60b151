//! Every form of target, and every wrong shape.

use hyper::header::HeaderValue;

use super::*;

fn read(method: &str, target: &str, host: &str) -> Result<Target, Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    let uri: Uri = target.parse().unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    classify(&method, &uri, &headers, 5050, &|_| None)
}

/// Form, destination, authority and path in one line, or what else it is.
fn told(method: &str, target: &str, host: &str) -> String {
    match read(method, target, host) {
        Ok(Target::Peer(Access { destination, form, authority, path })) => {
            format!("{form:?} {destination} {authority} {path}")
        }
        Ok(Target::Tunnel(destination)) => format!("Tunnel {destination}"),
        Ok(other) => format!("{other:?}"),
        Err(failure) => failure.status().as_u16().to_string(),
    }
}

#[test]
fn every_form_is_read() {
    let local = "localhost:5050";
    let label = "1000-alice-at-example-com.localhost:5050";
    let table = [
        (
            "GET",
            "http://alice.at.example.com:1000/x?y",
            "any",
            "Proxy alice@example.com:1000 alice.at.example.com:1000 /x?y",
        ),
        (
            "GET",
            "http://alice.at.example.com",
            "any",
            "Proxy alice@example.com:80 alice.at.example.com /",
        ),
        (
            "GET",
            "http://alice.at.example.com?q",
            "any",
            "Proxy alice@example.com:80 alice.at.example.com /?q",
        ),
        (
            "GET",
            "/alice@example.com/1000/x//y",
            local,
            "Path alice@example.com:1000 localhost:5050 /x//y",
        ),
        (
            "GET",
            "/alice%40example.com/1000?q",
            "LOCALHOST",
            "Path alice@example.com:1000 localhost /?q",
        ),
        ("GET", "/alice@example.com/1", "127.1.2.3:80", "Path alice@example.com:1 127.1.2.3:80 /"),
        ("GET", "/alice@example.com/1/", "[::1]:5050", "Path alice@example.com:1 [::1]:5050 /"),
        (
            "GET",
            "/x%2Fy",
            label,
            "OwnOrigin alice@example.com:1000 1000-alice-at-example-com.localhost:5050 /x%2Fy",
        ),
        (
            "OPTIONS",
            "*",
            label,
            "OwnOrigin alice@example.com:1000 1000-alice-at-example-com.localhost:5050 *",
        ),
        (
            "GET",
            "http://1000-alice-at-example-com.localhost:5050/",
            "any",
            "OwnOrigin alice@example.com:1000 1000-alice-at-example-com.localhost:5050 /",
        ),
        (
            "GET",
            "http://localhost:5050/alice@example.com/1/",
            "any",
            "Path alice@example.com:1 localhost:5050 /",
        ),
        ("CONNECT", "alice.at.example.com:1000", "any", "Tunnel alice@example.com:1000"),
        ("GET", "/", local, "Welcome"),
        ("GET", "/proxy.pac", local, "Pac"),
        ("GET", "/favicon.ico", local, "Nothing"),
        ("OPTIONS", "*", local, "Daemon"),
        ("GET", "/api/status", "p2p.localhost:5050", "Api"),
        ("GET", "http://p2p.localhost:5050/api", "any", "Api"),
    ];
    for (method, target, host, expected) in table {
        assert_eq!(told(method, target, host), expected, "{method} {target} at {host}");
    }
}

#[test]
fn every_wrong_shape_is_refused() {
    let long = format!("/{}", "a".repeat(MAX_TARGET));
    let table = [
        // hosts that others can own
        ("GET", "/", "evil.test", "403"),
        ("GET", "/", "localhost.evil.test", "403"),
        ("GET", "/", "evillocalhost", "403"),
        ("GET", "/", "localhost.", "403"),
        ("GET", "/", ".localhost", "403"),
        ("GET", "/", "a.b.localhost", "403"),
        ("GET", "/", "192.168.1.1:5050", "403"),
        ("GET", "/", "0.0.0.0", "403"),
        ("GET", "/", "127.1", "403"),
        ("GET", "/", "[::]", "403"),
        ("GET", "/", "[::ffff:127.0.0.1]", "403"),
        ("GET", "/", "alice.at.example.com:1000", "403"),
        // this is no proxy to anything else
        ("GET", "http://example.com/", "localhost", "403"),
        ("GET", "http://www.example.at./", "localhost", "403"),
        ("GET", "http://localhost/", "localhost:5050", "403"),
        ("GET", "http://localhost:8080/", "localhost:5050", "403"),
        ("CONNECT", "example.com:443", "x", "403"),
        ("CONNECT", "localhost:5050", "x", "403"),
        ("CONNECT", "1000-alice-at-example-com.localhost:80", "x", "403"),
        ("CONNECT", "alice.at.example.com:443", "x", "502"),
        // malformed
        ("GET", "/", "", "400"),
        ("GET", "/", "local host", "400"),
        ("GET", "/", "localhost:", "400"),
        ("GET", "/", "localhost:0", "400"),
        ("GET", "/", "localhost:+80", "400"),
        ("GET", "/", "localhost:65536", "400"),
        ("GET", "/", "localhost:80:80", "400"),
        ("GET", "/", "alice@localhost", "400"),
        ("GET", "/", "localhost/x", "400"),
        ("GET", "/", "localhost,localhost", "400"),
        ("GET", "/", "nobody.localhost", "400"),
        ("GET", "/", "01000-alice-at-example-com.localhost", "400"),
        ("GET", "http://alice@example.com/", "x", "400"),
        ("GET", "http://a:b@alice.at.example.com/", "x", "400"),
        ("GET", "http://al!ce.at.example.com/", "x", "400"),
        ("GET", "http://alice.at.exa_mple.com/", "x", "400"),
        ("GET", "http://alice.at.example.com:0/", "x", "400"),
        ("GET", "https://alice.at.example.com/", "x", "400"),
        ("GET", "ws://alice.at.example.com/", "x", "400"),
        ("GET", "alice.at.example.com:1000", "x", "400"),
        ("CONNECT", "alice.at.example.com", "x", "400"),
        ("CONNECT", "/alice@example.com/1000", "localhost", "400"),
        ("CONNECT", "http://alice.at.example.com:1000/", "x", "400"),
        ("GET", "/alice@example.com/", "localhost", "400"),
        ("GET", "/alice@example.com/0/", "localhost", "400"),
        ("GET", "/alice@example.com/99999/", "localhost", "400"),
        ("GET", "/alice@@example.com/1/", "localhost", "400"),
        ("GET", "/a.at.b@example.com/1/", "localhost", "400"),
        ("GET", &long, "localhost", "414"),
    ];
    for (method, target, host, expected) in table {
        assert_eq!(told(method, target, host), expected, "{method} {target} at {host}");
    }
}

#[test]
fn a_tunnel_has_one_destination() {
    let destination = Destination::from_proxy_host("alice.at.example.com").unwrap().unwrap();
    let inside = |target: &str, host: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        classify_inside(&destination, &target.parse().unwrap(), &headers).is_ok()
    };
    assert!(inside("/x", "alice.at.example.com"));
    assert!(inside("/x", "ALICE.at.example.com:80"));
    assert!(!inside("/x", "alice.at.example.com:81"));
    assert!(!inside("/x", "bob.at.example.com"));
    assert!(!inside("/x", "localhost"));
    assert!(!inside("http://alice.at.example.com/x", "alice.at.example.com"));
}
