//! How the program speaks: every wrong use has its words, stdout carries results only, and the exit code
//! tells what kind of end it was.

mod install;

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use nanoserde::DeJson;
use testbed::people::{self, Program, command};
use testbed::programs::{p2p_path, through};

/// All commands that do something, as they are typed.
const COMMANDS: [&str; 35] = [
    "init",
    "backup",
    "rotate",
    "serve",
    "expose",
    "proxy",
    "open",
    "allow",
    "contact add",
    "contact list",
    "contact show",
    "contact remove",
    "contact rename",
    "contact export",
    "contact import",
    "ca init",
    "ca sign",
    "ca renew",
    "ca revoke",
    "ca rollover",
    "ca show",
    "certificate add",
    "certificate list",
    "authority add",
    "authority list",
    "authority remove",
    "lookup",
    "publish",
    "status",
    "why",
    "doctor",
    "store",
    "rendezvous",
    "demo",
    "completions",
];

/// Runs the commands of a transcript in order, in one home, and compares all that they say.
fn replay(golden: &str, root: &Path) {
    let folder = root.to_str().unwrap();
    let mut told = String::new();
    for line in golden.lines().filter_map(|line| line.strip_prefix("$ p2p")) {
        let arguments: Vec<String> =
            words(line).iter().map(|word| word.replace("DIR", folder)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = command(&root.join("home"), &arguments).current_dir(root).output().unwrap();
        let code = output.status.code().unwrap();
        let stderr = text(&output.stderr).replace(folder, "DIR");
        assert_eq!(text(&output.stdout), "", "p2p{line}: stdout carries results only");
        writeln!(told, "$ p2p{line}\n{stderr}[{code}]\n").unwrap();
    }
    assert!(told == golden, "the words differ; they are:\n{told}");
}

/// Splits at spaces; what stands in single quotes is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

fn p2p(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    command(&home.path().join("home"), arguments).output().unwrap()
}

#[test]
fn every_wrong_use_is_told_in_one_line_and_a_hint() {
    let golden = include_str!("wrong_use.txt");
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "text").unwrap();
    replay(golden, root.path());
    for block in golden.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let lines: Vec<&str> = block.lines().collect();
        let (first, last) = (lines[1], lines[lines.len() - 1]);
        let message = first.strip_prefix("p2p: error: ").unwrap_or_else(|| panic!("{block}"));
        assert!(!message.ends_with('.'), "{block}");
        // names of arguments and options stand as they are typed
        let word = message.split(' ').next().unwrap();
        assert!(!word.starts_with(char::is_uppercase) || word == word.to_uppercase(), "{block}");
        assert!(["[1]", "[2]", "[3]"].contains(&last), "{block}");
        match &lines[2..lines.len() - 1] {
            [] => {}
            [hint] => assert!(hint.starts_with("hint: ") && !hint.ends_with('.'), "{block}"),
            _ => panic!("more than an error and a hint: {block}"),
        }
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_told() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path(), &["serve"]);
    let output = command.arg(OsStr::from_bytes(b"caf\xe9")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "p2p: error: \"caf\u{fffd}\" is not UTF-8\n");
}

#[test]
fn each_command_explains_itself() {
    let overview = p2p(&["--help"]);
    assert_eq!(overview.status.code(), Some(0));
    assert!(overview.stderr.is_empty());
    let overview = text(&overview.stdout);
    for name in COMMANDS {
        let path: Vec<&str> = name.split(' ').collect();
        assert!(overview.contains(&format!("\n  {}", path[0])), "{name} in\n{overview}");
        for arguments in [[&path[..], &["--help"]].concat(), [&["help"], &path[..]].concat()] {
            let output = p2p(&arguments);
            let help = text(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}");
            assert!(help.starts_with(&format!("Usage: p2p {name}")), "{help}");
            assert!(help.lines().count() >= 6, "{help}");
            let wide = help.lines().skip(1).find(|line| line.chars().count() > 100);
            assert_eq!(wide, None, "{name}");
        }
    }
}

#[test]
fn every_command_in_an_advice_exists() {
    let words = concat!(include_str!("../web/failures.txt"), include_str!("wrong_use.txt"));
    let hints = words.lines().filter_map(|line| line.strip_prefix("hint: "));
    let commands = hints.flat_map(|hint| hint.split("p2p ").skip(1)).filter_map(|rest| {
        let command = rest.split([' ', '"', ',']).next()?;
        (!command.starts_with('-')).then_some(command)
    });
    let unknown: Vec<&str> = commands
        .filter(|command| !COMMANDS.iter().any(|known| known.split(' ').next() == Some(*command)))
        .filter(|command| !["of", "runs"].contains(command)) // the program, not a command
        .collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

#[test]
fn the_version_is_one_word() {
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let output = p2p(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), format!("p2p {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let script = format!(
        "'{}' --help | head -n 1 >/dev/null; '{0}' init alice@example.com 2>/dev/null | true",
        p2p_path()
    );
    // bash has PIPESTATUS; what counts is the program's own end, not that of `head`
    let script =
        script.replace("; ", "; first=${PIPESTATUS[0]}; ") + "; echo $first ${PIPESTATUS[0]}";
    let mut shell = through("bash");
    let output = shell.args(["-c", &script]).env("P2P_HOME", home.path()).output().unwrap();
    assert_eq!(text(&output.stdout), "0 0\n", "{}", text(&output.stderr));
}

#[test]
fn a_full_disk_under_stdout_is_a_failure() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let home = tempfile::tempdir().unwrap();
    let output = command(home.path(), &["--version"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "p2p: error: cannot write to stdout: no space left on device\n"
    );
}

#[derive(DeJson)]
struct StatusJson {
    name: Option<String>,
    proxy: Vec<String>,
    connections: usize,
}

#[derive(DeJson)]
struct ContactJson {
    name: String,
    trust: String,
}

#[derive(DeJson)]
struct LookupJson {
    name: String,
    overlays: Vec<OverlayJson>,
    found: Vec<FoundJson>,
}

#[derive(DeJson)]
struct OverlayJson {
    answer: String,
}

#[derive(DeJson)]
struct FoundJson {
    locators: Vec<String>,
}

#[test]
fn json_is_json() {
    let root = tempfile::tempdir().unwrap();
    let (alice, bob) = (root.path().join("alice"), root.path().join("bob"));
    let init = people::succeed(&mut command(&alice, &["init", "alice@example.com"]));
    let init = text(&init);
    let link = init.lines().find_map(|line| line.strip_prefix("share link")).unwrap().trim();
    let opened = people::succeed(&mut command(&bob, &["open", link]));
    assert_eq!(text(&opened), "http://80-alice-at-example-com.localhost:5050/\n");
    let contacts = text(&people::succeed(&mut command(&bob, &["contact", "list", "--json"])));
    let contacts = Vec::<ContactJson>::deserialize_json(&contacts).unwrap();
    let [ContactJson { name, trust }] = &contacts[..] else { panic!("one contact") };
    assert_eq!((name.as_str(), trust.as_str()), ("alice@example.com", "pinned"));

    let proxy = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    let nobody = "store:http://127.0.0.1:9/";
    let proxy = [&proxy[..], &["--overlay", nobody]].concat();
    let proxy = Program::start(&bob, &proxy);
    let status = text(&people::succeed(&mut command(&bob, &["status", "--json"])));
    let status = StatusJson::deserialize_json(&status).unwrap();
    assert_eq!((status.name, status.connections), (None, 0));
    assert_eq!(status.proxy, [proxy.said("proxy")]);

    let arguments = ["lookup", "alice@example.com", "--json", "--overlay", nobody];
    let output = command(&bob, &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = LookupJson::deserialize_json(&text(&output.stdout)).unwrap();
    assert_eq!(report.name, "alice@example.com");
    assert_eq!(report.overlays[0].answer, "cannot be reached: connection refused");
    assert!(report.found.iter().all(|found| found.locators.is_empty()) && report.found.is_empty());
}

#[test]
fn another_key_for_a_contact_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let link = |home: &str| {
        let made = command(&root.path().join(home), &["init", "alice@example.com"]);
        let made = text(&people::succeed(&mut { made }));
        made.lines().find_map(|line| line.strip_prefix("share link")).unwrap().trim().to_owned()
    };
    let (first, second) = (link("one"), link("two"));
    let bob = root.path().join("bob");
    people::succeed(&mut command(&bob, &["contact", "add", &first]));
    for arguments in [&["contact", "add", &second][..], &["open", &second]] {
        let output = command(&bob, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let words = text(&output.stderr);
        assert!(words.starts_with("p2p: error: alice@example.com "), "{words}");
        assert!(words.contains("hint: p2p contact remove alice@example.com "), "{words}");
    }
    people::succeed(&mut command(&bob, &["contact", "add", &first]));
    people::succeed(&mut command(&bob, &["contact", "remove", "alice@example.com"]));
    people::succeed(&mut command(&bob, &["contact", "add", &second]));
}

#[test]
fn a_passphrase_comes_from_stdin_and_its_lack_is_told() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    let init = |typed: &[u8]| {
        let mut init = command(&home, &["init", "alice@example.com", "--passphrase"]);
        let mut init = init.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        init.stdin.take().unwrap().write_all(typed).unwrap();
        init.wait_with_output().unwrap()
    };
    let empty = init(b"\n");
    assert_eq!(empty.status.code(), Some(1));
    assert_eq!(text(&empty.stderr), "p2p: error: the passphrase is empty\n");
    let bad = init(b"\xff\xfe\n");
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stderr));
    assert!(!home.join("identity.key").exists());
    assert!(init(b"correct horse\nignored").status.success());
    let key = fs::read_to_string(home.join("identity.key")).unwrap();

    // a new session has no terminal to ask at
    let mut serve = through("setsid");
    serve.args(["--wait", p2p_path(), "serve", "."]).env("P2P_HOME", &home);
    let output = serve.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "p2p: error: the key is locked by a passphrase\nhint: run it on a terminal, where it can ask\n"
    );
    let again = init(b"another\n");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(fs::read_to_string(home.join("identity.key")).unwrap(), key, "never overwritten");
}
