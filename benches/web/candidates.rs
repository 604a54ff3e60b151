//! Everything that is compared, running.

use std::{
    fs::File,
    io::{self, Write},
    net::SocketAddr,
    path::Path,
};

use crate::bare::Bare;
use crate::nginx::Nginx;
use crate::process::progress;
use crate::reader::Origin;
use testbed::people::{Neighbours, noise};

/// The large file, and the small one of 1 KB.
pub(crate) const LARGE: &str = "/large.bin";
pub(crate) const SMALL: &str = "/small.bin";

pub(crate) struct Candidates {
    pub(crate) people: Neighbours,
    pub(crate) nginx: Option<Nginx>,
    pub(crate) bare: Bare,
    /// Of the large file, in MB.
    pub(crate) megabytes: u64,
}

impl Candidates {
    pub(crate) fn start(megabytes: u64) -> Candidates {
        progress("starting a store, alice, bob, nginx and both ends of a bare transfer");
        let people = Neighbours::start(|folder| fill(folder, megabytes).expect("room on the disk"));
        let nginx = Nginx::start(&people.folder);
        Candidates { nginx, people, bare: Bare::start(), megabytes }
    }

    /// Alice's folder through bob's proxy.
    pub(crate) fn p2p(&self) -> Origin {
        through(self.people.proxy())
    }

    pub(crate) fn nginx(&self) -> Option<Origin> {
        let address = self.nginx.as_ref()?.plain;
        Some(Origin { address, prefix: String::new(), tls: false })
    }

    pub(crate) fn nginx_tls(&self) -> Option<Origin> {
        let address = self.nginx.as_ref()?.tls?;
        Some(Origin { address, prefix: String::new(), tls: true })
    }
}

/// Alice's folder through a proxy.
pub(crate) fn through(proxy: &str) -> Origin {
    let address: SocketAddr = proxy.parse().expect("the address of a proxy");
    Origin { address, prefix: "http://alice.at.example.com:1000".into(), tls: false }
}

fn fill(folder: &Path, megabytes: u64) -> io::Result<()> {
    let mut large = File::create(folder.join(&LARGE[1..]))?;
    let megabyte = noise(1_000_000);
    for _ in 0..megabytes {
        large.write_all(&megabyte)?;
    }
    File::create(folder.join(&SMALL[1..]))?.write_all(&noise(1000))
}
