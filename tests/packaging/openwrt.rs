//! What a router gets: its service script, and a package of the program.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use nanoserde::DeJson;
use p2p::daemon::Status;
use p2p::runtime::{block_on, clock};
use testbed::people::{self, Program, command};
use testbed::programs;

/// How long a rendezvous may take to hear of a friend; it looks at its contacts every five seconds.
const PATIENCE: Duration = Duration::from_secs(40);

fn succeed(home: &Path, arguments: &[&str]) -> String {
    String::from_utf8(people::succeed(&mut command(home, arguments))).unwrap()
}

fn share_link(made: &str) -> String {
    made.lines().find_map(|line| line.strip_prefix("share link")).unwrap().trim().to_owned()
}

fn status(home: &Path) -> Status {
    Status::deserialize_json(&succeed(home, &["status", "--json"])).unwrap()
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/openwrt").join(name))
}

/// Runs a script in a shell and gives what it prints.
fn shell(text: &str, folder: &Path) -> String {
    let output = programs::through("sh").args(["-ec", text]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_service_tells_procd_what_the_settings_say() {
    let Some(_) = programs::find("busybox") else { return };
    let output = script("check-init").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_package_holds_what_opkg_expects_and_is_the_same_each_time() {
    let root = tempfile::tempdir().unwrap();
    let binary = root.path().join("binary");
    fs::write(&binary, "a program").unwrap();
    let make = |out: &str| {
        let mut build = script("build-ipk");
        build.arg(&binary).args(["mipsel_24kc", out]).current_dir(root.path());
        let output = build.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        root.path().join(String::from_utf8(output.stdout).unwrap().trim())
    };
    let (first, second) = (make("one"), make("two"));
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("p2p_{version}-r1_mipsel_24kc.ipk");
    assert_eq!(first.file_name().unwrap().to_str(), Some(name.as_str()), "the version of the feed");

    fs::rename(first, root.path().join("package")).unwrap();
    let members = shell("tar -tzf package", root.path());
    assert_eq!(members, "./debian-binary\n./data.tar.gz\n./control.tar.gz\n");
    shell("tar -xzf package; tar -xzf control.tar.gz; sh -n postinst; sh -n prerm", root.path());
    assert_eq!(fs::read_to_string(root.path().join("debian-binary")).unwrap(), "2.0\n");
    assert_eq!(fs::read_to_string(root.path().join("conffiles")).unwrap(), "/etc/config/p2p\n");
    let control = fs::read_to_string(root.path().join("control")).unwrap();
    for line in ["Architecture: mipsel_24kc", "Depends: libc", "Require-User: p2p:p2p"] {
        assert!(control.lines().any(|told| told == line), "{line} in\n{control}");
    }
    let files = shell(
        "tar --numeric-owner -tzvf data.tar.gz | awk '!/\\/$/ { print $1, $2, $6 }'",
        root.path(),
    );
    let page = script("build-ipk").args(["--luci", "page"]).current_dir(root.path()).output();
    let page = String::from_utf8(page.unwrap().stdout).unwrap();
    assert_eq!(page, format!("page/luci-app-p2p_{version}-r1_all.ipk\n"));
    let members = "mkdir luci; tar -xzOf page/*.ipk ./data.tar.gz | tar -xz -C luci; find luci -type f | sort";
    assert_eq!(
        shell(members, root.path()),
        "luci/etc/uci-defaults/91-luci-app-p2p\n\
         luci/usr/libexec/rpcd/p2p\n\
         luci/usr/share/luci/menu.d/luci-app-p2p.json\n\
         luci/usr/share/rpcd/acl.d/luci-app-p2p.json\n\
         luci/www/luci-static/resources/view/p2p.js\n"
    );
    assert_eq!(
        files,
        "-rw------- 0/0 ./etc/config/p2p\n\
         -rwxr-xr-x 0/0 ./etc/hotplug.d/ntp/50-p2p\n\
         -rwxr-xr-x 0/0 ./etc/init.d/p2p\n\
         -rwxr-xr-x 0/0 ./etc/uci-defaults/90-p2p\n\
         -rw-r--r-- 0/0 ./lib/upgrade/keep.d/p2p\n\
         -rwxr-xr-x 0/0 ./usr/bin/p2p\n"
    );
}

/// What the feed copies is all that Cargo wants to know before it compiles.
#[test]
fn the_feed_builds_from_a_whole_tree() {
    let root = tempfile::tempdir().unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let makefile = include_str!("../../packaging/openwrt/p2p/Makefile");
    let (_, recipe) = makefile.split_once("define Build/Prepare\n").unwrap();
    let (recipe, _) = recipe.split_once("endef").unwrap();
    let recipe = recipe.replace("$(INSTALL_DIR)", "mkdir -p").replace("$(CP)", "cp -r");
    let recipe = recipe.replace("$(SOURCE_TREE)", tree.to_str().unwrap());
    shell(&recipe.replace("$(PKG_BUILD_DIR)", "built"), root.path());
    let built = root.path().join("built");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]).current_dir(&built);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // what build.rs wants, and the profile, which is nobody's else
    assert!(built.join("build.rs").exists() && built.join("packaging/layout.ld").exists());
    assert!(
        makefile.contains("rust-package.mk\n\n# that file sets another\nCARGO_PKG_PROFILE:=small")
    );
}

/// The last word of a line of procd's calls in brackets, such as `[serve] [/mnt] [--port] [80]`.
fn words(line: &str) -> Vec<String> {
    line.split_once('[').map_or(Vec::new(), |(_, rest)| {
        rest.trim_end_matches(']').split("] [").map(str::to_owned).collect()
    })
}

#[test]
fn a_router_is_rendezvous_relay_store_and_lan_overlay_by_its_settings_alone() {
    let Some(_) = programs::find("busybox") else { return };
    let root = tempfile::tempdir().unwrap();
    let config = root.path().join("config");
    let media = root.path().join("media");
    fs::create_dir(&media).unwrap();
    fs::write(media.join("index.html"), "from the router").unwrap();
    let installed = include_str!("../../packaging/openwrt/p2p/files/p2p.config");
    let mut text = installed.to_owned();
    for (default, chosen) in [
        ("enabled '0'", "enabled '1'"),
        ("option name ''", "option name 'home@example.com'"),
        ("listen '127.0.0.1:5050'", "listen '127.0.0.1:0'"),
        ("list udp '0.0.0.0:5050'", "list udp '127.0.0.1:0'"),
        ("\tlist udp '[::]:5050'\n", ""),
        ("\tlist overlay 'mainline'\n", ""),
        ("rendezvous_for 'none'", "rendezvous_for 'contacts'"),
        ("relay_for 'none'", "relay_for 'contacts'"),
        ("rendezvous_tcp ''", "rendezvous_tcp '127.0.0.1:0'"),
        ("# list setting 'key = \"value\"'", "list setting 'stun = []'"),
        ("'/mnt/media'", &format!("'{}'", media.display())),
        ("listen '0.0.0.0:8090'", "listen '127.0.0.1:0'"),
        ("option dir ''", "option dir '/srv/packets'"),
    ] {
        assert!(text.contains(default), "{default}");
        text = text.replace(default, chosen);
    }
    fs::write(&config, text).unwrap();
    let router = root.path().join("router");
    let calls = script("run-init").arg(&config).arg(&router).output().unwrap();
    assert!(calls.status.success(), "{calls:?}");
    let calls = String::from_utf8(calls.stdout).unwrap();
    let commands: Vec<Vec<String>> = calls
        .lines()
        .filter(|line| line.starts_with("procd_set_param [command]"))
        .map(|line| words(line)[2..].to_vec())
        .collect();
    let kinds: Vec<&str> = commands.iter().map(|command| command[2].as_str()).collect();
    assert_eq!(kinds, ["proxy", "serve", "expose", "store"], "{calls}");

    // what stood for the program in there has made no real identity
    let home = router.join("etc/p2p");
    fs::remove_file(home.join("name")).unwrap();
    let made = succeed(&home, &["init", "home@example.com"]);
    let friend = root.path().join("friend");
    let link = share_link(&succeed(&friend, &["init", "friend@example.com"]));
    succeed(&home, &["contact", "add", &link]);
    let _running: Vec<Program> = commands
        .iter()
        .map(|command| {
            // the paths are those of the router
            let arguments = command[2..].iter().map(|word| match word.as_str() {
                "/srv/packets" => router.join("srv/packets").to_str().unwrap().to_owned(),
                word => word.to_owned(),
            });
            let arguments: Vec<String> = arguments.collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Program::start(&home, &arguments)
        })
        .collect();
    let status = status(&home);
    let lending = status.lending.unwrap();
    assert_eq!((lending.register.as_str(), lending.relay.as_str()), ("contacts", "contacts"));
    assert!(lending.tcp.is_some());
    assert!(status.overlays.iter().any(|o| o.address == "lan" && o.published.is_some()));
    assert_eq!(status.services.iter().map(|s| s.port).collect::<Vec<_>>(), [80, 1001]);

    // a friend finds it by the store that it runs, registers there, and may send through it
    let node = lending.address.unwrap();
    let store = format!("store:{}", _running[3].said("store"));
    let folder = media.to_str().unwrap();
    let serve = ["serve", folder, "--udp", "127.0.0.1:0", "--overlay", &store];
    let _friend = Program::start(&friend, &[&serve[..], &["--rendezvous", &node]].concat());
    let started = clock::now();
    let registered = loop {
        let status = self::status(&friend);
        let rendezvous = status.rendezvous.into_iter().next().unwrap();
        if rendezvous.registered {
            break rendezvous;
        }
        assert!(clock::now() - started < PATIENCE, "{rendezvous:?}");
        block_on(clock::sleep(Duration::from_millis(50)));
    };
    assert!(registered.carries, "{registered:?}");
    let found = succeed(&friend, &["lookup", "friend@example.com", "--overlay", &store]);
    assert!(found.contains("friend@example.com"), "{found}");
    assert!(made.contains("?overlay=lan"), "{made}");
}

#[test]
fn the_page_shows_what_the_daemon_says() {
    let (Some(node), Some(busybox)) = (programs::find("node"), programs::find("busybox")) else {
        return;
    };
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/openwrt/luci-app-p2p");
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    let friend = root.path().join("friend");
    let link = share_link(&succeed(&friend, &["init", "friend@example.com"]));
    // rpcd's plugin asks UCI for the home, and the path for the program
    let programs = root.path().join("programs");
    fs::create_dir(&programs).unwrap();
    for (name, text) in [
        ("uci", format!("#!/bin/sh\necho '{}'\n", home.display())),
        ("p2p", format!("#!/bin/sh\nexec '{}' \"$@\"\n", programs::p2p_path())),
    ] {
        fs::write(programs.join(name), text).unwrap();
        fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let plugin = |arguments: &[&str]| {
        let mut plugin = programs::through(&busybox);
        plugin.args(["ash"]).arg(app.join("root/usr/libexec/rpcd/p2p")).args(arguments);
        plugin.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let output = plugin.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let page = || {
        let (status, contacts) = (plugin(&["call", "status"]), plugin(&["call", "contacts"]));
        let mut page = Command::new(&node);
        page.arg(app.join("check-page.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut page = page.spawn().unwrap();
        let answers = format!("{{\"status\":{status},\"contacts\":{contacts}}}");
        page.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let output = page.wait_with_output().unwrap();
        assert!(output.status.success(), "{status}{contacts}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(plugin(&["list"]), "{\"contacts\":{},\"status\":{}}\n");
    succeed(&home, &["init", "home@example.com"]);
    let shown = page();
    assert!(shown.contains("not running") && shown.contains("no contacts yet"), "{shown}");

    succeed(&home, &["contact", "add", &link]);
    fs::write(home.join("config.toml"), "stun = []\noverlay = \"lan\"\n").unwrap();
    let folder = root.path().join("<b>media");
    fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let _alice = Program::start(&home, &["serve", folder, "--port", "80", "--udp", "127.0.0.1:0"]);
    let shown = page();
    for line in ["State\trunning", "Name\thome@example.com", &format!("80\t{folder}")] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    assert!(shown.contains("\nfriend@example.com\t") && shown.contains("\tpinned\n"), "{shown}");

    // what can be changed there is what the service script reads
    let options = shown.lines().find_map(|line| line.strip_prefix("changes: ")).unwrap();
    let init = include_str!("../../packaging/openwrt/p2p/files/p2p.init");
    for option in options.split(' ') {
        let (_, name) = option.split_once('.').unwrap();
        let word = |c: char| !c.is_alphanumeric() && c != '_';
        assert!(init.split(word).any(|known| known == name), "{option}");
    }
}

#[test]
fn settings_as_installed_are_settings_of_the_program() {
    // what the service script writes into config.toml is understood
    let text = include_str!("../../packaging/openwrt/p2p/files/p2p.config");
    let home = tempfile::tempdir().unwrap();
    let list = |key: &str| {
        let begin = format!("\tlist {key} '");
        let values = text.lines().filter_map(|line| line.strip_prefix(&begin));
        let values: Vec<String> =
            values.map(|value| format!("\"{}\"", value.trim_end_matches('\''))).collect();
        format!("{key} = [{}]\n", values.join(", "))
    };
    let config: String = ["listen", "overlay", "udp"].map(list).concat();
    fs::write(home.path().join("config.toml"), config).unwrap();
    let mut init = programs::p2p();
    let output = init.args(["init", "alice@example.com", "--home"]).arg(home.path()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("?overlay=lan"), "{output:?}");
}
