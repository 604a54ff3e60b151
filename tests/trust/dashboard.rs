//! The dashboard: for whoever runs the daemon and nobody else.

use std::fs;

use crate::door::{BROWSER, Door, words};
use crate::scene::{Answer, Scene, path, request};
use testbed::people::Program;

fn locked(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains("The dashboard is locked"), "{}", answer.body);
    assert!(answer.body.contains("<code>p2p open</code>"), "{}", answer.body);
    assert!(!answer.fields.contains_key("Set-Cookie"));
}

/// What programs show that may use the control interface.
fn token(scene: &Scene) -> String {
    fs::read_to_string(scene.home("bob").join("token")).unwrap().trim().to_owned()
}

/// bob, and his daemon as a browser sees it.
fn at_bobs(look: impl FnOnce(&Scene, &Door<'_>)) {
    let scene = Scene::set();
    scene.init("bob", "bob@example.com");
    let bob = scene.proxy("bob");
    look(&scene, &Door { daemon: &bob });
}

#[test]
fn without_a_daemon_or_a_way_for_browsers_it_is_said_what_helps() {
    let scene = Scene::set();
    scene.init("bob", "bob@example.com");
    let (code, told) = scene.fails("bob", &["open"]);
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "p2p: error: no daemon runs for this home\n\
         hint: p2p proxy lets browsers in; p2p open TARGET prints an address\n"
    );
    let _served = scene.serve("bob", "hello", &[]);
    let (code, told) = scene.fails("bob", &["open"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("p2p: error: no browser has a way to this daemon\nhint: p2p proxy "));
}

#[test]
fn it_opens_with_a_ticket_once() {
    at_bobs(|scene, door| {
        for path in ["/", "/enter/", "/enter/a", "/dashboard/", "/dashboard/a/", "/dashboard/a/b/"]
        {
            locked(&door.get(path, &BROWSER));
            locked(&door.get(path, &[("Cookie", "p2p-dashboard=a")]));
        }
        let url = format!("http://{}/", door.daemon.said("proxy"));
        let fields = [("Host", &*door.own_host()), ("Accept", "text/plain")];
        let told = request("GET", &url, &fields, "").body;
        assert!(told.starts_with("the dashboard is locked\n"), "{told}");

        let url = scene.done("bob", &["open"]);
        let ticket = &url.trim()[url.find("/enter/").unwrap()..];
        // a look ahead and a look at the head do not use it up, a wrong host does not see it
        let ahead = [&BROWSER[..], &[("Sec-Purpose", "prefetch;prerender")]].concat();
        locked(&door.get(ticket, &ahead));
        assert_eq!(door.ask("HEAD", &door.own_host(), ticket, &[]).status, 403);
        assert_eq!(door.ask("GET", &door.local_host(), ticket, &BROWSER).status, 404);
        let (page, cookie) = door.enter(&url);
        locked(&door.get(ticket, &BROWSER));
        assert_eq!(door.get(&page, &[("Cookie", &cookie)]).status, 200);
    });
}

#[test]
fn the_page_is_fenced_in_and_gives_no_secret_away() {
    let scene = Scene::set();
    scene.init("bob", "bob@example.com");
    let evil = scene.home("bob").with_extension("<b>evil&\"'");
    fs::create_dir(&evil).unwrap();
    let overlay = scene.overlay();
    let serve = ["serve", path(&evil), "--port", "1000", "--udp", "127.0.0.1:0"];
    let _served =
        Program::start(&scene.home("bob"), &[&serve[..], &["--overlay", &overlay]].concat());
    let bob = scene.proxy("bob");
    let door = Door { daemon: &bob };
    let url = scene.done("bob", &["open"]);
    let (page, cookie) = door.enter(&url);
    let shown = door.get(&page, &[&BROWSER[..], &[("Cookie", &cookie)]].concat());
    assert_eq!(shown.status, 200, "{}", shown.body);
    for (name, value) in [
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
        assert_eq!(shown.fields[name], value, "{name}");
    }
    let policy = shown.fields["Content-Security-Policy"].to_str().unwrap();
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert!(!shown.body.contains("<script"));
    // what others have named stays text
    assert!(!shown.body.contains("<b>evil") && words(&shown.body).contains("<b>evil&\"'"));
    let token = token(&scene);
    let ticket = url.trim().rsplit('/').next().unwrap();
    let (place, secret) = (page.split('/').nth(2).unwrap(), cookie.split_once('=').unwrap().1);
    for secret in [place, secret, ticket, &token] {
        assert!(secret.len() > 20 && !shown.body.contains(secret), "{secret}");
    }
}

#[test]
fn a_cookie_counts_for_its_own_page_alone() {
    at_bobs(|scene, door| {
        let (page, cookie) = door.enter(&scene.done("bob", &["open"]));
        let (other_page, other_cookie) = door.enter(&scene.done("bob", &["open"]));
        locked(&door.get(&page, &[("Cookie", &other_cookie)]));
        locked(&door.get(&other_page, &[("Cookie", &cookie)]));
        locked(&door.get(&page, &[]));
        // a neighbour may have put one of the same name beside it
        let tossed = format!("p2p-dashboard=x; {cookie}");
        assert_eq!(door.get(&page, &[("Cookie", &tossed)]).status, 200);
        for path in ["/api/status", "/api/contacts", &format!("{page}api/status")] {
            let status = door.get(path, &[("Cookie", &cookie)]).status;
            assert!([401, 403].contains(&status), "{path}: {status}");
        }
    });
}

#[test]
fn pages_of_other_sites_do_not_come_in_whatever_the_browser_sends_with_them() {
    at_bobs(|scene, door| {
        let (page, cookie) = door.enter(&scene.done("bob", &["open"]));
        let cookie = [("Cookie", cookie.as_str())];
        let with = |fields: &[(&str, &str)]| door.get(&page, &[&cookie[..], fields].concat());
        for (site, mode, to) in [
            ("cross-site", "no-cors", "image"),
            ("same-site", "cors", "empty"),
            ("cross-site", "navigate", "iframe"),
        ] {
            let fields = ["Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];
            let answer = with(&[(fields[0], site), (fields[1], mode), (fields[2], to)]);
            assert_eq!(answer.status, 403, "{site} {mode} {to}");
            assert!(answer.body.contains("A web page reached for something"), "{}", answer.body);
        }
        let origin = format!("http://1000-alice-at-example-com.localhost:{}", door.port());
        for origin in [origin.as_str(), "http://evil.example", "null"] {
            assert_eq!(with(&[("Origin", origin)]).status, 403, "{origin}");
        }
        // DNS rebinding, and every origin that is another than its own
        for host in ["evil.example", "evil.example:5050", "p2p.localhost.evil.example"] {
            let answer = door.ask("GET", host, &page, &cookie);
            assert_eq!(answer.status, 403, "{host}");
            assert!(answer.body.contains("This address does not belong here"), "{}", answer.body);
        }
        for host in [&*door.local_host(), "127.0.0.1", "[::1]"] {
            assert_eq!(door.ask("GET", host, &page, &cookie).status, 404, "{host}");
        }
    });
}

#[test]
fn nothing_is_changed_here() {
    at_bobs(|scene, door| {
        let (page, cookie) = door.enter(&scene.done("bob", &["open"]));
        let cookie = ("Cookie", cookie.as_str());
        let own = format!("http://{}", door.own_host());
        for method in ["POST", "PUT", "DELETE"] {
            for fields in [&[("Sec-Fetch-Site", "same-origin")][..], &[("Origin", &own)], &[]] {
                let fields = [&[cookie], fields].concat();
                let answer = door.ask(method, &door.own_host(), &page, &fields);
                assert_eq!(answer.status, 405, "{method}");
                assert_eq!(answer.fields["Allow"], "GET, HEAD");
            }
            let crossed = [cookie, ("Sec-Fetch-Site", "cross-site")];
            assert_eq!(door.ask(method, &door.own_host(), &page, &crossed).status, 403, "{method}");
        }
    });
}

#[test]
fn who_may_use_the_control_interface_gets_a_ticket_there_and_nobody_else() {
    at_bobs(|scene, door| {
        let (_, cookie) = door.enter(&scene.done("bob", &["open"]));
        let ask =
            |fields: &[(&str, &str)]| door.ask("POST", &door.own_host(), "/api/dashboard", fields);
        assert_eq!(ask(&[("Cookie", &cookie)]).status, 401);
        let bearer = format!("Bearer {}", token(scene));
        let bearer = ("Authorization", bearer.as_str());
        assert_eq!(ask(&[bearer, ("Origin", "http://evil.example")]).status, 403);
        let answer = ask(&[bearer]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        door.enter(answer.body.split('"').nth(3).unwrap());
    });
}

#[test]
fn the_front_page_leads_to_the_door_and_gives_nothing_away() {
    at_bobs(|scene, door| {
        let (_, cookie) = door.enter(&scene.done("bob", &["open"]));
        let front = door.ask("GET", &door.local_host(), "/", &[("Cookie", &cookie)]);
        assert!(front.body.contains(&format!("href=\"http://{}/\"", door.own_host())));
        assert!(!front.body.contains("/enter/") && !front.body.contains("/dashboard/"));
    });
}
