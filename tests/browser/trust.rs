//! What a person sees of trust: the question at a first meeting, keys that disagree, a closed door.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::looks::says;
use crate::scene::Scene;
use testbed::people::{Program, run, text};

/// The proxy of somebody who wants to be asked.
fn wary(scene: &Scene, name: &str) -> Program {
    let home = scene.people.root.path().join(name);
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(home.join("config.toml"), "first-use = \"ask\"\n").unwrap();
    let overlay = scene.people.overlay();
    let proxy = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    Program::start(&home, &[&proxy[..], &["--overlay", &overlay]].concat())
}

fn port(proxy: &Program) -> &str {
    proxy.said("proxy").rsplit_once(':').unwrap().1
}

#[test]
fn a_first_meeting_is_a_question() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let grace = scene.person("grace", "grace@example.com", "Grace is here");
    let proxy = wary(&scene, "wary");
    let url = format!("http://1000-grace-at-example-com.localhost:{}/", port(&proxy));
    let home = scene.people.root.path().join("grace");
    let status = text(&run(&home, &["status"]).stdout[..]);
    let print = status.lines().find_map(|line| line.strip_prefix("fingerprint")).unwrap().trim();

    browser.open(&url);
    assert!(browser.url().starts_with(&format!("http://p2p.localhost:{}/meet/", port(&proxy))));
    let wanted = ["You have not met grace@example.com before", print, "safety phrase", "Cancel"];
    says(&browser, "first meeting", &wanted);
    browser.click("button.second");
    browser.wait("document.body && document.body.innerText.includes('Nothing was changed')");

    browser.open(&url);
    browser.click("input[type=checkbox]");
    browser.click("button");
    browser.wait("document.body && document.body.innerText.includes('Grace is here')");
    assert_eq!(browser.url(), url);
    let contacts = run(&scene.people.root.path().join("wary"), &["contact", "list"]);
    let contacts = text(&contacts.stdout[..]);
    assert!(contacts.contains(print) && contacts.contains("pinned"), "{contacts}");
    drop(grace);
}

#[test]
fn several_keys_for_a_new_name_are_all_shown() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let _one = scene.person("heidi", "heidi@example.com", "I am Heidi");
    let _other = scene.person("not-heidi", "heidi@example.com", "No, I am");
    browser.open(&scene.own_origin(1000, "heidi", "/"));
    let wanted =
        ["Several keys claim to be heidi@example.com", "2 keys claim the name", "(from store:"];
    says(&browser, "error several keys", &wanted);
}

#[test]
fn a_contact_who_is_not_admitted_is_told_whom_to_ask() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let _ivan = scene.person("ivan", "ivan@example.com", "For Judy only");
    let home = scene.people.root.path().join("ivan");
    assert!(run(&home, &["allow", "1000", "judy@example.com"]).status.success());
    let url = scene.own_origin(1000, "ivan", "/");
    browser.open(&url);
    assert!(browser.words().contains("Nothing is served at port 1000"), "{}", browser.words());

    let public = scene.people.root.path().join("bob/identity.pub");
    let add = ["contact", "add", "bob@example.com", public.to_str().unwrap()];
    assert!(run(&home, &add).status.success());
    browser.open(&url);
    let wanted = [
        "Port 1000 of ivan@example.com is not open to you",
        "You were seen as bob@example.com",
        "Ask ivan@example.com for access",
        "403",
    ];
    says(&browser, "error not admitted", &wanted);
}
