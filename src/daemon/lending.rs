//! Lending this daemon to others as rendezvous and relay: to whom, and how it hears of new contacts.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Weak},
    time::Duration,
};

use async_io::Async;

use super::{ContactBook, Home, StartError};
use crate::identity::KeyPair;
use crate::link::Link;
use crate::link::rendezvous::{Group, Rules};
use crate::registration::Rendezvous;
use crate::runtime::{clock, plain, spawn};
use crate::trust::Contacts;

/// Some people, as the owner of a rendezvous names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Circle {
    /// `none`.
    #[default]
    Nobody,
    /// `anyone`: whoever has a key.
    Anyone,
    /// `contacts`: whose key is in the contact book.
    Contacts,
}

impl Circle {
    /// Reads `anyone`, `contacts` or `none`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Circle, String> {
        match text {
            "none" => Ok(Circle::Nobody),
            "anyone" => Ok(Circle::Anyone),
            "contacts" => Ok(Circle::Contacts),
            _ if text.starts_with("authority:") => Err(format!(
                "{text:?}: authorities cannot be named here yet, only anyone or contacts"
            )),
            _ => Err(format!("{text:?} is neither anyone nor contacts nor none")),
        }
    }

    fn group(self, contacts: &Contacts) -> Group {
        match self {
            Circle::Nobody => Group::Nobody,
            Circle::Anyone => Group::Anyone,
            Circle::Contacts => Group::Keys(contacts.iter().map(|contact| contact.key).collect()),
        }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Circle::Nobody => "none",
            Circle::Anyone => "anyone",
            Circle::Contacts => "contacts",
        })
    }
}

/// What a daemon does for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lending {
    /// Who may register.
    pub register: Circle,
    /// For whom traffic is carried.
    pub relay: Circle,
    /// Octets a second that are carried for all together.
    pub rate: u64,
    /// Where clients come to that have nothing but TCP.
    pub tcp: Tcp,
}

/// Where a rendezvous takes TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    /// Nowhere.
    Nowhere,
    /// At this address.
    At(SocketAddr),
    /// At the port of UDP, if it is free.
    SamePort,
}

/// What a daemon lends while it runs.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) lending: Lending,
    pub(super) tcp: Option<SocketAddr>,
}

/// How often the contact book is looked at; it is read only when it has changed.
const REFRESH: Duration = Duration::from_secs(5);
/// Who is registered, so that a restart forgets nobody.
const SAVED: &str = "rendezvous.sessions";

/// Begins to serve others.
///
/// # Errors
/// When the contact book cannot be read or a TCP address cannot be had.
pub(super) fn begin(
    lending: Lending,
    home: &Home,
    keys: &KeyPair,
    link: &Arc<Link>,
) -> Result<Lent, StartError> {
    let book = ContactBook::new(home);
    let contacts = book.contacts().map_err(StartError::Contacts)?;
    let udp = link.bound_addresses();
    let rules = rules(&lending, &contacts);
    let served = link.serve_rendezvous(keys, rules, Some(home.path(SAVED)));
    served.map_err(|error| StartError::Udp { addresses: udp.clone(), error })?;
    let tcp = match lending.tcp {
        Tcp::Nowhere => None,
        Tcp::At(address) => {
            let listening = listen(link, address);
            Some(listening.map_err(|error| StartError::RendezvousTcp { address, error })?)
        }
        Tcp::SamePort => udp.first().and_then(|address| match listen(link, *address) {
            Ok(address) => Some(address),
            Err(error) => {
                log::warn!("no TCP at {address}: {}", plain(&error));
                None
            }
        }),
    };
    if lending.register == Circle::Contacts || lending.relay == Circle::Contacts {
        let refreshing = refresh(Arc::downgrade(link), lending.clone(), book, contacts);
        spawn(refreshing).detach(); // it ends with the link
    }
    Ok(Lent { lending, tcp })
}

fn listen(link: &Arc<Link>, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    spawn(link.clone().serve_streams(Async::new(listener)?)).detach();
    Ok(address)
}

fn rules(lending: &Lending, contacts: &Contacts) -> Rules {
    Rules::new(lending.register.group(contacts), lending.relay.group(contacts), lending.rate)
}

/// New contacts are served soon, and former ones no more.
async fn refresh(link: Weak<Link>, lending: Lending, book: ContactBook, mut known: Arc<Contacts>) {
    loop {
        clock::sleep(REFRESH).await;
        let Some(link) = link.upgrade() else { return };
        // one that cannot be read for a moment changes nothing
        if let Ok(contacts) = book.contacts()
            && !Arc::ptr_eq(&contacts, &known)
        {
            link.set_rules(rules(&lending, &contacts));
            known = contacts;
        }
    }
}

/// Where others find this rendezvous, the widest address first.
pub(super) fn node(link: &Link) -> Option<Rendezvous> {
    let address = *link.local_locators().first()?;
    Some(Rendezvous { key: link.key(), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_read_as_they_are_written() {
        for circle in [Circle::Nobody, Circle::Anyone, Circle::Contacts] {
            assert_eq!(Circle::parse(&circle.to_string()), Ok(circle));
        }
        for wrong in ["", "friends", "Anyone", "authority:", "authority:example.com"] {
            assert!(Circle::parse(wrong).is_err(), "{wrong}");
        }
    }
}
