//! Lending this daemon to others as rendezvous and relay: to whom, and how it hears of new contacts.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Weak},
    time::Duration,
};

use super::{AuthorityBook, ContactBook, Home, StartError};
use crate::identity::KeyPair;
use crate::link::Link;
use crate::link::rendezvous::{Group, Members, Rules};
use crate::registration::Rendezvous;
use crate::runtime::{Async, clock, plain, spawn};
use crate::trust::{Authorities, AuthorityName, Contacts};

/// Some people, as the owner of a rendezvous names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Circle {
    /// `none`.
    #[default]
    Nobody,
    /// `anyone`: whoever has a key.
    Anyone,
    /// `contacts`: whose key is in the contact book.
    Contacts,
    /// `authority:NAME`: whoever shows a certificate of that authority which counts.
    Authority(AuthorityName),
}

/// What is known of people at a time.
#[derive(Clone, Debug)]
struct People {
    contacts: Arc<Contacts>,
    authorities: Arc<Authorities>,
}

impl Circle {
    /// Reads `anyone`, `contacts`, `authority:NAME` or `none`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Circle, String> {
        match text {
            "none" => return Ok(Circle::Nobody),
            "anyone" => return Ok(Circle::Anyone),
            "contacts" => return Ok(Circle::Contacts),
            _ => {}
        }
        let authority = text.strip_prefix("authority:").and_then(AuthorityName::parse);
        let wrong = || format!("{text:?} is none of anyone, contacts, authority:NAME, none");
        authority.map(Circle::Authority).ok_or_else(wrong)
    }

    /// Whether it changes with what this home knows.
    fn depends_on_books(&self) -> bool {
        !matches!(self, Circle::Nobody | Circle::Anyone)
    }

    fn group(&self, people: &People) -> Group {
        let People { contacts, authorities } = people;
        match self {
            Circle::Nobody => Group::Nobody,
            Circle::Anyone => Group::Anyone,
            Circle::Contacts => Group::Keys(contacts.iter().map(|contact| contact.key).collect()),
            Circle::Authority(of) => Group::Members(Members {
                of: of.clone(),
                authorities: authorities.clone(),
                contacts: contacts.clone(),
            }),
        }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Circle::Nobody => f.write_str("none"),
            Circle::Anyone => f.write_str("anyone"),
            Circle::Contacts => f.write_str("contacts"),
            Circle::Authority(name) => write!(f, "authority:{name}"),
        }
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

/// How often the books are looked at; they are read only when they have changed.
const REFRESH: Duration = Duration::from_secs(5);
/// Who is registered, so that a restart forgets nobody.
const SAVED: &str = "rendezvous.sessions";

/// Begins to serve others.
///
/// # Errors
/// When a book cannot be read or a TCP address cannot be had.
pub(super) fn begin(
    lending: Lending,
    home: &Home,
    keys: &KeyPair,
    link: &Arc<Link>,
    authorities: Arc<AuthorityBook>,
) -> Result<Lent, StartError> {
    let books = Books { contacts: ContactBook::new(home), authorities };
    let people = People {
        contacts: books.contacts.contacts().map_err(StartError::Contacts)?,
        authorities: books.authorities.authorities().map_err(StartError::Authorities)?,
    };
    let udp = link.bound_addresses();
    let rules = rules(&lending, &people);
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
    if lending.register.depends_on_books() || lending.relay.depends_on_books() {
        let refreshing = refresh(Arc::downgrade(link), lending.clone(), books, people);
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

fn rules(lending: &Lending, people: &People) -> Rules {
    Rules::new(lending.register.group(people), lending.relay.group(people), lending.rate)
}

/// Where it is written who people are.
struct Books {
    contacts: ContactBook,
    authorities: Arc<AuthorityBook>,
}

/// New people are served soon, and former ones no more.
async fn refresh(link: Weak<Link>, lending: Lending, books: Books, mut known: People) {
    loop {
        clock::sleep(REFRESH).await;
        let Some(link) = link.upgrade() else { return };
        // one that cannot be read for a moment changes nothing
        if let (Ok(contacts), Ok(authorities)) =
            (books.contacts.contacts(), books.authorities.authorities())
            && !(Arc::ptr_eq(&contacts, &known.contacts)
                && Arc::ptr_eq(&authorities, &known.authorities))
        {
            known = People { contacts, authorities };
            link.set_rules(rules(&lending, &known));
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
        let club = Circle::Authority(AuthorityName::parse("club").unwrap());
        for circle in [Circle::Nobody, Circle::Anyone, Circle::Contacts, club] {
            assert_eq!(Circle::parse(&circle.to_string()), Ok(circle));
        }
        for wrong in ["", "friends", "Anyone", "authority:", "authority:a b"] {
            assert!(Circle::parse(wrong).is_err(), "{wrong}");
        }
    }
}
