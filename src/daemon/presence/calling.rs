//! Calls through overlays: how two people behind NATs find together without a rendezvous.
//!
//! Who serves waits at the overlays that can hold an answer back. Who finds no way at once leaves a sealed
//! message there that says where it is; both ends then send to each other, and their NATs let them pass.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use futures_lite::future;

use super::publishing::Publishing;
use crate::identity::{PublicKey, Slot};
use crate::link::Link;
use crate::overlay::{Heard, Overlay, OverlayError};
use crate::registration::Call;
use crate::runtime::{Task, clock, spawn};

/// When to call at the latest, each after the one before; a message may get lost. The first call goes out as soon as it
/// can say how its sender looks from outside: what opens the callee's NAT in time lets the first packet of a
/// handshake pass that is under way to it. Where nobody says how this host looks, a direct way has answered by then
/// if there is one.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(400), Duration::from_millis(600), Duration::from_secs(2)];

/// The pause after an overlay has failed; it doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest.
const LAST_PAUSE: Duration = Duration::from_secs(600);

/// Waits for calls at all overlays that pass them, until the task is dropped. A host that only itself can
/// reach need not wait.
pub(in crate::daemon) fn listen(
    link: &Arc<Link>,
    overlays: &[Arc<dyn Overlay>],
    publishing: &Arc<Publishing>,
) -> Option<Task<()>> {
    let passes = |overlay: &&Arc<dyn Overlay>| overlay.calls().is_some();
    let overlays: Vec<_> = overlays.iter().filter(passes).cloned().collect();
    if link.is_only_here() || overlays.is_empty() {
        return None;
    }
    Some(spawn(listen_where_sought(link.clone(), overlays, publishing.clone())))
}

/// Waits for those who look for this identity under its own key, or for contacts under the keys of the day.
async fn listen_where_sought(
    link: Arc<Link>,
    overlays: Vec<Arc<dyn Overlay>>,
    publishing: Arc<Publishing>,
) {
    let mut listening: BTreeMap<PublicKey, Vec<Task<()>>> = BTreeMap::new();
    loop {
        let changed = publishing.changed();
        let keys = publishing.presences().unwrap_or_else(|| vec![link.key()]);
        listening.retain(|key, _| keys.contains(key));
        for key in keys {
            let at = |overlay: &Arc<dyn Overlay>| {
                spawn(listen_at(link.clone(), overlay.clone(), Slot::of_call(&key)))
            };
            listening.entry(key).or_insert_with(|| overlays.iter().map(at).collect());
        }
        changed.await;
    }
}

async fn listen_at(link: Arc<Link>, overlay: Arc<dyn Overlay>, slot: Slot) {
    let (mut seen, mut pause) = (None, FIRST_PAUSE);
    loop {
        let changed = link.changed();
        if !link.accepted_rendezvous().is_empty() {
            changed.await; // those who look for this host ask there
            continue;
        }
        let Some(calls) = overlay.calls() else { return };
        let heard = async { Some(calls.wait(slot, seen).await) };
        let moved = async {
            link.network_change().await;
            None
        };
        match future::or(heard, moved).await {
            None => {} // the connection was of another network
            Some(Ok(Heard { calls, seen: newest })) => {
                seen = Some(newest);
                pause = FIRST_PAUSE;
                calls.iter().for_each(|call| link.handle_call(call.sealed()));
            }
            Some(Err(OverlayError::NoCalls)) => return,
            Some(Err(error)) => {
                log::debug!("calls in {}: {error}", overlay.address());
                clock::sleep(pause).await;
                pause = (2 * pause).min(LAST_PAUSE);
            }
        }
    }
}

/// Does something that looks for a way to a peer, and calls the peer meanwhile, in the slot of the key that signed
/// where he is.
pub(in crate::daemon) async fn while_calling<T>(
    link: &Link,
    peer: &PublicKey,
    signer: &PublicKey,
    overlays: &[Arc<dyn Overlay>],
    work: impl Future<Output = T>,
) -> T {
    let calling = async {
        for (number, pause) in PAUSES.into_iter().enumerate() {
            let seen = async {
                match number {
                    0 => seen_from_outside(link).await,
                    _ => future::pending().await,
                }
            };
            clock::timeout(pause, seen).await;
            call(link, peer, Slot::of_call(signer), overlays);
        }
        future::pending().await
    };
    future::or(work, calling).await
}

/// Waits until this host knows an address at which others may reach it.
async fn seen_from_outside(link: &Link) {
    loop {
        let gathered = link.gathered();
        if link.is_seen_from_outside() {
            return;
        }
        gathered.await;
    }
}

fn call(link: &Link, peer: &PublicKey, slot: Slot, overlays: &[Arc<dyn Overlay>]) {
    let Some(call) = link.call_message(peer).and_then(|message| Call::new(&message)) else {
        return; // a way was found
    };
    for overlay in overlays {
        let Some(answer) = overlay.calls().map(|calls| calls.call(slot, &call)) else { continue };
        let overlay = overlay.clone();
        spawn(async move {
            if let Err(error) = answer.await {
                log::debug!("cannot call through {}: {error}", overlay.address());
            }
        })
        .detach();
    }
}
