//! Two people and the network between them, in a laboratory of namespaces.

#[path = "homes/mod.rs"]
mod homes;

use std::process::ExitCode;

use homes::{
    Scene,
    people::{have, noise, succeed},
    write,
};

fn main() -> ExitCode {
    netlab::harness::run(&[("both_have_public_addresses", both_have_public_addresses)])
}

fn both_have_public_addresses() {
    if !have("curl") {
        return;
    }
    let scene = Scene::build(
        "host store ip=11.1.0.10
         host alice ip=11.3.0.1
         host bob   ip=11.3.0.129
         path * * rtt=20ms",
    );
    let content = noise(100_000);
    write(&scene.folder, "talk.mp3", &content);
    let _store = scene.store();
    let _alice = scene.alice(&[]);
    let bob = scene.bob(&[]);
    assert!(succeed(&mut scene.curl("bob", &bob, "/talk.mp3")) == content);
}
