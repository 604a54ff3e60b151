//! Connections that wait for the next request.
//!
//! The server may close them meanwhile; who takes one must be able to do without. They wait for a short time only:
//! longer than the pauses within a look-up or a publication, and not so long that a NAT forgets them or that they
//! keep a server's memory from others.

use std::{
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use super::connector::Route;
use crate::runtime::http::Sender;
use crate::runtime::{clock, lock, spawn};

/// How long a connection waits for another request.
const IDLE: Duration = Duration::from_secs(15);
/// So much longer it may stay open, if nobody is awake to close it.
const SLACK: Duration = Duration::from_secs(60);
/// As many wait at a time: what is published goes out by two or three at once.
const MAX_KEPT: usize = 3;

/// Those of one client.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    /// The oldest first.
    kept: Vec<Kept>,
    /// Somebody will close those that nobody wants.
    is_watched: bool,
}

struct Kept {
    route: Route,
    sender: Sender,
    since: Instant,
}

impl Pool {
    /// A connection that leads there, and over which a request can go now.
    pub(super) async fn take(&self, route: &Route) -> Option<Sender> {
        loop {
            let mut sender = self.take_any(route)?;
            if sender.is_free().await {
                return Some(sender);
            }
        }
    }

    fn take_any(&self, route: &Route) -> Option<Sender> {
        let mut state = lock(&self.0);
        let now = clock::now();
        state.kept.retain(|kept| now - kept.since < IDLE && !kept.sender.is_closed());
        let at = state.kept.iter().rposition(|kept| kept.route == *route)?;
        Some(state.kept.remove(at).sender)
    }

    /// A connection that comes back when its answer is no longer used.
    pub(super) fn lend(self: Arc<Pool>, route: Route, sender: Sender) -> Lent {
        Lent { pool: self, connection: Some((route, sender)) }
    }

    fn keep(self: &Arc<Pool>, route: Route, sender: Sender) {
        let mut state = lock(&self.0);
        state.kept.retain(|kept| !kept.sender.is_closed());
        if state.kept.len() >= MAX_KEPT {
            state.kept.remove(0);
        }
        state.kept.push(Kept { route, sender, since: clock::now() });
        if !state.is_watched {
            state.is_watched = true;
            spawn(watch(Arc::downgrade(self))).detach();
        }
    }
}

/// Closes those that nobody wanted for too long, until there are none.
async fn watch(pool: Weak<Pool>) {
    loop {
        clock::sleep_about(IDLE, SLACK).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = lock(&pool.0);
        let now = clock::now();
        state.kept.retain(|kept| now - kept.since < IDLE && !kept.sender.is_closed());
        if state.kept.is_empty() {
            state.is_watched = false;
            return;
        }
    }
}

/// A connection in use.
pub(super) struct Lent {
    pool: Arc<Pool>,
    connection: Option<(Route, Sender)>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some((route, sender)) = self.connection.take() {
            self.pool.keep(route, sender);
        }
    }
}
