//! A transfer that breaks off goes on where it was, and costs both daemons no memory.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use ring::digest::{Context, SHA256};

use crate::form::Form;
use crate::running::Running;
use testbed::people::{Neighbours, Program, noise, succeed};
use testbed::programs::have;

const MIB: u64 = 1 << 20;
const LENGTH: u64 = 1 << 30;
/// How much has arrived when the first attempt ends.
const INTERRUPTED: u64 = 300 * MIB;
/// What a daemon may grow by: QUIC keeps 4 MiB of each of two streams in packets, which may take 2.5 times
/// as much (10 MiB each); the rest is for sockets, buffers and what the allocator keeps.
const GROWTH_KIB: u64 = 32 << 10;

#[test]
fn a_broken_download_is_resumed_in_flat_memory() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|folder| {
        write_large(&folder.join("concert.flac"));
        fs::write(folder.join("small.txt"), "small").unwrap();
    });
    let original = sha256(&neighbours.folder.join("concert.flac"));
    let small = Form::Path.url(&neighbours, 1000, "/small.txt");
    assert_eq!(succeed(&mut Form::Path.curl(&neighbours, &[&small])), b"small");
    let people = [("alice", &neighbours.alice), ("bob", &neighbours.bob)];
    let peaks = people.map(|(_, program)| peak(program));
    // a program that takes nothing of what it asked for, all the time
    let url = Form::Path.url(&neighbours, 1000, "/concert.flac");
    let stalled = Running::start(Form::Path.curl(&neighbours, &[&url]));
    for form in Form::ALL {
        let url = form.url(&neighbours, 1000, "/concert.flac");
        let copy = neighbours.root.path().join("copy.flac");
        let (curl, arriving) = Running::start(form.curl(&neighbours, &[&url]));
        let mut arriving = arriving.take(INTERRUPTED);
        let length = io::copy(&mut arriving, &mut File::create(&copy).unwrap());
        drop(curl);
        assert_eq!(length.unwrap(), INTERRUPTED);
        let path = copy.to_str().unwrap();
        succeed(&mut form.curl(&neighbours, &["--continue-at", "-", "--output", path, &url]));
        assert_eq!(fs::metadata(&copy).unwrap().len(), LENGTH, "{form:?}");
        assert!(sha256(&copy) == original, "{form:?}");
        fs::remove_file(&copy).unwrap();
    }
    drop(stalled);
    for ((name, program), before) in people.iter().zip(peaks) {
        let growth = peak(program) - before;
        println!("{name} grew by {growth} KiB over {before} KiB");
        assert!(growth < GROWTH_KIB, "{name} grew by {growth} KiB");
    }
}

fn peak(program: &Program) -> u64 {
    program.memory().1
}

/// A file of which no two MiB are equal.
fn write_large(path: &Path) {
    let mut piece = noise(MIB as usize);
    let mut file = File::create(path).unwrap();
    for number in 0..LENGTH / MIB {
        piece[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&piece).unwrap();
    }
}

fn sha256(path: &Path) -> Vec<u8> {
    let (mut context, mut file) = (Context::new(&SHA256), File::open(path).unwrap());
    let mut piece = vec![0; MIB as usize];
    loop {
        match file.read(&mut piece).unwrap() {
            0 => return context.finish().as_ref().to_vec(),
            count => context.update(&piece[..count]),
        }
    }
}
