//! The table of services: registered, renewed, withdrawn, expired.
//!
//! It touches no clock: whoever asks says what time it is.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::identity::{ServicePort, SortedMap};
use crate::runtime::http::Handler;
use crate::runtime::lock;
use crate::trust::AccessList;

/// Something offered at a port.
#[derive(Clone)]
pub struct Service {
    /// What answers.
    pub handler: Arc<dyn Handler>,
    /// What it is, for people: `folder /home/alice/media`, `http://127.0.0.1:8080`.
    pub summary: String,
    /// Whom it is for.
    pub access: Access,
}

/// Whom a service is for, and what web pages may do with a visitor's identity there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who may use it.
    pub list: AccessList,
    /// Whether pages of other sites may send it unsafe requests in a visitor's name.
    pub cross_site: bool,
}

impl Default for Access {
    /// Everybody may use it, and pages of other sites may only read.
    fn default() -> Access {
        Access { list: AccessList::public(), cross_site: false }
    }
}

/// The right to renew or withdraw a registration: it names one act of registering, so that a program
/// that ends late does not withdraw the service of its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    port: ServicePort,
    number: u64,
}

impl Lease {
    /// The lease of this number at a port, as it was once given out.
    pub fn new(port: ServicePort, number: u64) -> Lease {
        Lease { port, number }
    }

    /// The number that tells it from earlier and later ones.
    pub fn number(self) -> u64 {
        self.number
    }
}

/// All services of this daemon.
#[derive(Default)]
pub struct Services {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: SortedMap<ServicePort, Entry>,
    next_number: u64,
}

struct Entry {
    service: Service,
    number: u64,
    /// None: until withdrawn.
    expires: Option<Instant>,
}

/// More services than anybody has; what keeps a runaway program from filling the memory.
const MAX_SERVICES: usize = 1024;

impl Services {
    /// Registers a service; one that was there at this port is replaced, if `replace` allows.
    ///
    /// # Errors
    /// When the port is taken and may not be replaced, or there are too many services.
    pub fn register(
        &self,
        now: Instant,
        port: ServicePort,
        service: Service,
        ttl: Option<Duration>,
        replace: bool,
    ) -> Result<Lease, ServiceError> {
        let mut table = self.table();
        table.sweep(now);
        if let Some(taken) = table.entries.get(&port).filter(|_| !replace) {
            return Err(ServiceError::PortTaken { port, by: taken.service.summary.clone() });
        }
        if table.entries.len() >= MAX_SERVICES && !table.entries.contains_key(&port) {
            return Err(ServiceError::TooMany);
        }
        let number = table.next_number;
        table.next_number += 1;
        let expires = ttl.map(|ttl| now + ttl);
        table.entries.insert(port, Entry { service, number, expires });
        Ok(Lease { port, number })
    }

    /// Prolongs a registration with a lifetime. False when it is gone or another took its port.
    pub fn renew(&self, now: Instant, lease: Lease, ttl: Duration) -> bool {
        let mut table = self.table();
        table.sweep(now);
        match table.entries.get_mut(&lease.port) {
            Some(entry) if entry.number == lease.number => {
                entry.expires = Some(now + ttl);
                true
            }
            _ => false,
        }
    }

    /// Ends a registration, unless another took its port. True when it was there.
    pub fn withdraw(&self, lease: Lease) -> bool {
        let mut table = self.table();
        let ours = table.entries.get(&lease.port).is_some_and(|e| e.number == lease.number);
        if ours {
            table.entries.remove(&lease.port);
        }
        ours
    }

    /// Changes whom the service at a port is for, from the next request on. False when there is none.
    pub fn set_access(&self, now: Instant, port: ServicePort, access: Access) -> bool {
        let mut table = self.table();
        table.sweep(now);
        let entry = table.entries.get_mut(&port);
        entry.map(|entry| entry.service.access = access).is_some()
    }

    /// Ends whatever is registered at a port. True when something was.
    pub fn withdraw_port(&self, port: ServicePort) -> bool {
        self.table().entries.remove(&port).is_some()
    }

    /// What answers at a port now.
    pub fn find(&self, now: Instant, port: ServicePort) -> Option<Service> {
        let table = self.table();
        let entry = table.entries.get(&port)?;
        let live = entry.expires.is_none_or(|expires| now < expires);
        live.then(|| entry.service.clone())
    }

    /// All live services with the time that is left to them, by port.
    pub fn list(&self, now: Instant) -> Vec<(ServicePort, Service, Option<Duration>)> {
        let mut table = self.table();
        table.sweep(now);
        let left = |entry: &Entry| entry.expires.map(|expires| expires - now);
        table.entries.iter().map(|(p, e)| (*p, e.service.clone(), left(e))).collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // no code that holds the lock can leave the table half changed
        lock(&self.table)
    }
}

impl Table {
    fn sweep(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.expires.is_none_or(|expires| now < expires));
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.table().entries.keys()).finish()
    }
}

/// Why a service could not be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceError {
    /// Another service has the port, and was not to be replaced.
    PortTaken {
        /// Which port.
        port: ServicePort,
        /// What is there.
        by: String,
    },
    /// There are as many services as the daemon keeps.
    TooMany,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::PortTaken { port, by } => write!(f, "port {port} serves {by} already"),
            ServiceError::TooMany => write!(f, "more than {MAX_SERVICES} services"),
        }
    }
}

impl std::error::Error for ServiceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;
    use crate::runtime::http::{self, BoxFuture, Request, Response};

    struct Nothing;

    impl Handler for Nothing {
        fn handle(self: Arc<Self>, _request: Request) -> BoxFuture<Response> {
            Box::pin(async { Response::new(http::empty()) })
        }
    }

    fn service(summary: &str) -> Service {
        Service { handler: Arc::new(Nothing), summary: summary.into(), access: Access::default() }
    }

    fn port(number: u16) -> ServicePort {
        ServicePort::new(number).unwrap()
    }

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn a_lease_ends_unless_renewed() {
        let (services, start) = (Services::default(), clock::now());
        let lease = services.register(start, port(1000), service("a"), Some(TTL), false).unwrap();
        assert!(services.find(start + TTL / 2, port(1000)).is_some());
        assert!(services.renew(start + TTL / 2, lease, TTL));
        assert!(services.find(start + TTL, port(1000)).is_some());
        assert!(services.find(start + TTL * 3 / 2, port(1000)).is_none());
        assert!(!services.renew(start + TTL * 2, lease, TTL));
        assert!(services.list(start + TTL * 2).is_empty());
    }

    #[test]
    fn a_port_is_taken_until_it_may_be_replaced() {
        let (services, now) = (Services::default(), clock::now());
        let first = services.register(now, port(1000), service("a"), None, false).unwrap();
        let refused = services.register(now, port(1000), service("b"), None, false);
        assert_eq!(refused.unwrap_err().to_string(), "port 1000 serves a already");
        services.register(now, port(1000), service("b"), None, true).unwrap();
        assert!(!services.withdraw(first), "the first one must not end its successor");
        assert_eq!(services.find(now, port(1000)).unwrap().summary, "b");
        assert!(services.withdraw_port(port(1000)));
        assert!(services.find(now, port(1000)).is_none());
    }

    #[test]
    fn the_table_is_bounded() {
        let (services, now) = (Services::default(), clock::now());
        for number in 1..=1024 {
            services.register(now, port(number), service("a"), None, false).unwrap();
        }
        let refused = services.register(now, port(2000), service("b"), None, false);
        assert_eq!(refused, Err(ServiceError::TooMany));
    }
}
