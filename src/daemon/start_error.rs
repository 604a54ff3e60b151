//! Why the daemon cannot start, or cannot do what a command wants of it.

use std::{fmt, io, net::SocketAddr};

use super::{AccessBookError, AuthorityBookError, ContactBookError, HomeError, IdentityError};
use crate::runtime::plain;
use crate::serve::FolderError;
use crate::service::ServiceError;

/// What stands in the way of a daemon or of a service.
#[derive(Debug)]
pub enum StartError {
    /// An address for browsers cannot be had.
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// This machine has none of the addresses for browsers.
    Nowhere(Vec<SocketAddr>),
    /// The addresses for peers cannot be had.
    Udp {
        /// Which.
        addresses: Vec<SocketAddr>,
        /// What the system says.
        error: io::Error,
    },
    /// The address for clients of this rendezvous that come over TCP cannot be had.
    RendezvousTcp {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The folder cannot be served.
    Folder(FolderError),
    /// The port is taken, or there are too many.
    Service(ServiceError),
    /// The name of a nameless identity cannot be kept.
    Identity(IdentityError),
    /// The contact book cannot be read, so nobody's key can be told from a false one.
    Contacts(ContactBookError),
    /// The authorities cannot be read.
    Authorities(AuthorityBookError),
    /// What `p2p allow` has said cannot be read or written, so nobody knows who is to be kept out.
    Access(AccessBookError),
    /// The home cannot be used.
    Home(HomeError),
}

impl StartError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            StartError::Listen { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                let port = address.port();
                Some(format!(
                    "another program, or rendezvous-tcp in config.toml, has port {port}; \
                     p2p proxy --listen 127.0.0.1:0 takes a free one"
                ))
            }
            StartError::Listen { .. } | StartError::Nowhere(_) => {
                Some("choose another address with --listen ADDR".into())
            }
            StartError::Udp { .. } => Some("choose another address with --udp ADDR".into()),
            StartError::RendezvousTcp { .. } => {
                Some("choose another address for rendezvous-tcp in config.toml".into())
            }
            StartError::Service(_) => Some("choose another port with --port N".into()),
            StartError::Authorities(_) => {
                Some("mend it, or move it away and add the authorities again".into())
            }
            StartError::Contacts(_) => {
                Some("mend it, or move it away and meet everybody again".into())
            }
            StartError::Access(_) => Some("mend it, or say --allow WHO and move it away".into()),
            StartError::Identity(error) => error.hint(),
            StartError::Home(error) => Some(error.hint()),
            StartError::Folder(_) => None,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen { address, error } => {
                write!(f, "cannot listen at {address}: {}", plain(error))
            }
            StartError::Nowhere(addresses) => {
                write!(f, "cannot listen at {}: this machine has no such address", list(addresses))
            }
            StartError::Udp { addresses, error } => {
                write!(f, "cannot use UDP at {}: {}", list(addresses), plain(error))
            }
            StartError::RendezvousTcp { address, error } => {
                write!(f, "cannot listen at {address}: {}", plain(error))
            }
            StartError::Folder(error) => error.fmt(f),
            StartError::Service(error) => error.fmt(f),
            StartError::Identity(error) => error.fmt(f),
            StartError::Contacts(error) => error.fmt(f),
            StartError::Authorities(error) => error.fmt(f),
            StartError::Access(error) => error.fmt(f),
            StartError::Home(error) => error.fmt(f),
        }
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl std::error::Error for StartError {}

impl From<HomeError> for StartError {
    fn from(error: HomeError) -> StartError {
        StartError::Home(error)
    }
}

impl From<AccessBookError> for StartError {
    fn from(error: AccessBookError) -> StartError {
        StartError::Access(error)
    }
}

impl From<IdentityError> for StartError {
    fn from(error: IdentityError) -> StartError {
        StartError::Identity(error)
    }
}

impl From<FolderError> for StartError {
    fn from(error: FolderError) -> StartError {
        StartError::Folder(error)
    }
}

impl From<ServiceError> for StartError {
    fn from(error: ServiceError) -> StartError {
        StartError::Service(error)
    }
}
