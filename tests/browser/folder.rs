//! Alice's shared folder as a person uses it.

use crate::driver::{Browser, json};
use crate::scene::Scene;

/// Whether every picture on the page shows something.
const PICTURES: &str = "const pictures = [...document.images];
    pictures.forEach(picture => picture.loading = 'eager');
    await Promise.all(pictures.map(picture => picture.decode()));
    return pictures.map(picture => picture.naturalWidth)";

#[test]
fn a_listing_leads_to_folders_and_files() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for root in [scene.people.origin_url("/"), scene.people.proxy_url("/")] {
        browser.open(&root);
        assert_eq!(browser.title(), "alice@example.com");
        let heading: String = browser.run("return document.querySelector('h1').innerText");
        assert_eq!(heading, browser.title());
        let rows: Vec<String> = browser
            .run("return [...document.querySelectorAll('tbody th a')].map(link => link.innerText)");
        assert_eq!(rows.len(), 12, "{rows:?}");
        assert_eq!(rows[..4], ["archive", "empty", "pictures", "site"], "folders come first");
        let odd = "100% \u{201e}quoted\u{201c} #1? & <b>bold \u{1f33b}.txt";
        assert!(rows.iter().any(|row| row == odd), "{rows:?}");
        follow(&browser, &root, odd);

        browser.open(&root);
        browser.click("a[href='pictures/']");
        assert_eq!(browser.url(), format!("{root}pictures/"));
        assert_eq!(browser.title(), "pictures \u{2013} alice@example.com");
        browser.click(".gallery a[href$='lake%20at%20night.jpg']:not([tabindex])");
        assert_eq!(browser.url(), format!("{root}pictures/The%20lake%20at%20night.jpg"));
        browser.run::<bool>("history.back(); return true");
        browser.wait("document.querySelector('.path a')");
        browser.click(".path a");
        assert_eq!(browser.url(), root);
    }
}

/// Opens the file whose name, with everything in it that means something elsewhere, a row shows.
fn follow(browser: &Browser, root: &str, name: &str) {
    let href: String = browser.run(&format!(
        "return [...document.querySelectorAll('th a')].find(link => link.innerText == {}).href",
        json(name)
    ));
    browser.open(&href);
    assert!(browser.url().starts_with(root), "{href}");
    assert_eq!(browser.words().trim(), "a name with everything");
}

#[test]
fn thumbnails_are_pictures() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for url in [scene.people.origin_url("/pictures/"), scene.people.proxy_url("/pictures/")] {
        browser.open(&url);
        let widths: Vec<u32> = browser.run(PICTURES);
        assert_eq!(widths.len(), 5);
        assert!(widths.iter().all(|width| *width > 0), "{widths:?}");
    }
}

#[test]
fn a_recording_plays_and_seeks() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    for root in [scene.people.origin_url("/"), scene.people.proxy_url("/")] {
        browser.open(&root);
        browser.run::<bool>(
            "const player = document.querySelector('audio[src$=\"minute.wav\"]');
            window.player = player; player.muted = true; await player.play(); return true",
        );
        browser.wait("player.currentTime > 0.2");
        assert_eq!(browser.run::<f64>("return player.duration"), 60.0);
        browser.run::<bool>(
            "const sought = new Promise(done => player.onseeked = done);
            player.currentTime = 50; await sought; return true",
        );
        browser.wait("player.currentTime > 50.1");
        let length: f64 = browser.run(
            "const player = document.querySelector('audio[src$=\".m4a\"]');
            const known = new Promise(done => player.onloadedmetadata = done);
            player.preload = 'metadata'; await known; return player.duration",
        );
        assert!(length > 0.5 && length < 60.0, "{length}");
    }
}

#[test]
fn a_large_folder_comes_in_pages() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    browser.open(&scene.people.origin_url("/archive/"));
    assert!(browser.words().contains("Page 1 of 3"));
    browser.click(".pages a[rel=next]");
    browser.click(".pages a[rel=next]");
    let rows: Vec<String> =
        browser.run("return [...document.querySelectorAll('tbody th')].map(row => row.innerText)");
    assert_eq!((rows.len(), rows.last().unwrap().as_str()), (203, "letter 1203.txt"));
}
