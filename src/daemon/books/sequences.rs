//! The newest packets seen of each key and signed by our own, kept in the file `sequences`, so that an
//! old packet is refused even after a restart.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::daemon::home::Home;
use crate::identity::{PublicKey, Timestamp};
use crate::registration::{Floors, Packet};
use crate::runtime::{
    clock,
    file::{self, Access},
    lock, plain, spawn, unblock,
};

/// The floors of a home.
#[derive(Debug)]
pub(in crate::daemon) struct Sequences {
    path: PathBuf,
    floors: Mutex<Floors>,
    /// When the file was last written while running.
    written: Mutex<Option<Instant>>,
}

/// Thousands of keys with their newest packets' times fit.
const MAX_SIZE: usize = 8 << 20;
/// The file is written at most this often while running; flash memory wears out.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

impl Sequences {
    /// Reads the file; one that is damaged is as good as none.
    pub(in crate::daemon) fn load(home: &Home) -> Sequences {
        let path = home.path("sequences");
        let floors = file::read(&path, MAX_SIZE).map_or_else(
            |_| Floors::new(),
            |text| {
                Floors::parse(&String::from_utf8_lossy(&text)).unwrap_or_else(|error| {
                    log::warn!("cannot read {}: {error}", path.display());
                    Floors::new()
                })
            },
        );
        Sequences { path, floors: Mutex::new(floors), written: Mutex::default() }
    }

    /// What is known now, for a look-up to judge by.
    pub(in crate::daemon) fn floors(&self) -> Floors {
        lock(&self.floors).clone()
    }

    /// The newest sequence of a key.
    pub(in crate::daemon) fn of(&self, key: &PublicKey) -> Timestamp {
        lock(&self.floors).of(key)
    }

    /// Remembers the sequence of a key's newest packet.
    pub(in crate::daemon) fn raise(&self, key: PublicKey, sequence: Timestamp) {
        lock(&self.floors).raise(key, sequence);
    }

    /// Remembers packets that were taken for true, and writes them down before long.
    pub(in crate::daemon) fn accept(&self, packets: &[Packet]) {
        for packet in packets {
            let registration = packet.registration();
            self.raise(registration.key, registration.sequence);
        }
        let now = clock::now();
        let mut written = lock(&self.written);
        if !packets.is_empty() && written.is_none_or(|then| now - then >= WRITE_INTERVAL) {
            *written = Some(now);
            let (path, text) = (self.path.clone(), lock(&self.floors).to_text());
            spawn(unblock(move || write(&path, &text))).detach();
        }
    }

    /// Writes everything down.
    pub(in crate::daemon) fn save(&self) {
        write(&self.path, &lock(&self.floors).to_text());
    }
}

fn write(path: &Path, text: &str) {
    if let Err(error) = file::replace(path, text.as_bytes(), Access::Private) {
        log::warn!("cannot write {}: {}", path.display(), plain(&error));
    }
}
