//! Homes: where they are, what may be wrong with them, and how several commands share one.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    os::unix::process::CommandExt,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use p2p::identity::{KeyFileError, SecretKeyFile};
use p2p::runtime::{block_on, clock};

use crate::world::{PATIENCE, bob, get};
use testbed::people::{ALICE, Program, command, run, text};

/// A command that would run on if nothing were wrong.
const PROXY: [&str; 7] = [
    "proxy",
    "--listen",
    "127.0.0.1:0",
    "--udp",
    "127.0.0.1:0",
    "--overlay",
    "store:http://[::1]:9/",
];

const EXISTS: &str = "p2p: error: HOME has an identity already, which is never overwritten";

fn stderr(output: &Output, home: &Path) -> String {
    text(&output.stderr[..]).replace(home.to_str().unwrap(), "HOME")
}

#[test]
fn each_damaged_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    for (file, content, told) in [
        (
            "identity.key",
            "garbage",
            "cannot use HOME/identity.key: this is not a minisign key file\nhint: put back the copy that \
             you keep of it\n",
        ),
        (
            "identity.key",
            "",
            "cannot use HOME/identity.key: this is not a minisign key file\nhint: put back the copy that \
             you keep of it\n",
        ),
        (
            "name",
            "alice\n",
            "cannot use HOME/name: a name looks like alice@example.com\nhint: write your name into \
             HOME/name\n",
        ),
        (
            "contacts",
            "alice@example.com\n",
            "cannot read HOME/contacts: line 1: a contact is a name, a key, a binding and a date\nhint: \
             mend it, or move it away and meet everybody again\n",
        ),
        (
            "config.toml",
            "\noverlay ! lan\n",
            "cannot read HOME/config.toml: line 2 is not TOML\nhint: man 5 p2p.toml tells what it may say\n",
        ),
        (
            "config.toml",
            "overlays = \"lan\"\n",
            "cannot read HOME/config.toml: line 1: overlays: no such setting (there are exclude, first-use, listen, overlay, port-mapping, publish, relay-for, rendezvous, rendezvous-for, rendezvous-tcp, stun, teredo, turn, udp, well-known)\nhint: man 5 p2p.toml tells what it may say\n",
        ),
        (
            "config.toml",
            "listen = \"5050\"\n",
            "cannot read HOME/config.toml: line 1: listen: \"5050\" is not an address like 127.0.0.1:5050\nhint: man 5 p2p.toml tells what it may say\n",
        ),
    ] {
        let path = home.join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, content).unwrap();
        let output = run(&home, &PROXY);
        assert_eq!(output.status.code(), Some(1), "{file} {content:?}");
        assert_eq!(stderr(&output, &home), format!("p2p: error: {told}"), "{file} {content:?}");
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn what_can_be_made_again_is() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    for file in ["sequences", "token", "labels", "lock", "control.sock"] {
        fs::write(home.join(file), b"\xff\xfe garbage \0\n").unwrap();
    }
    let log = root.path().join("log");
    let mut command = command(&home, &PROXY);
    let bob = Program::launch(command.stderr(File::create(&log).unwrap()));
    assert!(run(&home, &["status"]).status.success());
    assert_eq!(bob.stop().code(), Some(0));
    let told = fs::read_to_string(log).unwrap();
    assert!(
        told.contains("p2p: warn: cannot read ") && told.contains("/sequences: line 1"),
        "{told}"
    );
    let token = fs::read_to_string(home.join("token")).unwrap();
    assert_eq!(token.trim().len(), 32, "{token:?}");
}

#[test]
fn permissions_that_are_too_wide_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
    let key = home.join("identity.key");
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);

    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let output = run(&home, &PROXY);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output, &home),
        "p2p: error: refusing HOME/identity.key: others may read it (mode 644)\nhint: chmod 600 \
         HOME/identity.key, and make a new identity if it may have leaked\n"
    );
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    fs::set_permissions(&home, Permissions::from_mode(0o777)).unwrap();
    let output = run(&home, &PROXY);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output, &home),
        "p2p: error: refusing HOME: others may write to it (mode 777)\nhint: chmod 700 HOME\n"
    );
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    for folder in [root.path(), &home] {
        fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = command(&home, &["init", ALICE]);
    if fs::metadata(&home).unwrap().uid() == 0 {
        command.uid(65534); // root may write everywhere, nobody may not
    }
    let output = command.current_dir("/").output();
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
    let Ok(output) = output else {
        // the program lies where nobody may go
        return println!("skipped: needs a program that another user may run");
    };
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output, &home),
        "p2p: error: cannot use HOME/identity.key: permission denied\nhint: choose another directory \
         with --home DIR\n"
    );
}

#[test]
fn a_home_of_a_later_version_is_told_by_all_and_changed_by_none() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    fs::write(home.join("format"), "2\n").unwrap();
    const TOLD: &str = "refusing HOME: a later version of p2p has written it (format \"2\")\n";
    for command in [&["status"][..], &["publish"], &["open"], &["contact", "list"], &PROXY] {
        let output = run(&home, command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let told = stderr(&output, &home);
        assert!(told.starts_with(&format!("p2p: error: {TOLD}hint: ")), "{command:?}: {told}");
    }
    let doctor = run(&home, &["doctor", "--overlay", "store:http://127.0.0.1:9/"]);
    let told = text(&doctor.stdout[..]).replace(home.to_str().unwrap(), "HOME");
    assert!(told.starts_with(&format!("home          wrong  {TOLD}")), "{told}");
    assert_eq!(
        fs::read_dir(&home).unwrap().count(),
        4,
        "format, name and the two files of the key"
    );
}

#[test]
fn the_home_is_where_the_nearest_word_says() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let mut given: Vec<(&str, std::path::PathBuf)> =
        vec![("HOME", at("home")), ("XDG_CONFIG_HOME", at("xdg")), ("P2P_HOME", at("p2p"))];
    let made = [at("home/.config/p2p"), at("xdg/p2p"), at("p2p"), at("option")];
    for count in (0..=4).rev() {
        let mut command = command(root.path(), &["init", ALICE]);
        for variable in ["HOME", "XDG_CONFIG_HOME", "P2P_HOME"] {
            command.env_remove(variable);
        }
        given.truncate(count);
        command.envs(given.iter().cloned());
        if count == 4 {
            command.args(["--home", at("option").to_str().unwrap()]);
        }
        let output = command.output().unwrap();
        let Some(place) = count.checked_sub(1).map(|index| &made[index]) else {
            assert_eq!(output.status.code(), Some(1));
            assert_eq!(
                text(&output.stderr[..]),
                "p2p: error: no home directory: HOME is not set\nhint: give one with --home DIR or set \
                 P2P_HOME\n"
            );
            break;
        };
        assert!(output.status.success(), "{}", text(&output.stderr[..]));
        assert!(place.join("identity.key").is_file(), "{}", place.display());
        // from the last word to the first: what counts less has not been touched yet
        assert!(made[..count - 1].iter().all(|other| !other.exists()), "{}", place.display());
    }
}

/// Arguments of `serve` for a folder that holds `words` as its page.
fn serve<'a>(folder: &'a Path, port: &'a str, words: &str) -> Vec<&'a str> {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("index.html"), words).unwrap();
    let serve = ["serve", folder.to_str().unwrap(), "--port", port, "--udp", "127.0.0.1:0"];
    [&serve[..], &["--overlay", "store:http://127.0.0.1:9/"]].concat()
}

#[test]
fn a_nameless_home_gets_a_name_and_keeps_it() {
    let root = tempfile::tempdir().unwrap();
    let (home, folder, log) =
        (root.path().join("home"), root.path().join("media"), root.path().join("log"));
    let arguments = serve(&folder, "80", "hello");
    let mut command = command(&home, &arguments);
    command.env("USER", "Zoë").stderr(File::create(&log).unwrap());
    let first = Program::launch(&mut command);
    let name = first.said("name").to_owned();
    let told = fs::read_to_string(&log).unwrap();
    let words =
        format!("made the identity {name}; p2p init NAME in an empty home chooses another\n");
    assert!(told.contains(&words), "{told}");
    assert_eq!(fs::read_to_string(home.join("name")).unwrap().trim(), name);
    drop(first);
    let second = Program::launch(&mut command);
    assert_eq!(second.said("name"), name);
    assert!(!run(&home, &["init", ALICE]).status.success(), "the key is never overwritten");
}

#[test]
fn a_visitor_can_take_a_name_later() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    let proxy = Program::start(&home, &PROXY);
    let status = || text(&run(&home, &["status"]).stdout[..]);
    let key = |status: &str| {
        status.lines().find(|line| line.starts_with("fingerprint")).map(str::to_owned)
    };
    let before = status();
    assert!(before.starts_with("name              none (p2p init makes one)\n"), "{before}");
    let named = run(&home, &["init", ALICE]);
    assert!(named.status.success(), "{}", stderr(&named, &home));
    let after = status();
    assert!(after.starts_with(&format!("name              {ALICE}\n")), "{after}");
    assert_eq!(key(&before), key(&after), "it is the key that friends have met");
    assert_eq!(
        stderr(&run(&home, &["init", "eve@example.com"]), &home).lines().next(),
        Some(EXISTS)
    );

    // and what is served has the name
    drop(proxy);
    let serving = Program::start(&home, &serve(&root.path().join("media"), "80", "hello"));
    assert_eq!(serving.said("name"), ALICE);
}

#[test]
fn a_visitor_can_lock_the_key_when_it_gets_its_name() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    drop(Program::start(&home, &PROXY));
    let typed = root.path().join("typed");
    fs::write(&typed, "open sesame\n").unwrap();
    let mut init = command(&home, &["init", ALICE, "--passphrase"]);
    let named = init.stdin(File::open(typed).unwrap()).output().unwrap();
    assert!(named.status.success(), "{}", stderr(&named, &home));
    let key = fs::read_to_string(home.join("identity.key")).unwrap();
    assert_eq!(SecretKeyFile::parse(&key, None).unwrap_err(), KeyFileError::NeedsPassphrase);
    let key = SecretKeyFile::parse(&key, Some("open sesame")).unwrap();
    let public = fs::read_to_string(home.join("identity.pub")).unwrap();
    assert_eq!(key.public().to_text(), public);
}

#[test]
fn commands_share_a_home_and_outlive_its_daemon() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let first = Program::start(&home, &serve(&one, "1000", "page one"));
    let proxy = bob(&home, &["store:http://127.0.0.1:9/"]);
    let two = serve(&two, "1001", "page two");
    let second = Program::start(&home, &two);
    let page = |port: &str| get(&format!("http://{}/{ALICE}/{port}/", proxy.said("proxy")));
    assert_eq!(page("1000").body, "page one");
    assert_eq!(page("1001").body, "page two");

    let taken = run(&home, &two);
    assert_eq!(taken.status.code(), Some(1));
    let told = text(&taken.stderr[..]);
    assert!(told.starts_with("p2p: error: port 1001 serves "), "{told}");
    assert!(told.ends_with("hint: p2p status shows what the daemon serves\n"), "{told}");

    // the daemon goes; the proxy comes back at another port, since it had asked for any
    assert_eq!(first.end("TERM", Duration::from_secs(15)).code(), Some(0));
    let started = clock::now();
    let status = loop {
        let status = run(&home, &["status"]);
        let told = text(&status.stdout[..]);
        if told.contains("serves            port 1001") && told.contains("browsers come to  127") {
            break told;
        }
        assert!(clock::now() - started < PATIENCE, "nobody takes its place: {told}");
        block_on(clock::sleep(Duration::from_millis(100)));
    };
    assert!(!status.contains("port 1000"), "{status}");
    let proxy = status.lines().find_map(|line| line.strip_prefix("browsers come to")).unwrap();
    let answer = get(&format!("http://{}/{ALICE}/1001/", proxy.trim()));
    assert_eq!(answer.body, "page two");
    assert_eq!(second.end("INT", Duration::from_secs(15)).code(), Some(0));
}

#[test]
fn what_a_daemon_that_runs_already_does_not_do_is_told() {
    let root = tempfile::tempdir().unwrap();
    let (home, log) = (root.path().join("home"), root.path().join("log"));
    let first = Program::start(&home, &PROXY);
    let mut second = PROXY;
    second[2] = "127.0.0.1:9"; // it is not even tried
    let second = Program::launch(command(&home, &second).stderr(File::create(&log).unwrap()));
    assert_eq!(second.said("proxy"), first.said("proxy"));
    drop(second);
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("keeps its own --listen\n"), "{told}");

    let missing = run(&home, &["serve", root.path().join("log").to_str().unwrap()]);
    let told = stderr(&missing, &home);
    assert_eq!(missing.status.code(), Some(1));
    assert!(told.contains("not a folder") && !told.contains("p2p status"), "{told}");
}

#[test]
fn a_home_whose_holder_does_not_answer_is_told() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut command = command(&home, &PROXY);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output, &home),
        "p2p: error: another process has HOME but does not answer\nhint: end it, or choose another \
         directory with --home DIR\n"
    );
}
