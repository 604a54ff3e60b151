//! Machines that are not as they should be: a clock that was never set, a disk that is full or may not be
//! written, no IPv6. Each is made in namespaces of the test's own.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::world::get;
use testbed::people::{ALICE, Program, command, prepare, run, text};
use testbed::programs::{have, p2p_path, through};

/// A command that would run on if nothing were wrong.
const PROXY: &str =
    "proxy --listen 127.0.0.1:0 --udp 127.0.0.1:0 --overlay store:http://127.0.0.1:9/";

/// Another one.
const SERVE: &str = "serve /etc --udp 127.0.0.1:0 --overlay store:http://127.0.0.1:9/";

/// `p2p` in namespaces of its own, after a script has made them what they should be. There, `$home` is the
/// home, and the program is `"$p2p"`.
fn inside(namespaces: &[&str], home: &Path, script: &str) -> Option<Command> {
    let mut unshare = through("unshare");
    unshare.args(["--user", "--map-root-user"]).args(namespaces);
    // where even root may not have these, the test says so
    let possible = have("unshare")
        && through("unshare")
            .args(["--user", "--map-root-user"])
            .args(namespaces)
            .arg("true")
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !possible {
        println!("skipped: needs user namespaces");
        return None;
    }
    let mut command = prepare(unshare, home, &["sh", "-ec", script]);
    command.env("home", home).env("p2p", p2p_path());
    Some(command)
}

fn stderr(output: &Output, home: &Path) -> String {
    text(&output.stderr[..]).replace(home.to_str().unwrap(), "HOME")
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    // a flash of 64 KiB that somebody filled after the identity was made
    let script = format!(
        "mount -t tmpfs -o size=64k,mode=700 none \"$home\"
        \"$p2p\" init alice@example.com >/dev/null 2>&1
        before=$(cat \"$home\"/identity.key \"$home\"/name)
        dd if=/dev/zero of=\"$home\"/film bs=4k 2>/dev/null || :
        \"$p2p\" --home \"$home\"/second init bob@example.com || echo $?
        \"$p2p\" contact add \"$link\" || echo $?
        \"$p2p\" store --listen 127.0.0.1:0 --dir \"$home\"/packets || echo $?
        timeout -s INT 3 \"$p2p\" {SERVE} || echo $?
        [ \"$before\" = \"$(cat \"$home\"/identity.key \"$home\"/name)\" ]
        find \"$home\" -name '.*'"
    );
    let bob = root.path().join("bob");
    let made = text(&run(&bob, &["init", "bob@example.com"]).stdout[..]);
    let link = made.lines().find_map(|line| line.strip_prefix("share link")).unwrap().trim();
    let Some(mut command) = inside(&["--mount"], &home, &script) else { return };
    let output = command.env("link", link).output().unwrap();
    let (said, told) = (text(&output.stdout[..]), stderr(&output, &home));
    assert!(output.status.success(), "{said}{told}");
    // three commands that cannot do what they should, a daemon that goes on; no half of a file is left
    assert_eq!(said, "1\n1\n1\nready name=alice@example.com port=80\n124\n", "{told}");
    for line in [
        "p2p: error: cannot use HOME/second/identity.key: no space left on device",
        "p2p: error: cannot use HOME/contacts: no space left on device",
        "p2p: error: cannot keep a store in HOME/packets: no space left on device",
        "p2p: warn: cannot write HOME/sequences: no space left on device",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
}

#[test]
fn a_disk_that_may_not_be_written_is_told_and_reading_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    let script = format!(
        "mount --bind \"$home\" \"$home\"
        mount -o remount,bind,ro \"$home\"
        \"$p2p\" contact list
        \"$p2p\" {PROXY} || echo $?"
    );
    let Some(mut command) = inside(&["--mount"], &home, &script) else { return };
    let output = command.output().unwrap();
    assert_eq!(text(&output.stdout[..]), "1\n", "{}", stderr(&output, &home));
    assert_eq!(
        stderr(&output, &home),
        "no contacts yet; p2p contact add LINK adds one\np2p: error: cannot use HOME/lock: read-only file \
         system\nhint: choose another directory with --home DIR\n"
    );
}

#[test]
fn a_root_that_may_not_be_written_is_enough_with_a_home_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    // all that is mounted, but for the home in memory
    let script = "
        mount -t tmpfs -o mode=700 none \"$home\"
        mount -o remount,bind,ro /
        touch /tmp/$$ 2>/dev/null && exit 9
        TMPDIR=\"$home\" \"$p2p\" demo --check
    ";
    let Some(mut command) = inside(&["--mount"], &home, script) else { return };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn without_ipv6_the_rest_works() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    let script = "
        echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
        echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
        ip link set lo up
        exec \"$p2p\" proxy --overlay store:http://127.0.0.1:9/
    ";
    let namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let Some(mut command) = inside(&namespaces, &home, script) else { return };
    if !have("ip") {
        return;
    }
    let log = root.path().join("log");
    let bob = Program::launch(command.stderr(File::create(&log).unwrap()));
    assert_eq!(bob.said("proxy"), "127.0.0.1:5050");
    let status = text(&run(&home, &["status"]).stdout[..]);
    assert!(status.contains("peers come to     0.0.0.0:5050 "), "{status}");
    assert!(!status.contains("candidate         ["), "{status}");
    let told = fs::read_to_string(&log).unwrap();
    assert!(!told.contains("error"), "{told}");
}

#[test]
fn a_clock_that_was_never_set_is_told_and_serving_goes_on() {
    if !have("faketime") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    let store = Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
    let folder = root.path().join("media");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.html"), "hello").unwrap();
    // a router that has just been switched on; only what the wall clock says is false
    // the environment that `faketime` would give, so that the program is no grandchild that outlives the test
    let mut faketime = Command::new("faketime");
    let environment = faketime.args(["-f", "@1970-01-01 00:00:30", "env"]).output().unwrap().stdout;
    let environment = text(&environment[..]);
    let set = environment.lines().filter_map(|line| line.split_once('='));
    let set = set.filter(|(name, _)| ["LD_PRELOAD", "FAKETIME"].contains(name));
    let overlay = format!("store:{}", store.said("store"));
    let served = ["serve", folder.to_str().unwrap(), "--port", "1000", "--udp", "127.0.0.1:0"];
    let mut command = command(&home, &[&served[..], &["--overlay", &overlay]].concat());
    command.envs(set).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let log = root.path().join("log");
    let _alice = Program::launch(command.stderr(File::create(&log).unwrap()));
    let told = fs::read_to_string(&log).unwrap();
    assert!(
        told.contains("the clock of this machine was never set: it says 1970-01-01T00:00:"),
        "{told}"
    );
    let status = text(&run(&home, &["status"]).stdout[..]);
    assert!(status.contains("port 1000"), "{status}");
    let proxy = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--overlay", &overlay];
    let bob = Program::start(&root.path().join("bob"), &proxy);
    let answer = get(&format!("http://{}/{ALICE}/1000/", bob.said("proxy")));
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(
        answer.body.contains("unless the clock of one of the two machines is wrong"),
        "{}",
        answer.body
    );
}
