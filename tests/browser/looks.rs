//! How pages look: nothing sticks out at the side, in light and dark, on a desk and on a phone.

use crate::driver::Browser;
use crate::scene::Scene;

/// Checks the page in all appearances, and keeps pictures of it under a name.
pub(crate) fn keep(browser: &Browser, name: &str) {
    for (width, place) in [(1200, "desk"), (390, "phone")] {
        let phone = width < 600;
        let size = format!(
            r#"{{"width": {width}, "height": 850, "deviceScaleFactor": 1, "mobile": {phone}}}"#
        );
        browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        for scheme in ["light", "dark"] {
            let media = format!(
                r#"{{"features": [{{"name": "prefers-color-scheme", "value": "{scheme}"}}]}}"#
            );
            browser.devtools("Emulation.setEmulatedMedia", &media);
            let widest: u32 = browser.run("return document.documentElement.scrollWidth");
            assert!(widest <= width, "{name} is {widest} wide on a {place}");
            browser.picture(&format!("{name} {place} {scheme}"));
        }
    }
    browser.devtools("Emulation.clearDeviceMetricsOverride", "{}");
    browser.devtools("Emulation.setEmulatedMedia", r#"{"features": []}"#);
}

/// Checks that the page says all of this, and keeps pictures of it.
pub(crate) fn says(browser: &Browser, picture: &str, wanted: &[&str]) {
    let words = browser.words();
    for part in wanted {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
    keep(browser, picture);
}

#[test]
fn pages_fit_everywhere() {
    let Some(scene) = Scene::enter() else { return };
    let browser = scene.browser();
    let pages = [
        ("listing", scene.people.origin_url("/")),
        ("pictures", scene.people.origin_url("/pictures/")),
        ("large folder", scene.people.origin_url("/archive/?page=2")),
        ("empty folder", scene.people.origin_url("/empty/")),
        ("welcome", format!("http://localhost:{}/", scene.port())),
    ];
    let mut colours = Vec::new();
    for (name, url) in pages {
        browser.open(&url);
        keep(&browser, name);
        let colour = "return getComputedStyle(document.body).color";
        colours.push(browser.run::<String>(colour));
    }
    assert!(colours.windows(2).all(|pair| pair[0] == pair[1]), "not one look: {colours:?}");
}
