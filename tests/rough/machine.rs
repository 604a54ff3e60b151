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
fn a_port_that_the_settings_want_twice_is_told() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    let settings = "rendezvous-for = \"anyone\"\nrendezvous-tcp = \"0.0.0.0:5050\"\n";
    fs::write(home.join("config.toml"), settings).unwrap();
    let script = "ip link set lo up; exec \"$p2p\" proxy --overlay store:http://127.0.0.1:9/";
    let Some(mut command) = inside(&["--net"], &home, script) else { return };
    if !have("ip") {
        return;
    }
    let told = stderr(&command.output().unwrap(), &home);
    assert!(told.contains("cannot listen at 127.0.0.1:5050: address "), "{told}");
    assert!(told.contains("another program, or rendezvous-tcp in config.toml, has"), "{told}");
}

/// Runs what follows as in a kernel without IPv6: such sockets are of a family that it does not know.
const NO_FAMILY: &str = r#"
import ctypes, os, struct, sys
socket = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
steps = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 3, socket), (LOAD, 0, 0, 16), (JUMP_EQUAL, 0, 1, 10),
         (RETURN, 0, 0, 0x00050000 | 97), (RETURN, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
filter = Filter(len(steps), ctypes.cast(text, ctypes.c_void_p))
c = ctypes.CDLL(None)
assert c.prctl(38, 1, 0, 0, 0) == 0 and c.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn a_kernel_without_ipv6_takes_nothing_from_ipv4() {
    if !have("python3") || !have("ip") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    // as the settings of a router have it, which name both families; a namespace has the usual ports to itself
    fs::create_dir(&home).unwrap();
    let settings =
        "listen = [\"127.0.0.1:5050\", \"[::1]:5050\"]\nudp = [\"0.0.0.0:5050\", \"[::]:5050\"]\n";
    for settings in ["", settings] {
        fs::write(home.join("config.toml"), settings).unwrap();
        let script = "
            ip link set lo up
            exec python3 -c \"$without\" \"$p2p\" proxy --overlay store:http://127.0.0.1:9/
        ";
        let namespaces = ["--net", "--pid", "--fork", "--kill-child"];
        let Some(mut command) = inside(&namespaces, &home, script) else { return };
        let bob = Program::launch(command.env("without", NO_FAMILY));
        assert_eq!(bob.said("proxy"), "127.0.0.1:5050");
        let status = text(&run(&home, &["status"]).stdout[..]);
        assert!(status.contains("peers come to     0.0.0.0:5050\n"), "{status}");
    }
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
    let at_once = |arguments: &[&str]| {
        let output = command(&home, arguments).envs(set.clone()).output().unwrap();
        (output.status.code(), text(&output.stderr[..]))
    };
    // what an authority dates would count from 1970
    let (code, told) = at_once(&["ca", "init", "club", "--no-passphrase"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("never set: it says 1970-") && told.contains("hint: set it"), "{told}");
    let (code, told) = at_once(&["lookup", ALICE, "--overlay", &overlay]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("no packet counts before it is set"), "{told}");
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
