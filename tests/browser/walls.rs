//! What pages cannot do: to each other, to bob's daemon, and to the browser.

use crate::scene::Scene;

/// What becomes of a request that a page makes.
fn attempt(url: &str, options: &str) -> String {
    format!(
        "try {{ const answer = await fetch('{url}', {options});
        return answer.type == 'opaque' ? 'sent' : await answer.text() }} catch (e) {{ return 'refused' }}"
    )
}

#[test]
fn a_page_opened_in_the_path_form_moves_to_its_own_origin() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let path_form =
        |path: &str| format!("http://localhost:{}/alice@example.com/1000{path}", scene.port());
    browser.open(&path_form("/site/?x=1#top"));
    assert_eq!(browser.url(), scene.people.origin_url("/site/?x=1#top"));
    browser.wait("document.querySelector('h1').innerText != 'Loading'");
    // without the closing slash, too
    browser.open(&path_form(""));
    assert_eq!(browser.url(), scene.people.origin_url("/"));
}

#[test]
fn pages_reach_nobody_but_their_own_service() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let [alice, carol] = ["alice", "carol"].map(|user| scene.own_origin(1001, user, "/"));
    let in_proxy_form = "http://carol.at.example.com:1001";
    let others = [
        carol.trim_end_matches('/').to_owned(),
        format!("http://localhost:{}/carol@example.com/1001", scene.port()),
        format!("http://{}", scene.target.address), // any program of this machine
        in_proxy_form.to_owned(),
    ];
    for page in [&alice, "http://alice.at.example.com:1001/"] {
        browser.open(page);
        assert_eq!(browser.run::<String>(&attempt("/target", "{method: 'POST'}")), "reached");
        for host in ["p2p.localhost", "localhost"] {
            let status = format!("http://{host}:{}/api/status", scene.port());
            let read: String = browser.run(&attempt(&status, "{}"));
            assert_eq!(read, "refused", "{page} has read {status}");
        }
        for other in &others {
            let target = format!("{other}/target");
            for options in ["{method: 'POST', mode: 'no-cors', body: 'x'}", "{method: 'POST'}"] {
                browser.run::<String>(&attempt(&target, options));
            }
            let read: String = browser.run(&attempt(&target, "{}"));
            assert_eq!(read, "refused", "{page} has read {other}");
            assert!(!browser.run::<bool>(&socket(other)), "{page} has a socket to {other}");
            browser.run::<bool>(&format!(
                "return new Promise(done => {{ const picture = new Image();
                picture.onload = picture.onerror = () => done(true); picture.src = '{target}' }})"
            ));
            let [asked, acted] = scene.target.reached();
            assert_eq!(acted, 0, "{page} acted on {other}");
            // between services in the proxy form it is as on the Internet: asked, but not read
            assert!(asked == 0 || other == in_proxy_form, "{page} asked {other}");
        }
    }
    assert_eq!(scene.application.reached(), [0, 2]);
    // it is there for those who mean it
    browser.open(&carol);
    assert_eq!(browser.run::<String>(&attempt("/target", "{method: 'POST'}")), "reached");
    assert_eq!(scene.target.reached()[1], 1);
}

/// Whether a page gets a WebSocket.
fn socket(other: &str) -> String {
    let url = other.replace("http:", "ws:") + "/socket";
    format!(
        "return new Promise(done => {{
          try {{
            const socket = new WebSocket('{url}');
            socket.onopen = () => done(true); socket.onerror = () => done(false);
          }} catch (e) {{ done(false) }}
        }})"
    )
}

#[test]
fn a_form_does_not_leave_its_origin() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    browser.open(&scene.own_origin(1001, "alice", "/"));
    let blocked: String = browser.run(&format!(
        "const blocked = new Promise(done => document.addEventListener('securitypolicyviolation',
          violation => done(violation.effectiveDirective)));
        const form = document.createElement('form');
        form.action = 'http://{}/form'; form.method = 'POST';
        document.body.append(form); form.submit();
        return blocked",
        scene.target.address
    ));
    assert_eq!(blocked, "form-action");
}

#[test]
fn a_service_worker_stays_with_its_service() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.new_browser(&[]);
    let register = |script: &str, scope: &str| {
        format!(
            "try {{ await navigator.serviceWorker.register('{script}', {{scope: '{scope}'}}); return 'registered' }}
            catch (e) {{ return e.name }}"
        )
    };
    browser.open(&scene.own_origin(1001, "alice", "/"));
    assert_eq!(browser.run::<String>(&register("/worker.js", "/")), "registered");
    // the daemon's own page stands where a worker would rule all peers in the path form
    browser.open(&format!("http://localhost:{}/", scene.port()));
    let worker = "/alice@example.com/1001/worker.js";
    for scope in ["/alice@example.com/1001/", "/"] {
        let outcome: String = browser.run(&register(worker, scope));
        assert_ne!(outcome, "registered", "{scope}");
    }
    let count = "return (await navigator.serviceWorker.getRegistrations()).length";
    assert_eq!(browser.run::<u32>(count), 0);
}

#[test]
fn a_name_that_was_bent_to_this_machine_is_refused() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.new_browser(&["--host-resolver-rules=MAP evil.test 127.0.0.1"]);
    browser.open(&format!("http://evil.test:{}/api/status", scene.port()));
    let words = browser.words();
    assert!(words.contains("This address does not belong here"), "{words}");
    assert!(words.contains("evil.test") && words.contains("403"), "{words}");
}
