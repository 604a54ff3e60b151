//! What all tests share while any of them runs: chromedriver, alice, bob, and two applications.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

use crate::application::Application;
use crate::driver::{Browser, Driver};
use testbed::people::{Neighbours, Program, noise, run};
use testbed::programs::have;

/// The people and their services.
pub(crate) struct Scene {
    /// What alice exposes at port 1001.
    pub(crate) application: Application,
    /// What carol exposes at port 1001, for others to keep away from.
    pub(crate) target: Application,
    /// Alice shares a folder at port 1000; bob browses.
    pub(crate) people: Neighbours,
    /// Browsers that a test has done with: a start takes longer than most tests.
    idle: Mutex<Vec<Browser>>,
    driver: Arc<Driver>,
    /// The processes of `p2p expose`.
    _exposed: [Program; 2],
}

/// A browser from the scene, which goes back there unless a test failed with it.
pub(crate) struct Lent<'a> {
    browser: Option<Browser>,
    scene: &'a Scene,
}

/// The scene lives as long as somebody plays in it: what is static is never dropped, and its
/// processes would stay behind.
static SCENE: Mutex<Weak<Scene>> = Mutex::new(Weak::new());

impl Scene {
    /// The scene, set if nobody plays in it; None where there is no browser.
    pub(crate) fn enter() -> Option<Arc<Scene>> {
        if !have("chromedriver") || !have("chromium") {
            return None;
        }
        // a test that failed while it set the scene leaves nothing half done in it
        let mut scene = SCENE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = scene.upgrade() {
            return Some(set);
        }
        let set = Arc::new(Scene::set());
        *scene = Arc::downgrade(&set);
        Some(set)
    }

    fn set() -> Scene {
        let people = Neighbours::start(fill);
        let (application, target) = (Application::start(), Application::start());
        let expose = |home: &Path, application: &Application| {
            let url = format!("http://{}", application.address);
            let overlay = people.overlay();
            let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
            Program::start(home, &[&["expose", &url, "--port", "1001"], &network[..]].concat())
        };
        let by_alice = expose(&people.root.path().join("alice"), &application);
        let carol = people.root.path().join("carol");
        assert!(run(&carol, &["init", "carol@example.com"]).status.success());
        let by_carol = expose(&carol, &target);
        let driver = Arc::new(Driver::start());
        let (idle, _exposed) = (Mutex::default(), [by_alice, by_carol]);
        Scene { application, target, people, idle, driver, _exposed }
    }

    /// A browser that is set up as bob is told: peers' addresses go to his proxy, all else does not.
    pub(crate) fn browser(&self) -> Lent<'_> {
        let idle = self.idle.lock().unwrap().pop();
        let browser = idle.unwrap_or_else(|| self.new_browser(&[]));
        Lent { browser: Some(browser), scene: self }
    }

    /// One that has seen nothing yet, with more flags.
    pub(crate) fn new_browser(&self, flags: &[&str]) -> Browser {
        let pac = format!("--proxy-pac-url=http://{}/proxy.pac", self.people.proxy());
        let flags = flags.iter().map(|flag| (*flag).to_owned()).chain([pac]);
        Browser::start(self.driver.clone(), &flags.collect::<Vec<_>>())
    }

    /// Somebody new, who shares a folder with one page at port 1000 that says `words`.
    pub(crate) fn person(&self, home: &str, name: &str, words: &str) -> Program {
        assert!(run(&self.people.root.path().join(home), &["init", name]).status.success());
        self.serve(home, words)
    }

    /// The same for somebody who has a name already.
    pub(crate) fn serve(&self, home: &str, words: &str) -> Program {
        let home = self.people.root.path().join(home);
        let folder = home.with_extension("folder");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("index.html"), format!("<!doctype html><p>{words}</p>")).unwrap();
        let (folder, overlay) = (folder.to_str().unwrap(), self.people.overlay());
        let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
        Program::start(&home, &[&["serve", folder, "--port", "1000"], &network[..]].concat())
    }

    /// Port of bob's proxy on loopback.
    pub(crate) fn port(&self) -> &str {
        self.people.proxy().rsplit_once(':').unwrap().1
    }

    /// The address of `path` at a service, in its own-origin form.
    pub(crate) fn own_origin(&self, port: u16, user: &str, path: &str) -> String {
        format!("http://{port}-{user}-at-example-com.localhost:{}{path}", self.port())
    }
}

impl Deref for Lent<'_> {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        self.browser.as_ref().expect("it is lent until the drop")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.scene.idle.lock().unwrap().extend(self.browser.take());
        }
    }
}

/// A recording of one minute: 8000 samples a second, each an octet.
const MINUTE: u32 = 60 * 8000;

/// What alice shares.
fn fill(folder: &Path) {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo/sample");
    let put = |path: &str, content: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let [dawn, night] = ["dawn.jpg", "night.jpg"].map(|name| fs::read(sample.join(name)).unwrap());
    put("A first episode.m4a", &fs::read(sample.join("episode.m4a")).unwrap());
    put("dawn.jpg", &dawn);
    put("minute.wav", &wave());
    put("notes.txt", b"Milk, bread, and a very small stone.\n");
    put("slides.pdf", &noise(2_400_000));
    put("backup 2026-11.tar.gz", &noise(310_000));
    put("100% \u{201e}quoted\u{201c} #1? & <b>bold \u{1f33b}.txt", b"a name with everything\n");
    put(
        "a-name-that-somebody-has-made-far-too-long-and-that-has-no-blank-in-it-anywhere-\
         so-that-it-has-to-be-broken-somewhere-or-it-will-push-the-table-out-of-the-page.txt",
        b"long\n",
    );
    fs::create_dir(folder.join("empty")).unwrap();
    let pictures = ["dawn", "The lake at night", "harbour", "IMG_20261103_174512_HDR~2", "mist"];
    for (index, name) in pictures.iter().enumerate() {
        let picture = if index % 2 == 0 { &dawn } else { &night };
        put(&format!("pictures/{name}.jpg"), picture);
    }
    for number in 1..=1203 {
        put(&format!("archive/letter {number:04}.txt"), b"Dear reader\n");
    }
    put("site/index.html", include_bytes!("site/index.html"));
    put("site/words.json", br#"{"greeting": "Hello from the JSON file"}"#);
}

/// A sound file that plays for a minute: a slow triangle.
fn wave() -> Vec<u8> {
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + MINUTE).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8000_u32.to_le_bytes()); // samples a second
    file.extend(8000_u32.to_le_bytes()); // octets a second
    file.extend(b"\x01\0\x08\0data");
    file.extend(MINUTE.to_le_bytes());
    file.extend((0..MINUTE).map(|at| (at % 64).abs_diff(32).to_le_bytes()[0] + 112));
    file
}
