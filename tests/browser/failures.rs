//! What a person reads when there is no answer.

use crate::looks::says;
use crate::scene::Scene;

#[test]
fn nobody_has_the_name() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for url in [scene.own_origin(1000, "nobody", "/"), "http://nobody.at.example.com:1000/".into()]
    {
        browser.open(&url);
        let wanted = ["Nobody is known as nobody@example.com", "Check the spelling", "502"];
        says(&browser, "error name unknown", &wanted);
    }
}

#[test]
fn nothing_is_at_the_port() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for url in [scene.own_origin(2000, "alice", "/"), "http://alice.at.example.com:2000/".into()] {
        browser.open(&url);
        let wanted = ["Nothing is served at port 2000 of alice@example.com", "The peer is there"];
        says(&browser, "error port not served", &wanted);
    }
}

#[test]
fn the_person_has_gone() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let erin = scene.person("erin", "erin@example.com", "Erin was here");
    let url = scene.own_origin(1000, "erin", "/");
    browser.open(&url);
    assert_eq!(browser.words().trim(), "Erin was here");
    assert!(erin.stop().success());
    browser.open(&url);
    let wanted = ["\nerin@example.com is offline\n", "Try again when", "503"];
    says(&browser, "error peer gone", &wanted);
}

#[test]
fn somebody_else_takes_the_name() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let dave = scene.person("dave", "dave@example.com", "Dave was here");
    let url = scene.own_origin(1000, "dave", "/");
    browser.open(&url);
    assert_eq!(browser.words().trim(), "Dave was here");
    assert!(dave.stop().success());
    let _other = scene.person("other", "dave@example.com", "Trust me");
    browser.open(&url);
    let wanted = ["Another key answers for dave@example.com", "over another channel", "502"];
    says(&browser, "error key conflict", &wanted);
}

#[test]
fn the_file_is_not_there() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    browser.open(&scene.people.origin_url("/no/such/file"));
    says(&browser, "error file missing", &["Nothing here", "404"]);
    browser.click(".back a");
    assert_eq!(browser.url(), scene.people.origin_url("/"));
}
