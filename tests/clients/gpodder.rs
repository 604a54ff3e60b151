//! gPodder: subscribes, sees the episodes, and its downloads are alice's files.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use crate::form::Form;
use testbed::people::{Neighbours, succeed};
use testbed::programs::have;

#[test]
fn gpodder_downloads_what_alice_shares() {
    if !have("gpo") {
        return;
    }
    let neighbours = Neighbours::start(|folder| {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo/sample/episode.m4a");
        fs::copy(sample, folder.join("A first episode.m4a")).unwrap();
        for name in ["episode.mp3", "episode.opus", "clip.mp4"] {
            let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
            fs::copy(media, folder.join(name)).unwrap();
        }
        fs::write(folder.join("feed.txt"), "Alice's radio\nOnce a week").unwrap();
    });
    let originals = contents(&neighbours.folder, |path| path.extension().unwrap() != "txt");
    for form in Form::WITHOUT_RESOLVER {
        // whatever gPodder asked of the Internet would come here
        let internet = TcpListener::bind("127.0.0.1:0").unwrap();
        internet.set_nonblocking(true).unwrap();
        let elsewhere = format!("http://{}", internet.local_addr().unwrap());
        let home = neighbours.root.path().join(format!("gpodder-{form:?}"));
        fs::create_dir(&home).unwrap();
        let gpo = |arguments: &[&str]| {
            let mut command = form.program(&neighbours, "gpo");
            command.env("https_proxy", &elsewhere).env("HOME", &home).env("GPODDER_HOME", &home);
            if form == Form::Path {
                command.env("http_proxy", &elsewhere).env("no_proxy", "127.0.0.1");
            }
            String::from_utf8(succeed(command.args(arguments))).unwrap()
        };
        gpo(&["subscribe", &form.url(&neighbours, 1000, "/feed.xml"), "Alice"]);
        assert!(gpo(&["update"]).contains("4 new episodes"), "{form:?}");
        let pending = gpo(&["pending"]);
        assert!(pending.contains("A first episode"), "{form:?}: {pending}");
        assert!(gpo(&["download"]).contains("4 episodes downloaded"), "{form:?}");
        let downloads = contents(&home.join("Downloads/Alice"), |path| {
            path.extension().unwrap().to_str().unwrap() != "jpg" // its picture of the programme
        });
        assert!(downloads == originals, "{form:?}");
        assert!(internet.accept().is_err(), "gPodder asked the Internet");
    }
}

/// What the files of a folder hold, whatever their names.
fn contents(folder: &Path, wanted: impl Fn(&PathBuf) -> bool) -> BTreeSet<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(wanted).map(|path| fs::read(path).unwrap()).collect()
}
