//! The three access forms lead to the same service, which is told how and by whom it is asked.

use std::sync::Arc;

use p2p::runtime::http::{self, BoxFuture, Handler, Request, Response};

use crate::harness::{ALICE, Daemon, Setup, long_name};

#[test]
fn all_forms_give_the_same_octets() {
    let daemon = Daemon::start();
    for path in ["/", "/part", "/nowhere", "//twice//%2F/../%2e?q=%20&a=/alice"] {
        let answers = daemon.get_everywhere(path, "");
        assert_eq!(answers[0].status, if path.len() > 5 { 404 } else { 200 }, "{path}");
        for answer in &answers {
            assert_eq!((answer.status, answer.text()), (answers[0].status, answers[0].text()));
            assert!(answer.whole);
        }
    }
}

#[test]
fn paths_arrive_octet_by_octet() {
    let daemon = Daemon::start();
    let path = "/x/..//%2F%2e%41;p=1/?q=a|b&c=%zz";
    for answer in daemon.get_everywhere(path, "") {
        assert_eq!(answer.text(), "no /x/..//%2F%2e%41;p=1/");
    }
}

#[test]
fn the_service_sees_form_and_visitor_and_no_forgery() {
    let daemon = Daemon::start();
    let forged = "P2P-Peer: eve@evil.example\r\np2p_peer: eve\r\nP2P.Key: k\r\nP2P-Whatever: x\r\n\
        X-Forwarded-For: 10.0.0.1\r\nX_Forwarded_Host: evil.example\r\nForwarded: for=1.2.3.4\r\n\
        X-Forwarded-Prefix: /evil\r\nX-Real-IP: 10.0.0.1\r\nX-Own: kept\r\nVia: 1.0 elsewhere\r\n\
        Proxy-Connection: keep-alive\r\nConnection: x-hop\r\nX-Hop: gone\r\nKeep-Alive: 5\r\n";
    let port = daemon.port();
    let forms = [
        (ALICE.to_owned(), ""),
        (format!("localhost:{port}"), "x-forwarded-prefix: /alice@example.com/1000\n"),
        (format!("1000-alice-at-example-com.localhost:{port}"), ""),
    ];
    for (answer, (host, prefix)) in daemon.get_everywhere("/seen", forged).iter().zip(forms) {
        let text = answer.text();
        let via: Vec<&str> = text.lines().filter(|line| line.starts_with("via: ")).collect();
        assert_eq!(via.len(), 3, "{text}");
        assert!(via.contains(&"via: 1.0 elsewhere"));
        let key_line = text.lines().find(|line| line.starts_with("p2p-key: ")).unwrap();
        assert_eq!(key_line.len(), "p2p-key: ".len() + 52);
        let for_peer = text.lines().find(|line| line.starts_with("forwarded: ")).unwrap();
        let (before, after) = for_peer.split_once("_peer-").unwrap();
        assert_eq!(before, "forwarded: by=_p2p;for=\"");
        assert_eq!(&after[9..], format!("\";host=\"{host}\";proto=http"));
        let rest: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("via: ") && *line != key_line && *line != for_peer)
            .collect();
        let expected = format!(
            "GET /seen\nhost: {ALICE}\np2p-peer: bob@example.org\np2p-trust: pinned\n\
             x-forwarded-host: {host}\n{prefix}x-forwarded-proto: http\nx-own: kept"
        );
        let mut expected: Vec<&str> = expected.lines().collect();
        let (mut rest, _) = (rest, expected.sort());
        rest.sort();
        assert_eq!(rest, expected);
    }
}

#[test]
fn a_visitor_cannot_lie_to_the_gateway() {
    let daemon = Daemon::start();
    let answer = daemon.visit(
        "GET http://127.0.0.1:22/seen HTTP/1.1\r\nHost: evil.example\r\nP2P-Peer: eve@evil.example\r\n\
         P2P_Trust: certified\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: evil.example\r\n\
         X-Forwarded-Prefix: /evil\r\nForwarded: for=10.0.0.1\r\nConnection: p2p-key\r\n\r\n",
    );
    let (_, seen) = answer.split_once("\r\n\r\n").unwrap();
    assert!(seen.starts_with("GET /seen\n"), "{seen}");
    assert!(!seen.contains("evil") && !seen.contains("10.0.0.1"), "{seen}");
    assert!(seen.contains("\np2p-peer: bob@example.org\np2p-trust: pinned\n"), "{seen}");
    assert!(seen.contains(&format!("\nhost: {ALICE}\n")), "{seen}");
    assert!(seen.contains(&format!("\nx-forwarded-host: {ALICE}\n")), "{seen}");
    let answer = daemon.visit("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn absolute_form_ignores_the_host_field() {
    let daemon = Daemon::start();
    let answer = daemon.get_proxied("http://ALICE.at.Example.com:1000/seen", "");
    assert!(answer.text().contains(&format!("\nhost: {ALICE}\n")), "{}", answer.text());
    // a program that cannot resolve names under localhost uses the port as its proxy
    let url = format!("http://1000-alice-at-example-com.localhost:{}/", daemon.port());
    assert_eq!(daemon.get_proxied(&url, "").text(), "alice's page");
}

#[test]
fn hash_labels_are_looked_up() {
    let daemon = Daemon::start();
    let label = long_name().origin_label();
    let host = format!("{label}.localhost:{}", daemon.port());
    let answer = daemon.get(&host, "/", "");
    assert!(
        answer
            .text()
            .contains("somebody-with-a-name-that-fits-no-label-of-sixty-three-octets@example.com"),
        "{answer:?}"
    );
    // a person who is sent to a hash label finds it again
    let path = "/another-with-a-name-that-fits-no-label-of-sixty-three-octets@example.com/1000/";
    let sent = daemon.get(&daemon.host(), path, "Sec-Fetch-Mode: navigate\r\n");
    let location = sent.field("location").unwrap();
    let host = location.strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
    assert!(host.starts_with("h-"), "{location}");
    let answer = daemon.get(host, "/", "");
    assert!(
        answer
            .text()
            .contains("another-with-a-name-that-fits-no-label-of-sixty-three-octets@example.com"),
        "{answer:?}"
    );
    let other = format!("h-{}.localhost", "a".repeat(32));
    let answer = daemon.get(&other, "/", "");
    assert_eq!(answer.status, 502);
    assert!(answer.text().starts_with("this short address is not known here\n"));
}

#[test]
fn people_are_led_from_the_path_form_to_an_origin_of_the_service() {
    let daemon = Daemon::start();
    let path = "/alice@example.com/1000/a%20b?c=d";
    let to = format!("http://1000-alice-at-example-com.localhost:{}/a%20b?c=d", daemon.port());
    for fields in [
        "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\n",
        "User-Agent: Mozilla/5.0\r\nAccept: text/html,*/*\r\n",
    ] {
        let answer = daemon.get(&daemon.host(), path, fields);
        assert_eq!((answer.status, answer.field("location")), (307, Some(to.clone())), "{fields}");
    }
    for fields in
        ["Accept: */*\r\nUser-Agent: curl/8\r\n", "Accept: text/html\r\nUser-Agent: w3m/0.5\r\n"]
    {
        assert_eq!(daemon.get(&daemon.host(), path, fields).status, 404, "{fields}");
    }
    let bare = daemon.get(&daemon.host(), "/alice%40example.com/1000?q", "");
    assert_eq!(bare.field("location").as_deref(), Some("/alice@example.com/1000/?q"));
}

#[test]
fn links_that_left_the_path_form_are_brought_back() {
    let daemon = Daemon::start();
    let host = daemon.host();
    let referer = format!("Referer: http://{host}/alice@example.com/1000/page?x\r\n");
    for (path, to) in [
        ("/style.css?v=1", "/alice@example.com/1000/style.css?v=1"),
        ("/", "/alice@example.com/1000/"),
    ] {
        let answer = daemon.get(&host, path, &referer);
        assert_eq!((answer.status, answer.field("location").as_deref()), (307, Some(to)));
    }
    let elsewhere = "Referer: http://evil.example/alice@example.com/1000/\r\n";
    assert_eq!(daemon.get(&host, "/style.css", elsewhere).status, 404);
}

#[test]
fn addresses_in_responses_keep_the_form() {
    let daemon = Daemon::start();
    let port = daemon.port();
    let label = format!("http://1000-alice-at-example-com.localhost:{port}");
    let prefix = format!("http://localhost:{port}/alice@example.com/1000");
    let canonical = format!("http://{ALICE}/x");
    let table = [
        (canonical.as_str(), canonical.clone(), format!("{prefix}/x"), format!("{label}/x")),
        ("/x?y", "/x?y".into(), "/alice@example.com/1000/x?y".into(), "/x?y".into()),
        ("x/", "x/".into(), "x/".into(), "x/".into()),
        (
            "/alice@example.com/1000/x",
            "/alice@example.com/1000/x".into(),
            "/alice@example.com/1000/x".into(),
            "/alice@example.com/1000/x".into(),
        ),
        (
            "http://other.example/",
            "http://other.example/".into(),
            "http://other.example/".into(),
            "http://other.example/".into(),
        ),
        (
            "http://bob.at.example.org/",
            "http://bob.at.example.org/".into(),
            format!("http://localhost:{port}/bob@example.org/80/"),
            format!("http://80-bob-at-example-org.localhost:{port}/"),
        ),
    ];
    for (location, proxy, path, own) in table {
        let query = format!("/fields?Location:%20{location}|Content-Location:%20{location}");
        let answers = daemon.get_everywhere(&query, "");
        let locations = answers.map(|answer| {
            assert_eq!(answer.field("location"), answer.field("content-location"));
            answer.field("location").unwrap()
        });
        assert_eq!(locations, [proxy, path, own], "{location}");
    }
}

#[test]
fn peers_cannot_reach_beyond_their_page() {
    let daemon = Daemon::start();
    let query = "/fields?Service-Worker-Allowed:%20/|Strict-Transport-Security:%20max-age=1|\
        Clear-Site-Data:%20x|Alt-Svc:%20h3|Public-Key-Pins:%20x|\
        Access-Control-Allow-Private-Network:%20true|Keep-Alive:%205|Connection:%20x-hop|X-Hop:%201|\
        Content-Security-Policy:%20default-src%20x|Set-Cookie:%20a=b;%20Domain=example.com;%20Path=/|\
        Set-Cookie:%20c=d;domain=x|X-Own:%20kept";
    let answers = daemon.get_everywhere(query, "");
    for answer in &answers {
        for gone in [
            "service-worker-allowed",
            "strict-transport-security",
            "clear-site-data",
            "alt-svc",
            "public-key-pins",
            "access-control-allow-private-network",
            "keep-alive",
            "x-hop",
        ] {
            assert_eq!(answer.field(gone), None, "{gone}");
        }
        assert_eq!(answer.field("x-own").as_deref(), Some("kept"));
        assert_eq!(answer.fields("via").len(), 1, "a gateway leaves its trace in requests only");
    }
    let policies = answers.each_ref().map(|answer| answer.fields("content-security-policy"));
    let added = [
        "treat-as-public-address",
        "treat-as-public-address; sandbox allow-scripts allow-forms allow-popups",
        "default-src 'self' https: wss: data: blob: 'unsafe-inline' 'unsafe-eval'; \
         form-action 'self' https:",
    ];
    assert_eq!(policies, added.map(|policy| ["default-src x", policy]));
    let cookies = answers.each_ref().map(|answer| answer.fields("set-cookie"));
    assert_eq!(cookies, [vec!["a=b; Path=/", "c=d"], vec![], vec!["a=b; Path=/", "c=d"]]);
    let sent = daemon.get_everywhere("/seen", "Cookie: s=1\r\n");
    assert_eq!(sent.map(|answer| answer.text().contains("cookie: s=1")), [true, false, true]);
}

#[test]
fn the_own_pages_are_served_safely() {
    let daemon = Daemon::start();
    let (host, port) = (daemon.host(), daemon.port());
    let welcome = daemon.get(&host, "/", "");
    assert_eq!(welcome.status, 200);
    assert!(welcome.text().contains(&format!("http://localhost:{port}/proxy.pac")));
    assert_eq!(welcome.field("x-frame-options").as_deref(), Some("DENY"));
    assert!(welcome.field("content-security-policy").unwrap().starts_with("default-src 'none';"));
    let pac = daemon.get(&host, "/proxy.pac", "");
    assert_eq!(pac.field("content-type").as_deref(), Some("application/x-ns-proxy-autoconfig"));
    assert!(pac.text().contains(&format!("\"PROXY 127.0.0.1:{port}\";")), "{}", pac.text());
    assert_eq!(daemon.get(&host, "/favicon.ico", "").status, 404);
    assert_eq!(daemon.get("p2p.localhost", "/", "").status, 404);
}

#[test]
fn the_api_has_an_origin_that_pages_do_not_reach() {
    struct Api;
    impl Handler for Api {
        fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
            let answer = Response::new(http::full(format!("api {}", request.uri().path())));
            Box::pin(async { answer })
        }
    }
    let daemon = Setup { api: Some(Arc::new(Api)), ..Setup::default() }.start();
    let host = format!("p2p.localhost:{}", daemon.port());
    let table = [
        ("", 200),
        ("Sec-Fetch-Site: same-origin\r\n", 200),
        ("Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", 200),
        (
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
            200,
        ),
        (
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
            403,
        ),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Origin: http://localhost:5050\r\n", 403),
        ("Origin: null\r\n", 403),
    ];
    for (fields, status) in table {
        assert_eq!(daemon.get(&host, "/api/status", fields).status, status, "{fields}");
    }
    assert_eq!(daemon.get(&host, "/api/status", "").text(), "api /api/status");
}

#[test]
fn failures_speak_the_language_of_the_client() {
    let daemon = Daemon::start();
    let url = "http://carol.at.example.com/";
    let text = daemon.get_proxied(url, "");
    assert_eq!(text.status, 502);
    assert!(text.text().starts_with("nobody is known as carol@example.com\n"));
    assert_eq!(
        text.field("proxy-status").unwrap(),
        "p2p; error=destination_not_found; details=\"nobody is known as carol@example.com: no \
         contact has this name and no overlay holds a registration packet for it\""
    );
    assert_eq!(text.field("cache-control").as_deref(), Some("no-store"));
    let json = daemon.get_proxied(url, "Accept: text/html;q=0.2, application/json\r\n").text();
    assert!(json.starts_with("{\"status\":502,\"error\":\"destination_not_found\""), "{json}");
    let html = daemon.get_proxied(url, "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
    assert!(html.text().contains("<h1>Nobody is known as carol@example.com</h1>"));
    assert!(html.text().contains("<li class=\"failed\">"));
    let late = daemon.get_proxied("http://alice.at.example.com:3000/", "");
    assert_eq!(late.status, 502);
    assert!(late.text().contains("it serves port 1000"), "{}", late.text());
}

#[test]
fn web_sites_that_point_at_this_machine_get_nothing() {
    let daemon = Daemon::start();
    let port = daemon.port();
    for host in ["evil.test", "localhost.evil.test", "a.b.localhost", ALICE, "10.0.0.1", "0.0.0.0"]
    {
        let answer = daemon.get(host, "/alice@example.com/1000/", "");
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.text().contains("only localhost, loopback addresses"), "{host}");
    }
    for url in ["http://example.com/", "http://localhost:1/", "http://127.0.0.1/"] {
        assert_eq!(daemon.get_proxied(url, "").status, 403, "{url}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("[::1]:{port}"), "LOCALHOST".into()] {
        assert_eq!(daemon.get(&host, "/alice@example.com/1000/", "").text(), "alice's page");
    }
}

#[test]
fn pages_do_not_act_on_other_origins() {
    let daemon = Daemon::start();
    let post = |host: &str, target: &str, fields: &str| {
        let mut client = daemon.connect();
        client.send(&format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{fields}\r\nhi"
        ));
        client.answer().status
    };
    let own = format!("1000-alice-at-example-com.localhost:{}", daemon.port());
    assert_eq!(post(&own, "/echo", ""), 200);
    assert_eq!(post(&own, "/echo", &format!("Origin: http://{own}\r\n")), 200);
    assert_eq!(post(&own, "/echo", "Sec-Fetch-Site: same-origin\r\nOrigin: http://x\r\n"), 200);
    assert_eq!(post(&own, "/echo", "Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(post(&own, "/echo", "Origin: http://evil.example\r\n"), 403);
    let proxied = format!("http://{ALICE}/echo");
    assert_eq!(post("x", &proxied, &format!("Origin: http://{ALICE}\r\n")), 200);
    assert_eq!(post("x", &proxied, "Origin: http://bob.at.example.com\r\n"), 403);
    let path = "/alice@example.com/1000/echo";
    assert_eq!(post(&daemon.host(), path, "Origin: null\r\n"), 403);
    let worker = daemon.get(&daemon.host(), path, "Service-Worker: script\r\n");
    assert_eq!(worker.status, 403);
}
