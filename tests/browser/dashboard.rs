//! The dashboard in a browser: it opens with the address that `p2p open` prints, looks well everywhere, and stays
//! closed to other pages.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::driver::Browser;
use crate::looks::{keep, says};
use crate::scene::Scene;
use testbed::people::{Program, run, text};

/// Stdout of a command that succeeds.
fn done(scene: &Scene, home: &str, arguments: &[&str]) -> String {
    let output = run(&scene.people.root.path().join(home), arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr[..]));
    text(&output.stdout[..])
}

fn port(proxy: &Program) -> &str {
    proxy.said("proxy").rsplit_once(':').unwrap().1
}

/// Opens the dashboard with a fresh address; gives that of the page.
fn enter(scene: &Scene, home: &str, browser: &Browser) -> String {
    browser.open(done(scene, home, &["open"]).trim());
    browser.wait("document.querySelector('footer')");
    browser.url()
}

/// What somebody's own card says of the key.
fn key(scene: &Scene, home: &str) -> String {
    let card = done(scene, home, &["contact", "show", "--json"]);
    card.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// olga, who asks before she believes anybody.
fn settle_olga(scene: &Scene) {
    let home = scene.people.root.path().join("olga");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(home.join("config.toml"), "first-use = \"ask\"\nwell-known = \"off\"\n").unwrap();
    done(scene, "olga", &["init", "olga@example.com"]);
}

/// An authority that olga trusts certifies paul for long, and olga not for long.
fn certify(scene: &Scene) {
    let root = scene.people.root.path();
    let circle = ["ca", "init", "circle", "--for", "example.com", "--no-passphrase"];
    done(scene, "circle", &circle);
    for (home, days) in [("paul", "90"), ("olga", "9")] {
        let (public, cert) = (root.join(home).join("identity.pub"), root.join("cert"));
        let (public, cert) = (public.to_str().unwrap(), cert.to_str().unwrap());
        let name = format!("{home}@example.com");
        let sign = ["ca", "sign", public, "--name", &name, "--days", days, "--out", cert];
        done(scene, "circle", &sign);
        done(scene, home, &["certificate", "add", cert]);
    }
    let authority = root.join("circle/ca/circle.authority");
    done(scene, "olga", &["authority", "add", authority.to_str().unwrap()]);
}

/// alice is pinned, frank the first who claimed his name, rob has another key now, a domain has vouched for dora.
fn introduce(scene: &Scene) {
    let book = scene.people.root.path().join("olga.book");
    let known = [
        ("alice", "alice", "pinned"),
        ("frank", "carol", "first-use"),
        ("rob", "paul", "pinned"),
        ("dora", "una", "domain"),
    ];
    let lines = known.map(|(name, home, how)| {
        format!("{name}@example.com {} {how} 2026-11-01T12:00:00Z\n", key(scene, home))
    });
    fs::write(&book, lines.concat()).unwrap();
    done(scene, "olga", &["contact", "import", book.to_str().unwrap()]);
}

#[test]
fn a_person_sees_people_keys_and_paths() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    settle_olga(&scene);
    done(&scene, "paul", &["init", "paul@example.com"]);
    let _rob = scene.person("rob", "rob@example.com", "I have lost my key");
    let _una = scene.person("una", "una@example.com", "Nobody knows me");
    certify(&scene);
    let _paul = scene.serve("paul", "I am certified");
    introduce(&scene);
    let root = scene.people.root.path();
    let (home, folder) = (root.join("olga"), root.join("Olga\u{2019}s <holiday> & more"));
    fs::create_dir(&folder).unwrap();
    let (overlay, folder) = (scene.people.overlay(), folder.to_str().unwrap().to_owned());
    let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
    let proxy =
        Program::start(&home, &[&["proxy", "--listen", "127.0.0.1:0"], &network[..]].concat());
    let serve =
        ["serve", &folder, "--port", "1000", "--allow", "contacts", "--allow", "*@example.org"];
    let _served = Program::start(&home, &[&serve[..], &network].concat());
    for name in ["alice", "paul", "rob", "una"] {
        browser.open(&format!("http://1000-{name}-at-example-com.localhost:{}/", port(&proxy)));
    }
    let page = enter(&scene, "olga", &browser);
    assert!(
        page.starts_with(&format!("http://p2p.localhost:{}/dashboard/", port(&proxy))),
        "{page}"
    );
    assert_eq!(browser.title(), "p2p dashboard");
    let own = format!("http://1000-olga-at-example-com.localhost:{}/", port(&proxy));
    let wanted = [
        "olga@example.com",
        "p2p://olga@example.com/",
        "Olga\u{2019}s <holiday> & more",
        "for contacts,*@example.org",
        &own,
        "http://olga.at.example.com:1000/",
        "alice@example.com is a contact since 2026-11-01T12:00:00Z: you pinned key ",
        "the authority circle certifies until ",
        "the first key to claim the name was ",
        "the domain\u{27}s web site vouched for key ",
        "rob@example.com is known with key ",
        "una@example.com is new here and has key ",
        "direct by 127.0.0.1:",
        "answered ",
        "for *@example.com; no revocation list yet",
        "it ends in 8 days: ask circle to run p2p ca renew olga@example.com",
    ];
    says(&browser, "dashboard", &wanted);
    assert!(
        browser.run::<bool>("return document.querySelector('.qr svg path').getBBox().width > 20")
    );
    // the link leads to what is shared, and the way back needs nothing
    browser.click(".ways a");
    assert_eq!(browser.url(), own);
    browser.open(&page);
    browser.click("a.reload");
    assert_eq!(browser.url(), page);
}

#[test]
fn other_pages_see_nothing_of_it() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let page = enter(&scene, "bob", &browser);
    says(&browser, "dashboard of bob", &["Contacts", "Overlays", "no name yet"]);
    assert_eq!(browser.run::<String>("return document.cookie"), "");
    // another program of this machine that listens at a port of its own gets no cookie, under any path but the one
    // that it cannot know
    let other = format!("http://p2p.localhost:{}", scene.target.address.port());
    browser.open(&format!("{other}/cookies"));
    assert_eq!(browser.words(), "");
    // pages of a peer, and of any program of this machine, that even know the address
    let programs = format!("http://{}/", scene.target.address);
    for hostile in [scene.own_origin(1001, "alice", "/"), programs, format!("{other}/")] {
        browser.open(&hostile);
        let read = format!(
            "try {{ const answer = await fetch('{page}', {{credentials: 'include'}});
            return await answer.text() }} catch (e) {{ return 'refused' }}"
        );
        assert_eq!(browser.run::<String>(&read), "refused", "{hostile}");
        let frame = format!(
            "const frame = document.createElement('iframe'); frame.src = '{page}';
            document.documentElement.append(frame);
            await new Promise(go => {{ frame.onload = go; frame.onerror = go }});
            try {{ return frame.contentDocument ? frame.contentDocument.body.innerText : '' }}
            catch (e) {{ return '' }}"
        );
        assert_eq!(browser.run::<String>(&frame), "", "{hostile}");
    }
    // a link from there opens it for nobody: the cookie stays behind
    browser.open(&scene.own_origin(1001, "alice", "/"));
    browser.run::<bool>(&format!("location = '{page}'; return true"));
    browser.wait("document.querySelector('h1')");
    says(&browser, "dashboard locked", &["The dashboard is locked", "p2p open"]);
    // the person does
    browser.open(&page);
    assert_eq!(browser.title(), "p2p dashboard");

    browser.open(&format!("http://localhost:{}/", scene.port()));
    browser.click("a");
    assert_eq!(browser.url(), format!("http://p2p.localhost:{}/", scene.port()));
    keep(&browser, "dashboard door");
    assert!(browser.words().contains("The dashboard is locked"));
}
