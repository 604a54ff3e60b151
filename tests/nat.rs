//! Two people and the network between them, in a laboratory of namespaces.

#[path = "homes/mod.rs"]
mod homes;

use std::process::ExitCode;

use homes::{
    Scene,
    network::{Home, two_homes},
    people::{have, noise, succeed},
};

fn main() -> ExitCode {
    netlab::harness::run(&[("both_have_public_addresses", both_have_public_addresses)])
}

fn both_have_public_addresses() {
    if !have("curl") {
        return;
    }
    let scene = Scene::build(&two_homes(Home::Public, Home::Public));
    let content = noise(100_000);
    let _store = scene.store();
    let _alice = scene.serve(&[("talk.mp3", &content)]);
    let bob = scene.proxy();
    let mut curl = scene.lab.command("bob", "curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "30", "--proxy"]);
    curl.args([bob.said("proxy"), "http://alice.at.example.com:1000/talk.mp3"]);
    assert!(succeed(&mut curl) == content);
}
