//! Web sites and applications of alice: they work as they would anywhere else.

use crate::scene::Scene;

#[test]
fn a_page_runs_its_script() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for url in [scene.people.origin_url("/site/"), scene.people.proxy_url("/site/")] {
        browser.open(&url);
        browser.wait("document.querySelector('h1').innerText != 'Loading'");
        assert_eq!(browser.words().trim(), "Hello from the JSON file");
        let color = "return getComputedStyle(document.querySelector('h1')).color";
        assert_eq!(browser.run::<String>(color), "rgb(1, 2, 3)");
    }
}

#[test]
fn sockets_and_events_pass_as_they_come() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let proxy_form = "http://alice.at.example.com:1001/".to_owned();
    for url in [scene.own_origin(1001, "alice", "/"), proxy_form] {
        browser.open(&url);
        let echoed: Vec<String> = browser.run(
            "const socket = new WebSocket(`ws://${location.host}/socket`), echoed = [];
            await new Promise((done, failed) => {
              socket.onopen = () => socket.send('one'); socket.onerror = () => failed(`no socket to ${location.host}`);
              socket.onmessage = message => {
                echoed.push(message.data);
                if (echoed.length < 3) socket.send('and another'); else socket.close();
              };
              socket.onclose = done;
            });
            return echoed",
        );
        assert_eq!(echoed, ["one", "and another", "and another"]);
    }
    // the application sends an event only after the page has seen the one before
    browser.open(&scene.own_origin(1001, "alice", "/"));
    let events: Vec<String> = browser.run(
        "const source = new EventSource('/events'), events = [];
        await new Promise((done, failed) => {
          source.onerror = () => failed(`the stream ended after ${events}`);
          source.onmessage = message => {
            events.push(message.data);
            if (events.length < 3) fetch('/next', {method: 'POST'}); else { source.close(); done(); }
          };
        });
        return events",
    );
    assert_eq!(events, ["event 0", "event 1", "event 2"]);
}

#[test]
fn every_service_has_a_secure_origin_of_its_own() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.new_browser(&[]);
    browser.open(&scene.own_origin(1001, "alice", "/"));
    let hash: String = browser.run(
        "localStorage.setItem('secret', 'of the application');
        await fetch('/cookie');
        const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'));
        return [...new Uint8Array(digest)].map(octet => octet.toString(16).padStart(2, '0')).join('')",
    );
    assert!(hash.starts_with("ba7816bf"), "{hash}");
    assert!(browser.run::<bool>("return isSecureContext"));
    let sent = "return (await fetch('/cookies')).text()";
    assert_eq!(browser.run::<String>(sent), "taste=plain");

    // another service of the same person, and somebody else's
    browser.open(&scene.people.origin_url("/"));
    let empty = "return localStorage.getItem('secret') === null && document.cookie === ''";
    assert!(browser.run::<bool>(empty));
    browser.open(&scene.own_origin(1001, "carol", "/"));
    assert!(browser.run::<bool>(empty));
    assert_eq!(browser.run::<String>(sent), "");
    browser.open(&scene.own_origin(1001, "alice", "/"));
    assert!(!browser.run::<bool>(empty));
}
