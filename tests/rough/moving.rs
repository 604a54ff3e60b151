//! A machine that moves to another network, in a network namespace of the test's own.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use p2p::runtime::{block_on, clock};

use crate::world::PATIENCE;
use testbed::people::{ALICE, Program, run, text};
use testbed::programs::{have, p2p_path, through};

const OVERLAY: [&str; 2] = ["--overlay", "store:http://127.0.0.1:8090/{slot}"];

/// A machine with two addresses that runs a store.
const MACHINE: &str = "
    ip link set lo up && ip link add lan type veth peer name far &&
    ip link set far up && ip link set lan up &&
    ip address add 10.1.1.1/24 dev lan && ip address add 10.8.0.1/16 dev lan &&
    exec \"$0\" --home \"$1/store\" store --listen 127.0.0.1:8090
";

/// A command on the machine.
fn inside(machine: &Program, program: &str, arguments: &[&str]) -> Command {
    let target = machine.id().to_string();
    let mut command = through("nsenter");
    command.args(["--preserve-credentials", "-U", "-n", "-t", &target, program]);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Waits until alice's registration names exactly this address beside loopback.
fn until_published(machine: &Program, home: &Path, address: &str) {
    let started = clock::now();
    loop {
        let home = ["--home", home.to_str().unwrap(), "lookup", ALICE];
        let looked_up =
            inside(machine, p2p_path(), &[&home[..], &OVERLAY].concat()).output().unwrap();
        let said = text(&looked_up.stdout[..]);
        let at: Vec<&str> =
            said.lines().filter_map(|line| line.strip_prefix("at       ")).collect();
        if at.len() == 2 && at[0].starts_with(address) {
            return;
        }
        assert!(clock::now() - started < PATIENCE, "{address} is not published: {said}");
        block_on(clock::sleep(Duration::from_millis(50)));
    }
}

#[test]
fn a_new_address_is_published_and_an_excluded_one_never() {
    if !have("unshare") || !have("nsenter") || !have("ip") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (folder, home) = (root.path(), root.path().join("alice"));
    assert!(run(&home, &["init", ALICE]).status.success());
    std::fs::write(home.join("config.toml"), "exclude = [\"10.8.0.0/16\"]\n").unwrap();
    let mut machine = through("unshare");
    machine.args(["-U", "-r", "-n", "sh", "-c", MACHINE, p2p_path()]).arg(folder);
    let machine = Program::launch(&mut machine);
    let (home, folder) = (home.to_str().unwrap(), folder.to_str().unwrap());
    let serve = ["--home", home, "serve", folder, "--udp", "0.0.0.0:0"];
    let _alice =
        Program::launch(&mut inside(&machine, p2p_path(), &[&serve[..], &OVERLAY].concat()));
    let bob = root.path().join("bob");
    until_published(&machine, &bob, "10.1.1.1:");

    let moves = [
        &["address", "del", "10.1.1.1/24", "dev", "lan"],
        &["address", "add", "10.2.2.2/24", "dev", "lan"],
    ];
    for arguments in moves {
        assert!(inside(&machine, "ip", arguments).status().unwrap().success());
    }
    let moved = clock::now();
    until_published(&machine, &bob, "10.2.2.2:");
    // the schedule alone would take ten minutes
    println!("published {:?} after the move", clock::now() - moved);
}
