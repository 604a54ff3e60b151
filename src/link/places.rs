//! Where a peer may be found: what its registration says.

use std::net::SocketAddr;

use crate::registration::{Registration, Rendezvous};

/// Addresses of a peer, and who introduces it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Where it may be reached directly, best first.
    pub locators: Vec<SocketAddr>,
    /// Where it is registered, best first.
    pub rendezvous: Vec<Rendezvous>,
}

impl From<&Registration> for Places {
    fn from(registration: &Registration) -> Places {
        let Registration { locators, rendezvous, .. } = registration;
        Places { locators: locators.clone(), rendezvous: rendezvous.clone() }
    }
}

impl From<&[SocketAddr]> for Places {
    fn from(locators: &[SocketAddr]) -> Places {
        Places { locators: locators.to_vec(), rendezvous: Vec::new() }
    }
}

impl From<&Vec<SocketAddr>> for Places {
    fn from(locators: &Vec<SocketAddr>) -> Places {
        Places::from(&locators[..])
    }
}

impl<const N: usize> From<&[SocketAddr; N]> for Places {
    fn from(locators: &[SocketAddr; N]) -> Places {
        Places::from(&locators[..])
    }
}
