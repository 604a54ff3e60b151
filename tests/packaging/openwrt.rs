//! What a router gets: its service script, and a package of the program.

use std::{fs, path::Path, process::Command};

use crate::programs;

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/openwrt").join(name))
}

/// Runs a script in a shell and gives what it prints.
fn shell(text: &str, folder: &Path) -> String {
    let output = Command::new("sh").args(["-ec", text]).current_dir(folder).output().unwrap();
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
    assert!(control.contains("\nRequire-User: p2p:p2p\nArchitecture: mipsel_24kc\n"), "{control}");
    let files = shell(
        "tar --numeric-owner -tzvf data.tar.gz | awk '!/\\/$/ { print $1, $2, $6 }'",
        root.path(),
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
