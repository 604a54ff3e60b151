//! A host that is flooded, or talks to one.

use std::net::{Ipv4Addr, SocketAddr};

use p2p::identity::{KeyPair, PublicKey};
use p2p::link::{Link, Strangers};
use p2p::runtime::random;
use p2p::transport::{Lifetimes, Transport};
use zeroize::Zeroizing;

/// One with keys of its own, on loopback.
pub struct Host {
    pub transport: Transport,
    pub key: PublicKey,
    pub address: SocketAddr,
}

impl Host {
    /// Welcomes everybody, at a port that the system chooses.
    pub fn new() -> Host {
        let keys = KeyPair::from_seed(&Zeroizing::new(random::bytes()));
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let link = Link::bind(&keys, &[any_port], Strangers::Welcome).unwrap();
        let address = link.bound_addresses()[0];
        let transport = Transport::new(&keys, link, Lifetimes::default()).unwrap();
        Host { transport, key: keys.public(), address }
    }
}
