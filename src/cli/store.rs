//! `p2p store`: lends storage to others' registration packets.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
};

use argh::{ArgsInfo, FromArgs};
use futures_lite::future;

use super::{
    speak::{self, Failure, Outcome},
    stop::Stop,
    values::address,
};
use crate::daemon::notify;
use crate::overlay::store::{Store as PacketStore, StoreOptions};
use crate::runtime::{Async, block_on, plain};

/// Keep signed registration packets for others: an overlay of type store.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "store")]
pub(super) struct Store {
    /// where it listens, such as 0.0.0.0:8090
    #[argh(option, from_str_fn(address), default = "SocketAddr::from(([127, 0, 0, 1], 8090))")]
    listen: SocketAddr,

    /// where packets are kept; without it they are gone when the store ends
    #[argh(option)]
    dir: Option<PathBuf>,
}

impl Store {
    pub(super) fn run(self) -> Outcome {
        // who comes from elsewhere to an address of this machine alone comes by a web server
        let behind_proxy = self.listen.ip().is_loopback();
        let options = StoreOptions { behind_proxy, ..StoreOptions::default() };
        let store = PacketStore::open(self.dir.as_deref(), options)
            .map_err(|error| Failure::failed(error).hint("choose another folder with --dir DIR"))?;
        let cannot = |error| {
            Failure::failed(format!("cannot listen at {}: {}", self.listen, plain(&error)))
                .hint("choose another address with --listen ADDR")
        };
        let listener = TcpListener::bind(self.listen).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let listener = Async::new(listener).map_err(cannot)?;
        let datagrams = Async::<UdpSocket>::bind(address);
        block_on(async {
            let mut stop = Stop::new()?;
            if address.ip().is_unspecified() {
                let port = address.port();
                speak::note(format!(
                    "others use it by --overlay store:http://HOST:{port}/{{slot}}, HOST being this machine"
                ));
            } else {
                speak::note(format!("others use it by --overlay store:http://{address}/{{slot}}"));
            }
            speak::line(format!("ready store=http://{address}/{{slot}}"))?;
            notify::ready();
            let serve_datagrams = async {
                match datagrams {
                    Ok(socket) => store.serve_datagrams(socket).await,
                    // the port is another program's; those who ask will use HTTP
                    Err(error) => {
                        speak::note(format!("no datagrams at {address}: {}", plain(&error)))
                    }
                }
                future::pending().await
            };
            let serve = future::or(store.serve(listener), serve_datagrams);
            future::or(serve, stop.wait()).await;
            notify::stopping();
            Ok(())
        })
    }
}
