//! A link as rendezvous for others: serves them over UDP and TCP, and keeps their registrations on disk.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use hyper::upgrade::Upgraded;

use crate::identity::KeyPair;
use crate::runtime::http::{self, BoxFuture};
use crate::runtime::{
    Async, clock,
    file::{self, Access},
    plain, random, spawn, unblock,
};

use super::{
    host::Link,
    rendezvous::{self, Accept, Counts, MAX_SAVED, Rules, Server, Upgrades},
};

/// Registrations are written this long after a change, so that many changes are one write.
const SAVE_DELAY: Duration = Duration::from_millis(250);
/// And not more often than this.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

impl Link {
    /// Is a rendezvous for others from now on. Registrations are kept in `saved`, if given, and taken up
    /// from there.
    ///
    /// # Errors
    /// Never for a pair made from a seed.
    pub fn serve_rendezvous(
        self: &Arc<Link>,
        keys: &KeyPair,
        rules: Rules,
        saved: Option<PathBuf>,
    ) -> io::Result<()> {
        let now = clock::now();
        let server = Server::new(keys, rules, random::bytes(), now).map_err(io::Error::other)?;
        let octets = saved.as_ref().and_then(|path| file::read(path, MAX_SAVED).ok());
        self.with_state(|state, now| {
            let server = state.relaying.server.insert(server);
            server.restore(&octets.unwrap_or_default(), now);
        });
        if let Some(path) = saved {
            spawn(keep_saved(Arc::downgrade(self), path)).detach();
        }
        Ok(())
    }

    /// Whom this host is a rendezvous for from now on, if it is one.
    pub fn set_rules(&self, rules: Rules) {
        if let Some(server) = &mut self.state().relaying.server {
            server.set_rules(rules);
        }
    }

    /// What this host has done as a rendezvous; None if it is none.
    pub fn serving(&self) -> Option<Counts> {
        let now = clock::now();
        self.state().relaying.server.as_ref().map(|server| server.counts(now))
    }

    /// Takes TCP connections of clients of this rendezvous, for ever.
    pub async fn serve_streams(self: Arc<Link>, listener: Async<TcpListener>) {
        let handler = Arc::new(Upgrades(Arc::downgrade(&self)));
        drop(self); // the listener does not keep the link
        http::serve(listener, rendezvous::limits(), handler).await;
    }
}

impl Accept for Link {
    fn serve(self: Arc<Link>, io: Upgraded, client: SocketAddr) -> BoxFuture<()> {
        Box::pin(async move {
            let (carrier, outbox) = self.state().relaying.add_stream(client);
            let link = Arc::downgrade(&self);
            self.exchange(io, carrier, outbox).await;
            if let Some(link) = link.upgrade() {
                link.with_state(|state, _| {
                    if let Some(server) = &mut state.relaying.server {
                        server.handle_closed(carrier);
                    }
                });
            }
        })
    }
}

/// Writes registrations down when they have changed.
async fn keep_saved(link: Weak<Link>, path: PathBuf) {
    let mut failed = false;
    let Some(mut saving) = link.upgrade().map(|link| link.saving.listen()) else { return };
    loop {
        saving.await;
        clock::sleep(SAVE_DELAY).await;
        let Some(strong) = link.upgrade() else { return };
        saving = strong.saving.listen();
        let octets = strong.state().relaying.server.as_ref().map(|s| s.save(clock::now()));
        drop(strong);
        let (octets, to) = (octets.unwrap_or_default(), path.clone());
        let written = unblock(move || file::replace(&to, &octets, Access::Private)).await;
        match written {
            Err(error) if !failed => {
                failed = true;
                log::warn!("cannot write {}: {}", path.display(), plain(&error));
            }
            Err(_) => {}
            Ok(()) => failed = false,
        }
        clock::sleep(SAVE_INTERVAL).await;
    }
}
