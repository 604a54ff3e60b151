//! Programs that stop reading, as a browser does with a paused film, hold nobody else up.

use std::{fs, io::Read};

use crate::form::Form;
use crate::running::Running;
use testbed::people::{Neighbours, noise, succeed};
use testbed::programs::have;

/// Longer than a stream's window and all buffers on the way.
const FILM: usize = 24 << 20;
/// As many connections as a browser has to one origin.
const PAUSED: usize = 6;

#[test]
fn paused_films_hold_up_no_other_program() {
    if !have("curl") {
        return;
    }
    let film = noise(FILM);
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("film.mp4"), &film).unwrap());
    let url = Form::Path.url(&neighbours, 1000, "/film.mp4");
    let mut paused = Vec::new();
    for _ in 0..PAUSED {
        let (curl, mut arriving) = Running::start(Form::Path.curl(&neighbours, &[&url]));
        arriving.read_exact(&mut [0; 1]).unwrap();
        paused.push((curl, arriving));
    }
    // the first may be quicker than the windows of the others fill
    for _ in 0..3 {
        let copy = neighbours.root.path().join("copy.mp4");
        let to_copy = ["--max-time", "40", "--output", copy.to_str().unwrap(), &url];
        succeed(&mut Form::Path.curl(&neighbours, &to_copy));
        assert!(fs::read(&copy).unwrap() == film);
    }
    for (curl, arriving) in &mut paused {
        let mut rest = Vec::new();
        arriving.read_to_end(&mut rest).unwrap();
        assert!(rest == film[1..] && curl.succeeds());
    }
}
