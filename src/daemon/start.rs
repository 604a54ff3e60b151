//! Starts the daemon of a home: opens its parts in the order in which they need each other, and sets going what
//! goes on by itself. What a running daemon is asked to do is not here.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, Weak},
};

use futures_lite::future;

use super::control::{Control, ControlSocket};
use super::dashboard::Door;
use super::eviction::{self, Eviction};
use super::finder;
use super::lending::{self, Lending};
use super::wiring::Wiring;
use super::{
    AccessBook, Audience, AuthorityBook, CertificateBook, ContactBook, Daemon, Home, HomeLock,
    Identity, StartError, Udp,
};
use crate::identity::{KeyPair, PublicKey, unset_clock};
use crate::link::stun::ServerAddress;
use crate::link::turn::TurnServer;
use crate::link::{Link, Strangers, TeredoSetting};
use crate::overlay::{OverlayAddress, WellKnown};
use crate::registration::Rendezvous;
use crate::runtime::{clock, lock, plain, spawn};
use crate::transport::{Lifetimes, Transport};
use crate::trust::FirstUse;

/// What a daemon is started with.
#[derive(Debug)]
pub struct DaemonOptions {
    /// Its state directory.
    pub home: Home,
    /// Whose it is.
    pub identity: Identity,
    /// Where packets are published and looked up.
    pub overlays: Vec<OverlayAddress>,
    /// Who is to find it there.
    pub audience: Audience,
    /// Where peers shall find it.
    pub udp: Udp,
    /// Who introduces it to peers.
    pub rendezvous: Vec<Rendezvous>,
    /// What it does for others, if anything.
    pub lending: Option<Lending>,
    /// Who is asked how it looks from outside.
    pub stun: Vec<ServerAddress>,
    /// Who lends it an address.
    pub turn: Vec<TurnServer>,
    /// Whether the router is asked to send a port here while something is served.
    pub port_mapping: bool,
    /// Who introduces peers to it.
    pub teredo: TeredoSetting,
    /// What to do with people met for the first time.
    pub first_use: FirstUse,
    /// Who is asked whether a stranger's domain vouches for the key.
    pub well_known: Option<WellKnown>,
}

impl Daemon {
    /// Starts the daemon of a home: peers can reach it, commands can join it.
    ///
    /// # Errors
    /// When no UDP address or no control socket is to be had, or a book of the home cannot be read.
    pub fn start(options: DaemonOptions, home_lock: HomeLock) -> Result<Arc<Daemon>, StartError> {
        // whatever needs no time goes on, and packets are published anew as soon as the clock is set
        if let Some(words) = unset_clock(clock::wall()) {
            log::warn!("{words}; peers do not believe what is published before it is set");
        }
        let home = options.home.clone();
        ContactBook::new(&home).contacts().map_err(StartError::Contacts)?;
        AuthorityBook::new(&home).authorities().map_err(StartError::Authorities)?;
        let transport = Arc::new(open_transport(&options)?);
        let keys = options.identity.keys.clone();
        let wiring = Wiring::new(
            &home,
            options.identity,
            &transport,
            &options.overlays,
            options.first_use,
            options.well_known,
        );
        let Wiring { authorities, certificates, answering, finder, grounds, .. } = &wiring;
        warn_of_certificates(certificates, authorities, keys.public());
        transport.link().show_certificates(certificates.shown(keys.public()));
        let lend =
            |lending| lending::begin(lending, &home, &keys, transport.link(), authorities.clone());
        let lent = options.lending.map(lend).transpose()?;
        let eviction = Eviction {
            grounds: grounds.clone(),
            transport: transport.clone(),
            answering: answering.clone(),
            finder: finder.clone(),
        };
        let daemon = Arc::new(Daemon {
            access: AccessBook::new(&home),
            home,
            keys,
            audience: options.audience,
            overlays: wiring.overlays,
            transport,
            teredo: options.teredo,
            answering: wiring.answering,
            finder: wiring.finder,
            sequences: wiring.sequences,
            reach: wiring.reach,
            meetings: wiring.meetings,
            authorities: wiring.authorities,
            certificates: wiring.certificates,
            eviction: Arc::new(eviction),
            pseudonym: wiring.pseudonym,
            publishing: Mutex::default(),
            listening: Mutex::default(),
            port_mapping: options.port_mapping,
            mapper: Mutex::default(),
            entrance: Mutex::default(),
            control: Mutex::default(),
            door: Door::default(),
            lent,
            following: Mutex::default(),
            _lock: home_lock,
        });
        daemon.take_back_open_presence();
        daemon.begin()?;
        Ok(daemon)
    }

    /// Lets commands join, and sets going what goes on by itself until the daemon ends.
    fn begin(self: &Arc<Self>) -> Result<(), StartError> {
        let control = ControlSocket::open(&self.home, Arc::new(Control::new(self)))?;
        *lock(&self.control) = Some(control);
        *lock(&self.following) = Some(spawn(follow(Arc::downgrade(self))));
        spawn(self.answering.clone().run(self.transport.clone())).detach();
        spawn(eviction::follow(Arc::downgrade(&self.eviction))).detach();
        let weak = Arc::downgrade(self);
        let looks_again = move || weak.upgrade().map(|daemon| daemon.looks_again());
        spawn(self.finder.revocations().clone().run(looks_again)).detach();
        Ok(())
    }
}

/// Starts QUIC, and tells the link who may help it.
fn open_transport(options: &DaemonOptions) -> Result<Transport, StartError> {
    let transport = bind(&options.identity.keys, &options.udp)?;
    let link = transport.link();
    link.ask_servers(options.stun.clone(), options.turn.clone());
    if options.teredo != TeredoSetting::Off
        && let Err(error) = link.open_teredo()
    {
        log::warn!("cannot reach peers over Teredo: {}", plain(&error));
    }
    link.set_rendezvous(&options.rendezvous);
    Ok(transport)
}

/// Says which of the own certificates end soon or do not count.
fn warn_of_certificates(book: &CertificateBook, authorities: &AuthorityBook, key: PublicKey) {
    let authorities = authorities.authorities().unwrap_or_default();
    let statuses = book.statuses(key, &authorities, clock::wall()).unwrap_or_default();
    for status in statuses.iter().filter(|status| status.warns || status.problem.is_some()) {
        log::warn!("certificate: {}", status.words());
    }
}

/// Starts QUIC at the addresses wanted, or at free ports where that is allowed.
pub(super) fn bind(keys: &KeyPair, udp: &Udp) -> Result<Transport, StartError> {
    let open = |addresses: &[SocketAddr]| Link::bind(keys, addresses, Strangers::Ignored);
    let mut link = open(&udp.addresses);
    if udp.or_any_port && link.is_err() {
        // taken, or no IPv6: each family for itself, at its port or any
        let free = |a: &SocketAddr| SocketAddr::new(a.ip(), 0);
        let any: Vec<SocketAddr> = udp.addresses.iter().map(free).collect();
        link = open(&any);
        for single in any.iter().filter(|_| link.is_err()).collect::<Vec<_>>() {
            link = link.or_else(|_| open(&[*single]));
        }
    }
    let failed = |error: io::Error| StartError::Udp { addresses: udp.addresses.clone(), error };
    let link = link.map_err(failed)?;
    link.exclude(udp.exclude.clone());
    link.watch_network();
    Transport::new(keys, link, Lifetimes::default()).map_err(failed)
}

/// Follows moves to other networks, until it is dropped: publishes where this machine is now, and looks
/// for peers that have gone silent.
async fn follow(daemon: Weak<Daemon>) {
    let Some(strong) = daemon.upgrade() else { return };
    let (link, finder) = (strong.transport.link().clone(), strong.finder.clone());
    drop(strong);
    let own = async {
        loop {
            link.network_change().await;
            let Some(daemon) = daemon.upgrade() else { return };
            daemon.finder.search().handle_network_change(); // publishing uses the same overlays
            daemon.finder.revocations().handle_resume();
            if let Some((publishing, _)) = &*lock(&daemon.publishing) {
                publishing.look_again();
            }
        }
    };
    future::or(own, finder::seek(link.clone(), finder)).await;
}
