//! `install.sh` with the program of this build.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use testbed::programs::{p2p_path, through};

/// The script, with a home and a path of its own.
fn script(root: &Path, arguments: &[&str]) -> Command {
    let mut command = through("sh");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh")).args(arguments);
    command.env("HOME", root.join("home")).env_remove("XDG_CONFIG_HOME");
    command.env("PATH", format!("{}:/usr/bin:/bin", root.join("programs").display()));
    command
}

fn install(root: &Path, arguments: &[&str]) -> Output {
    script(root, arguments).output().unwrap()
}

fn succeed(root: &Path, arguments: &[&str]) -> String {
    let output = install(root, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it and gives what it says about why it does not do it.
fn fail(root: &Path, arguments: &[&str], code: i32) -> String {
    let output = install(root, arguments);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// All files and folders below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Puts a program on the path of the script that notes how it was called.
fn fake(root: &Path, name: &str) -> PathBuf {
    let (programs, calls) = (root.join("programs"), root.join("calls"));
    fs::create_dir_all(&programs).unwrap();
    let text = format!("#!/bin/sh\necho {name} \"$*\" >>'{}'\n", calls.display());
    fs::write(programs.join(name), text).unwrap();
    fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    calls
}

#[test]
fn what_was_installed_runs_and_goes_again() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let prefix = root.join("a prefix");
    let at = ["--prefix", prefix.to_str().unwrap()];
    let arguments = [&at[..], &["--binary", p2p_path()]].concat();
    succeed(root, &arguments);
    let first = below(&prefix);
    succeed(root, &arguments); // it replaces
    assert_eq!(below(&prefix), first);
    let version = through(prefix.join("bin/p2p")).arg("--version").output().unwrap();
    assert_eq!(version.stdout, concat!("p2p ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
    for file in [
        "share/man/man1/p2p.1",
        "share/man/man5/p2p.toml.5",
        "share/man/man7/p2p.7",
        "share/bash-completion/completions/p2p",
        "share/zsh/site-functions/_p2p",
        "share/fish/vendor_completions.d/p2p.fish",
    ] {
        let file = prefix.join(file);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644, "{}", file.display());
    }

    let strangers = prefix.join("share/man/man1/stranger.1");
    fs::write(&strangers, "").unwrap();
    succeed(root, &[&at[..], &["--uninstall"]].concat());
    let left = below(&prefix);
    let left: Vec<_> = left.iter().filter(|path| path.is_file()).collect();
    assert_eq!(left, [&strangers]);
    assert!(!prefix.join("bin").exists() && !prefix.join("share/zsh").exists());
    let again = fail(root, &[&at[..], &["--uninstall"]].concat(), 1);
    assert!(again.contains("nothing is installed under"), "{again}");
}

#[test]
fn without_a_binary_it_builds_one_and_the_demo_passes() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    // what stands for the compiler gives the program of these tests
    fake(root, "cargo");
    let cargo = root.join("programs/cargo");
    let text = format!(
        "#!/bin/sh\n[ \"$*\" = 'build --release --locked' ] || exit 1\n\
         mkdir -p \"$CARGO_TARGET_DIR/release\" && ln -s '{}' \"$CARGO_TARGET_DIR/release/p2p\"\n",
        p2p_path()
    );
    fs::write(&cargo, text).unwrap();
    let target = root.join("target");
    let mut install = script(root, &[]);
    let output = install.env("CARGO_TARGET_DIR", &target).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("is not on your PATH") && said.contains("p2p init"), "{said}");
    let mut demo = Command::new("p2p");
    demo.args(["demo", "--check"]).env("PATH", root.join("home/.local/bin"));
    let output = demo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    succeed(root, &["--uninstall"]);
    assert!(!root.join("home/.local").exists());
}

#[test]
fn an_upgrade_keeps_the_state_and_drops_what_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    succeed(root, &["--binary", p2p_path()]);
    let prefix = root.join("home/.local");
    let state = root.join("home/.config/p2p");
    let mut init = through(prefix.join("bin/p2p"));
    init.args(["init", "alice@example.com"]).env("HOME", root.join("home"));
    assert!(
        init.env_remove("P2P_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .unwrap()
            .status
            .success()
    );
    let key = fs::read(state.join("identity.key")).unwrap();

    let stale = prefix.join("share/man/man1/p2p-former.1");
    fs::write(&stale, "").unwrap();
    let list = prefix.join("share/p2p/installed");
    let mut text = fs::read_to_string(&list).unwrap();
    text.push_str(&format!("{}\n", stale.display()));
    fs::write(&list, text).unwrap();
    succeed(root, &["--binary", p2p_path()]);
    assert!(!stale.exists());
    succeed(root, &["--uninstall"]);
    assert!(!prefix.exists());
    assert_eq!(fs::read(state.join("identity.key")).unwrap(), key);
}

#[test]
fn what_does_not_run_here_is_not_installed() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let foreign = root.join("foreign");
    fs::write(&foreign, "\x7fELF of another machine").unwrap();
    let arguments = ["--binary", foreign.to_str().unwrap()];
    assert!(fail(root, &arguments, 1).contains("is not a program"));
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(fail(root, &arguments, 1).contains("does not run on this"));
    let told = fail(root, &["--binary", "/bin/true"], 1);
    assert!(told.contains("/bin/true is another program than p2p"), "{told}");
    assert!(fail(root, &["--binary", "/nowhere"], 1).contains("there is no file"));
    assert!(!root.join("home").exists());
    for wrong in [&["--bogus"][..], &["--prefix"], &["--service=cron"]] {
        let told = fail(root, wrong, 2);
        assert!(
            told.contains(wrong[0].split_once('=').map_or(wrong[0], |(_, value)| value)),
            "{told}"
        );
    }
}

#[test]
fn paths_are_those_of_the_folder_that_one_is_in() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (here, prefix) = (root.join("here"), root.join("a prefix"));
    fs::create_dir(&here).unwrap();
    fs::copy(p2p_path(), here.join("p2p-of-here")).unwrap(); // on no path of programs
    let run = |arguments: &[&str]| {
        let output = script(root, arguments).current_dir(&here).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run(&["--binary", "p2p-of-here", "--prefix", "..//./a prefix/"]);
    let place = fs::canonicalize(&prefix).unwrap().join("bin");
    assert!(said.contains(&format!("in {}\n", place.display())), "{said}");
    run(&["--uninstall", "--prefix=../here/../a prefix"]);
    assert!(!prefix.exists());
}

#[test]
fn an_interrupted_installation_can_be_removed_or_repeated() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let arguments = ["--binary", p2p_path()];
    let (count, prefix) = (root.join("count"), root.join("home/.local"));
    // no trap of the script runs at the seventh file
    fake(root, "mv");
    let text = format!(
        "#!/bin/sh\necho >>'{0}'\n[ $(wc -l <'{0}') -ne 7 ] || kill -KILL $PPID\nexec /bin/mv \"$@\"\n",
        count.display()
    );
    fs::write(root.join("programs/mv"), text).unwrap();
    let interrupt = || {
        let _ = fs::remove_file(&count);
        let output = install(root, &arguments);
        assert!(!output.status.success() && prefix.join("bin/p2p").exists(), "{output:?}");
    };
    interrupt();
    succeed(root, &["--uninstall"]);
    assert!(!prefix.exists(), "{:?}", below(&prefix));
    interrupt();
    succeed(root, &arguments);
    succeed(root, &["--uninstall"]);
    assert!(!prefix.exists(), "{:?}", below(&prefix));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let file = root.join("file");
    fs::write(&file, "").unwrap();
    let told = fail(root, &["--binary", p2p_path(), "--prefix", file.to_str().unwrap()], 1);
    assert!(told.contains(&format!("cannot write to {}", root.display())), "{told}");
    // in the middle of it: the program is there, the manual has no place
    let prefix = root.join("prefix");
    fs::create_dir(&prefix).unwrap();
    fs::write(prefix.join("share"), "").unwrap();
    let told = fail(root, &["--binary", p2p_path(), "--prefix", prefix.to_str().unwrap()], 1);
    assert!(told.contains("cannot write to"), "{told}");
}

#[test]
fn a_signature_is_checked_before_anything_runs() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    if !Path::new("/usr/bin/minisign").exists() {
        assert!(std::env::var_os("CI").is_none(), "minisign is not installed");
        println!("skipped: needs minisign");
        return;
    }
    let file = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let (binary, key, other) = (file("p2p"), file("key.pub"), file("other.pub"));
    fs::copy(p2p_path(), &binary).unwrap();
    for key in [&key, &other] {
        let secret = format!("{key}.secret");
        let output = Command::new("minisign").args(["-G", "-W", "-p", key, "-s", &secret]).output();
        assert!(output.unwrap().status.success());
    }
    let secret = format!("{key}.secret");
    let asked = fail(root, &["--binary", &binary, "--public-key", &key], 1);
    assert!(asked.contains("there is no signature"), "{asked}");
    let mistyped = fail(root, &["--binary", &binary, "--public-key", "release.pub"], 1);
    assert!(mistyped.contains("there is no file release.pub"), "{mistyped}");
    // what is built here nobody has signed
    let built = fail(root, &["--public-key", &key], 2);
    assert!(built.contains("--public-key is for a --binary"), "{built}");
    let signed = Command::new("minisign").args(["-S", "-s", &secret, "-m", &binary]).output();
    assert!(signed.unwrap().status.success());

    let unasked = fail(root, &["--binary", &binary], 1);
    assert!(unasked.contains("say whose signature counts"), "{unasked}");
    let wrong = fail(root, &["--binary", &binary, "--public-key", &other], 1);
    assert!(wrong.contains("is not what the owner of that key has signed"), "{wrong}");
    let text = fs::read_to_string(&key).unwrap();
    for key in [&key[..], text.lines().nth(1).unwrap()] {
        succeed(root, &["--binary", &binary, "--public-key", key]);
    }
    let marker = root.join("ran");
    fs::write(&binary, format!("#!/bin/sh\ntouch '{}'\n", marker.display())).unwrap();
    fail(root, &["--binary", &binary, "--public-key", &key], 1);
    assert!(!marker.exists());
}

#[test]
fn a_service_is_started_kept_and_ended() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let calls = fake(root, "launchctl");
    succeed(root, &["--binary", p2p_path(), "--service=launchd"]);
    let unit = root.join("home/Library/LaunchAgents/p2p.plist");
    let binary = root.join("home/.local/bin/p2p");
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains(&format!("<string>{}</string>", binary.display())), "{text}");
    succeed(root, &["--binary", p2p_path()]); // without a word it stays what it was
    assert!(unit.exists());
    succeed(root, &["--uninstall"]);
    assert!(!unit.exists() && !root.join("home/Library").exists());
    let unit = unit.display();
    let (load, unload) = (format!("launchctl load -w {unit}"), format!("launchctl unload {unit}"));
    let end = format!("launchctl unload -w {unit}");
    let calls = fs::read_to_string(calls).unwrap();
    assert_eq!(calls.lines().collect::<Vec<_>>(), [&unload, &load, &unload, &load, &end]);
}

#[test]
fn the_service_of_each_system_names_the_installed_program() {
    for (kind, unit) in [("systemd", None), ("openrc", Some("etc/init.d/p2p"))] {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let destination = root.join("packed");
        let arguments = ["--destdir", destination.to_str().unwrap(), "--prefix", "/opt/p2p"];
        let kind = format!("--service={kind}");
        succeed(root, &[&arguments[..], &["--binary", p2p_path(), &kind]].concat());
        let files = below(&destination);
        let unit = match unit {
            Some(unit) => destination.join(unit),
            // the system's for root, the user's for anybody else
            None => files.iter().find(|path| path.ends_with("p2p.service")).unwrap().clone(),
        };
        let text = fs::read_to_string(&unit).unwrap();
        assert!(text.contains("\"/opt/p2p/bin/p2p\"") && !text.contains("/usr/bin/p2p"), "{text}");
        let list = fs::read_to_string(destination.join("opt/p2p/share/p2p/installed")).unwrap();
        assert!(!list.contains("packed"), "{list}");
        succeed(root, &[&arguments[..], &["--uninstall"]].concat());
        assert!(below(&destination).iter().all(|path| !path.is_file()));
    }
}

#[test]
fn a_router_keeps_its_settings_and_hears_of_the_clock() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let destination = root.join("router");
    let at = ["--destdir", destination.to_str().unwrap(), "--prefix", "/opt/a p2p"];
    let arguments = [&at[..], &["--binary", p2p_path(), "--service=procd"]].concat();
    succeed(root, &arguments);
    let file = |name: &str| destination.join(name);
    let init = fs::read_to_string(file("etc/init.d/p2p")).unwrap();
    assert!(init.contains("\nPROG=\"/opt/a p2p/bin/p2p\"\n"), "{init}");
    assert!(file("etc/hotplug.d/ntp/50-p2p").exists() && file("lib/upgrade/keep.d/p2p").exists());
    // settings that nobody touched go, others stay
    succeed(root, &[&at[..], &["--uninstall"]].concat());
    assert!(!destination.join("etc").exists(), "{:?}", below(&destination));
    succeed(root, &arguments);
    fs::write(file("etc/config/p2p"), "mine").unwrap();
    succeed(root, &arguments);
    succeed(root, &[&at[..], &["--uninstall"]].concat());
    assert_eq!(fs::read(file("etc/config/p2p")).unwrap(), b"mine");
    assert!(!file("etc/init.d").exists());
    // openrc makes two words of such a path
    let arguments = [&at[..], &["--binary", p2p_path(), "--service=openrc"]].concat();
    let told = fail(root, &arguments, 1);
    assert!(told.contains("choose a plainer --prefix"), "{told}");
    assert!(!destination.join("opt").exists(), "refused before anything is written");
}
