//! `p2p demo`: the main job on one machine, with nothing of it played: a store on loopback, alice who
//! serves a folder, bob who opens it in three forms.

mod check;
mod fetch;
mod sample;

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use argh::{ArgsInfo, FromArgs};

use super::{
    speak::{self, Failure, Outcome},
    stop::Stop,
    values::address,
};
use crate::daemon::{
    AccessWish, Audience, DEFAULT_LISTEN, Daemon, DaemonOptions, Home, Identity, Offer, StartError,
    Udp, notify,
};
use crate::identity::{AccessForm, Destination, Name, ServicePort, milliseconds};
use crate::link::TeredoSetting;
use crate::overlay::{
    OverlayAddress,
    store::{Store, StoreOptions},
};
use crate::runtime::{Async, block_on, file, plain, random, spawn};
use crate::service::Access;
use crate::trust::FirstUse;

/// Try it all on this machine: alice serves a folder, bob opens it.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "demo")]
pub(super) struct Demo {
    /// alice's folder; a small one is made unless given
    #[argh(positional)]
    folder: Option<PathBuf>,

    /// fetch everything in all three forms, compare every byte, and end
    #[argh(switch)]
    check: bool,

    /// where bob's browser finds the proxy; 127.0.0.1:5050 and [::1]:5050 unless given (repeatable)
    #[argh(option, from_str_fn(address))]
    listen: Vec<SocketAddr>,
}

/// Alice's port.
const PORT: ServicePort = match ServicePort::new(1000) {
    Some(port) => port,
    None => panic!("1000 is a port"),
};
/// Peers of the demo meet on loopback.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Everything that runs in the demo.
struct Stage {
    alice: Arc<Daemon>,
    bob: Arc<Daemon>,
    /// Where bob's proxy listens.
    proxy: SocketAddr,
    destination: Destination,
}

impl Demo {
    pub(super) fn run(self) -> Outcome {
        let scratch = Scratch::new().map_err(|error| {
            Failure::failed(format!("cannot make a folder for the demo: {}", plain(&error)))
        })?;
        let folder = match &self.folder {
            Some(folder) => folder.canonicalize().map_err(|error| {
                Failure::failed(format!("cannot serve {folder:?}: {}", plain(&error)))
            })?,
            None => sample::make(&scratch.0).map_err(|error| {
                Failure::failed(format!("cannot make the sample folder: {}", plain(&error)))
            })?,
        };
        let listen = match self.listen.as_slice() {
            // a check needs no port that people know
            [] if self.check => vec![LOOPBACK],
            [] => DEFAULT_LISTEN.to_vec(),
            given => given.to_vec(),
        };
        block_on(async {
            let mut stop = Stop::new()?;
            let stage = Stage::set(&scratch.0, &folder, &listen).await?;
            let passed = stage.play(&folder, self.check).await;
            if !self.check && passed.is_ok() {
                notify::ready();
                stop.wait().await;
            }
            stage.clear().await;
            passed
        })
    }
}

impl Stage {
    /// Starts the store, alice and bob.
    async fn set(scratch: &Path, folder: &Path, listen: &[SocketAddr]) -> Result<Stage, Failure> {
        let store = Store::open(None, StoreOptions::default()).map_err(Failure::failed)?;
        let no_store = |error| Failure::failed(format!("cannot start a store: {}", plain(&error)));
        let listener = TcpListener::bind(LOOPBACK).map_err(no_store)?;
        let address = listener.local_addr().map_err(no_store)?;
        let listener = Async::new(listener).map_err(no_store)?;
        spawn(async move { store.serve(listener).await }).detach();
        let overlay = format!("store:http://{address}/{{slot}}");
        let overlay = OverlayAddress::parse(&overlay).map_err(Failure::failed)?;

        let name = Name::parse("alice@example.com").map_err(Failure::failed)?;
        let alice = start(&scratch.join("alice"), Some(name.clone()), &overlay).await?;
        let offer = Offer::Folder(folder.to_owned());
        let access = AccessWish::Said(Access::default());
        alice.register(PORT, offer, None, true, access).map_err(not_started)?;
        let bob = start(&scratch.join("bob"), None, &overlay).await?;
        let (bound, _) = bob.open_proxy(listen, None).map_err(not_started)?;
        let proxy = *bound.first().ok_or_else(|| Failure::usage("--listen gives no address"))?;
        alice.published().await;
        Ok(Stage { alice, bob, proxy, destination: Destination { name, port: PORT } })
    }

    async fn play(&self, folder: &Path, check: bool) -> Outcome {
        let reached = self.bob.reach(&self.destination).await.map_err(Failure::failed)?;
        let first_byte = fetch::first_byte(self.proxy, &self.destination).await?;
        if check {
            check::run(self.proxy, &self.destination, folder).await?;
        } else {
            self.introduce(folder)?;
        }
        speak::line(format!(
            "look-up {:.1} ms, connect {:.1} ms, then first byte {:.1} ms",
            milliseconds(reached.look_up),
            milliseconds(reached.connect),
            milliseconds(first_byte)
        ))?;
        if !check {
            speak::line(format!("ready proxy={}", self.proxy))?;
            speak::note("Ctrl-C ends the demo");
        }
        Ok(())
    }

    /// Says what can be tried.
    fn introduce(&self, folder: &Path) -> Outcome {
        let daemon = format!("localhost:{}", self.proxy.port());
        let url = |form| self.destination.url(form, &daemon, "/");
        speak::line(format!("alice shares {} as {}", folder.display(), self.destination))?;
        speak::line(format!("bob opens it through {daemon}\n"))?;
        speak::line("in a browser, with an origin of its own:")?;
        let origin = url(AccessForm::OwnOrigin);
        speak::line(format!("    {origin}\n    curl {origin}\n"))?;
        speak::line("in a podcast program, or whatever takes just a URL:")?;
        let path = url(AccessForm::Path);
        speak::line(format!("    {path}feed.xml\n    curl {path}\n"))?;
        speak::line(format!("in programs with {daemon} as their HTTP proxy:"))?;
        let proxy = url(AccessForm::Proxy);
        speak::line(format!("    {proxy}\n    curl -x http://{daemon} {proxy}\n"))
    }

    async fn clear(self) {
        self.bob.shutdown().await;
        self.alice.shutdown().await;
    }
}

async fn start(
    folder: &Path,
    name: Option<Name>,
    overlay: &OverlayAddress,
) -> Result<Arc<Daemon>, Failure> {
    let unusable = super::home::unusable;
    let home = Home::locate(Some(folder)).map_err(unusable)?;
    home.prepare().map_err(unusable)?;
    let lock = home.lock().map_err(unusable)?;
    let lock = lock.ok_or_else(|| Failure::failed("the demo's folder is in use"))?;
    let identity = Identity::create(&home, name, None).map_err(Failure::failed)?;
    let udp = Udp { addresses: vec![LOOPBACK], or_any_port: false, exclude: Vec::new() };
    let overlays = vec![overlay.clone()];
    let options = DaemonOptions {
        home,
        identity,
        overlays,
        audience: Audience::Public,
        udp,
        rendezvous: Vec::new(),
        lending: None,
        stun: Vec::new(),
        turn: Vec::new(),
        port_mapping: false,
        teredo: TeredoSetting::Off,
        first_use: FirstUse::Accept,
        well_known: None,
    };
    Daemon::start(options, lock).map_err(not_started)
}

fn not_started(error: StartError) -> Failure {
    let failure = Failure::failed(&error);
    match error {
        StartError::Listen { .. } => {
            failure.hint("p2p demo --listen 127.0.0.1:0 takes a free port")
        }
        _ => failure,
    }
}

/// A folder that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let folder = env::temp_dir().join(format!("p2p-demo-{:016x}", random::number()));
        file::private_folder(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
