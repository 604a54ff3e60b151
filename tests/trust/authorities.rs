//! An authority certifies offline; others believe it for its names, and stop when it takes back.

use std::{fs, process::Command, time::Duration};

use p2p::runtime::clock;

use crate::scene::{Scene, get, path};
use testbed::people::{Program, command, text};
use testbed::programs::have;

/// An authority `club` for example.com, and bob, whom it certifies.
fn club(scene: &Scene) {
    let made =
        scene.done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    assert!(made.contains("for          *@example.com"), "{made}");
    scene.init("bob", "bob@example.com");
    certify(scene, "365");
}

fn certify(scene: &Scene, days: &str) -> String {
    let (key, cert) = (scene.home("bob").join("identity.pub"), scene.home("bob.cert"));
    let sign = ["ca", "sign", path(&key), "--name", "bob@example.com", "--days", days];
    let told = scene.done("club", &[&sign[..], &["--out", path(&cert)]].concat());
    let added = scene.done("bob", &["certificate", "add", path(&cert)]);
    assert!(added.starts_with("bob@example.com  serial "), "{added}");
    told
}

fn trust_club(scene: &Scene, home: &str) {
    let file = scene.home("club").join("ca/club.authority");
    let told = scene.done(home, &["authority", "add", path(&file)]);
    assert!(told.ends_with("for *@example.com\n"), "{told}");
}

#[test]
fn the_program_of_debian_verifies_certificates_and_lists() {
    let scene = Scene::set();
    club(&scene);
    scene.done("club", &["ca", "revoke", "1"]);
    let cert = scene.home("bob.cert");
    let length = |name: &str| fs::metadata(scene.home(name)).unwrap().len();
    assert!(length("bob.cert") + length("bob.cert.minisig") <= 512);
    if !have("minisign") {
        return;
    }
    let public = scene.home("club").join("ca/club.pub");
    let verify = |file: &str| {
        let arguments = ["-V", "-p", path(&public), "-m", file];
        Command::new("minisign").args(arguments).output().unwrap()
    };
    let list = scene.home("club").join("ca/revocations");
    for (file, comment) in [(&cert, "p2p certificate"), (&list, "p2p revocations")] {
        let output = verify(path(file));
        assert!(output.status.success(), "{output:?}");
        let told = text(&output.stdout[..]);
        assert!(told.contains(&format!("Trusted comment: {comment}\n")), "{told}");
    }
    fs::write(&cert, fs::read_to_string(&cert).unwrap().replace("bob@", "rob@")).unwrap();
    assert!(!verify(path(&cert)).status.success());
}

#[test]
fn a_key_of_minisign_can_be_an_authority() {
    if !have("minisign") {
        return;
    }
    let scene = Scene::set();
    let (secret, public) = (scene.home("their.key"), scene.home("their.pub"));
    let generate = ["-G", "-W", "-s", path(&secret), "-p", path(&public)];
    assert!(Command::new("minisign").args(generate).output().unwrap().status.success());
    let init = ["ca", "init", "club", "--for", "example.com", "--no-passphrase"];
    scene.done("club", &[&init[..], &["--key", path(&secret)]].concat());
    scene.init("bob", "bob@example.com");
    let told = scene.fails("bob", &["authority", "add", path(&public)]);
    assert!(told.1.contains("a key alone does not say for whom it counts"), "{told:?}");
    scene.done("bob", &["authority", "add", path(&public), "--for", "example.com"]);
    certify(&scene, "1");
    // signed there, read here: the same text under the same comment
    let cert = scene.home("bob.cert");
    let sign = ["-S", "-s", path(&secret), "-t", "p2p certificate", "-m", path(&cert)];
    assert!(Command::new("minisign").args(sign).output().unwrap().status.success());
    let added = scene.done("bob", &["certificate", "add", path(&cert)]);
    assert!(added.starts_with("bob@example.com  serial 1  "), "{added}");
    let listed = scene.done("bob", &["certificate", "list"]);
    assert!(listed.contains("by their, serial 1"), "{listed}");
    assert!(listed.contains("it ends in "), "{listed}");
}

#[test]
fn an_authority_has_a_passphrase_unless_told_otherwise() {
    let scene = Scene::set();
    let typed = scene.home("typed");
    fs::write(&typed, "correct horse\n").unwrap();
    let with = |arguments: &[&str]| {
        let mut command = command(&scene.home("club"), arguments);
        let input = fs::File::open(&typed).unwrap();
        command.stdin(input).output().unwrap()
    };
    assert!(with(&["ca", "init", "club", "--for", "example.com"]).status.success());
    scene.init("bob", "bob@example.com");
    let key = scene.home("bob").join("identity.pub");
    let cert = scene.home("bob.cert");
    let sign = ["ca", "sign", path(&key), "--name", "bob@example.com", "--out", path(&cert)];
    let refused = scene.fails("club", &sign);
    assert_eq!(refused, (1, "p2p: error: the passphrase is empty\n".into()));
    assert!(with(&sign).status.success());
    fs::write(&typed, "battery staple\n").unwrap();
    let wrong = with(&sign);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr[..]).contains("the passphrase does not open the key file"));
    let again = ["ca", "init", "club", "--for", "example.com", "--no-passphrase"];
    let told = scene.fails("club", &again);
    assert!(told.1.starts_with("p2p: error: this home has an authority already"), "{told:?}");
}

#[test]
fn it_certifies_its_own_names_only() {
    let scene = Scene::set();
    club(&scene);
    let key = scene.home("bob").join("identity.pub");
    let told = scene.fails("club", &["ca", "sign", path(&key), "--name", "bob@example.org"]);
    let words = "p2p: error: the authority club is for *@example.com, not for bob@example.org\n";
    assert_eq!(told, (3, words.into()));
    // a certificate of somebody else, and one about another name
    scene.init("carol", "carol@example.com");
    let cert = scene.home("bob.cert");
    let told = scene.fails("carol", &["certificate", "add", path(&cert)]);
    assert_eq!(told.0, 3);
    assert!(told.1.contains("it was made for another key"), "{told:?}");
    trust_club(&scene, "bob");
    fs::write(&cert, fs::read_to_string(&cert).unwrap().replace("serial 1", "serial 2")).unwrap();
    let told = scene.fails("bob", &["certificate", "add", path(&cert)]);
    assert!(told.1.contains("its text is not the one that was signed"), "{told:?}");
    assert!(scene.done("club", &["ca", "show"]).contains("bob@example.com"));
}

#[test]
fn any_name_only_in_so_many_words() {
    let scene = Scene::set();
    scene.done("all", &["ca", "init", "all", "--for", "any-name", "--no-passphrase"]);
    let file = scene.home("all").join("ca/all.authority");
    let told = scene.fails("bob", &["authority", "add", path(&file)]);
    assert_eq!(told.0, 3);
    assert!(told.1.contains("would like to count for any name"), "{told:?}");
    assert!(told.1.contains("--for any-name if you mean it"), "{told:?}");
    scene.done("bob", &["authority", "add", path(&file), "--for", "example.com"]);
    let told = scene.done("bob", &["authority", "add", path(&file), "--for", "any-name"]);
    assert!(told.ends_with("for any-name\n"), "{told}");
    scene.done("bob", &["authority", "remove", "all"]);
    let told = scene.fails("bob", &["authority", "remove", "all"]);
    assert_eq!(told.1, "p2p: error: all is not trusted\nhint: p2p authority list\n");
}

#[test]
fn who_is_certified_needs_no_first_use_until_it_is_taken_back() {
    let scene = Scene::set();
    club(&scene);
    let bob = scene.serve("bob", "hello from bob", &[]);
    scene.configure("alice", "first-use = \"refuse\"\n");
    let alice = scene.proxy("alice");
    let refused = get(&alice, "bob@example.com");
    assert_eq!(refused.status, 502);
    assert!(refused.body.contains("strangers are refused"), "{}", refused.body);

    trust_club(&scene, "alice");
    let answer = get(&alice, "bob@example.com");
    assert_eq!(answer.body, "hello from bob", "{}", answer.status);
    let contacts = scene.done("alice", &["contact", "list"]);
    assert!(contacts.contains("certified"), "{contacts}");

    // the list goes to bob's friend dave, who is online and passes it on; alice hears of it
    scene.done("club", &["ca", "revoke", "bob@example.com"]);
    let list = scene.home("club").join("ca/revocations");
    trust_club(&scene, "dave");
    let told = scene.done("dave", &["authority", "add", path(&list)]);
    assert_eq!(told, "club  list 1  1 revoked\n");
    let told = scene.fails("dave", &["authority", "add", path(&list)]);
    assert_eq!(told.0, 3);
    assert!(told.1.contains("has number 1, and number 1 is known"), "{told:?}");
    let _dave = scene.serve("dave", "hello from dave", &[]);
    drop(alice);
    // dave passes the list on a moment after he is ready, and alice asks for it when she starts
    let started = clock::now();
    let refused = loop {
        let alice = scene.proxy("alice");
        let answer = get(&alice, "bob@example.com");
        if answer.status != 200 {
            break answer;
        }
        let waited = clock::now() - started;
        assert!(waited < Duration::from_secs(90), "the revocation does not arrive");
        assert!(alice.stop().success());
    };
    let words = "club has revoked the certificate (serial 1, list 1)";
    assert!(refused.body.contains(words), "{}", refused.body);
    drop(bob);
}

#[test]
fn the_end_of_a_certificate_is_told_thirty_days_before() {
    let scene = Scene::set();
    club(&scene);
    let told_at_start = || {
        let log = scene.home("log");
        let overlay = scene.overlay();
        let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay];
        let proxy = [&["proxy", "--listen", "127.0.0.1:0"][..], &network].concat();
        let mut command = command(&scene.home("bob"), &proxy);
        let daemon = Program::launch(command.stderr(fs::File::create(&log).unwrap()));
        let status = scene.done("bob", &["status"]);
        drop(daemon);
        (fs::read_to_string(log).unwrap(), status)
    };
    let (log, status) = told_at_start();
    assert!(!log.contains("certificate"), "{log}");
    assert!(status.contains("certificate       bob@example.com") && !status.contains("ends in"));
    certify(&scene, "29");
    let (log, status) = told_at_start();
    let words =
        "it ends in 28 days: ask an authority not trusted here to run p2p ca renew bob@example.com";
    assert!(log.contains("p2p: warn: certificate: ") && log.contains(words), "{log}");
    assert!(status.contains(words), "{status}");
}

#[test]
fn a_new_key_of_the_authority_takes_over() {
    let scene = Scene::set();
    club(&scene);
    trust_club(&scene, "alice");
    scene.done("club", &["ca", "rollover"]);
    let list = scene.home("club").join("ca/revocations");
    scene.done("alice", &["authority", "add", path(&list)]);
    let listed = scene.done("alice", &["authority", "list", "--json"]);
    let keys = listed.split("\"fingerprints\":[").nth(1).unwrap().split(']').next().unwrap();
    assert_eq!(keys.split(',').count(), 2, "{listed}");
    let cert = scene.home("bob.cert");
    scene.done("club", &["ca", "renew", "bob@example.com", "--out", path(&cert)]);
    scene.done("bob", &["certificate", "add", path(&cert)]);
    let bob = scene.serve("bob", "hello from bob", &[]);
    scene.configure("alice", "first-use = \"refuse\"\n");
    let alice = scene.proxy("alice");
    assert_eq!(get(&alice, "bob@example.com").body, "hello from bob");
    let status = scene.done("bob", &["status"]);
    assert_eq!(status.matches("certificate       bob@example.com").count(), 2, "{status}");
    drop(bob);
}
