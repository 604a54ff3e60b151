//! The commands of the README do what it says.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::application::Application;
use crate::form::{self, Form};
use testbed::people::{Neighbours, succeed};
use testbed::programs::{have, p2p_path};

const README: &str = include_str!("../../README.md");

#[test]
fn the_three_ways_in_lead_to_the_same_page() {
    if !have("curl") {
        return;
    }
    let neighbours =
        Neighbours::start(|folder| fs::write(folder.join("index.html"), "my page").unwrap());
    let port = neighbours.proxy().rsplit_once(':').unwrap().1;
    let lines = commands("Three ways in", "curl ");
    assert_eq!(lines.len(), 3);
    for line in lines {
        let line = line.replace("localhost:5050", &format!("localhost:{port}"));
        assert_eq!(succeed(&mut shell(&line)), b"my page", "{line}");
    }
}

#[test]
fn gpodder_subscribes_as_shown() {
    if !have("gpo") {
        return;
    }
    let neighbours = Neighbours::start(|folder| {
        let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/episode.mp3");
        fs::copy(media, folder.join("episode.mp3")).unwrap();
    });
    let port = neighbours.proxy().rsplit_once(':').unwrap().1;
    let lines = commands("Three ways in", "gpo subscribe ");
    assert_eq!(lines.len(), 1);
    let line = lines[0].replace("localhost:5050", &format!("localhost:{port}"));
    let home = neighbours.root.path().join("gpodder");
    let mut gpo = shell(&format!("{line} && gpo update"));
    let output = succeed(gpo.env("HOME", &home).env("GPODDER_HOME", &home));
    assert!(String::from_utf8_lossy(&output).contains("1 new episode"));
}

#[test]
fn a_program_registers_itself_as_shown() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    let application = Application::start();
    let home = neighbours.root.path().join("home");
    fs::create_dir_all(home.join(".config")).unwrap();
    symlink(neighbours.root.path().join("alice"), home.join(".config/p2p")).unwrap();
    let [register] = &commands("For programs", "curl ")[..] else { panic!("one line expected") };
    let register = register.replace("127.0.0.1:9000", &application.address());
    assert!(register.contains(&application.address()), "{register}");
    let answer = succeed(shell(&register).env("HOME", &home));
    assert!(String::from_utf8_lossy(&answer).contains("\"lease\""), "{answer:?}");

    let [status] = &commands("For programs", "p2p status")[..] else { panic!("one line expected") };
    let programs = PathBuf::from(p2p_path());
    let path = format!("{}:{}", programs.parent().unwrap().display(), env!("PATH"));
    let status =
        succeed(shell(status).env("HOME", &home).env("PATH", path).env_remove("XDG_CONFIG_HOME"));
    let status = String::from_utf8(status).unwrap();
    assert!(status.contains(&application.address()) && status.contains("1002"), "{status}");

    let url = Form::Path.url(&neighbours, 1002, "/fields");
    let fields = succeed(&mut Form::Path.curl(&neighbours, &[&url]));
    assert!(String::from_utf8_lossy(&fields).contains("host: alice.at.example.com:1002"));
}

/// The lines after `$ ` in a section that begin so, with what they are continued by.
fn commands(section: &str, beginning: &str) -> Vec<String> {
    let text = README.split("\n## ").find(|text| text.starts_with(section)).unwrap();
    let text = text.replace("\\\n", " ");
    let commands = text.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.filter(|line| line.starts_with(beginning)).map(str::to_owned).collect()
}

fn shell(line: &str) -> Command {
    let mut shell = form::bare("sh");
    shell.args(["-c", line]).env_remove("P2P_HOME");
    shell
}
