//! The link's use of the Teredo client.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use quinn::udp::RecvMeta;

use crate::runtime::{clock, ip::is_global_v4, lock};

use super::super::{
    gathering::{Gathered, GatheredKind},
    host::{Link, VIRTUAL_PORT},
    locators,
};
use super::{address::is_teredo, setting::TeredoSetting, socket::TeredoSocket, state::TeredoState};

/// What a server far away takes, and its second address for confirmation.
const SETTLE_TIME: Duration = Duration::from_secs(2);

impl Link {
    /// Opens a Teredo client, so that peers with Teredo addresses are reached, unless this host has
    /// an interface for them. Nothing is sent before such a peer is dialled.
    ///
    /// # Errors
    /// When no socket can be bound.
    pub fn open_teredo(&self) -> io::Result<()> {
        let interfaces = locators::interface_addresses();
        if self.teredo.get().is_some() || interfaces.iter().any(|own| is_teredo(own.ip)) {
            return Ok(());
        }
        let port = self.bound_addresses().first().map_or(VIRTUAL_PORT, SocketAddr::port);
        let socket = TeredoSocket::start(port, self.gathered.clone())?;
        if self.teredo.set(socket).is_ok()
            && let Some(receiver) = lock(&self.receiver).take()
        {
            receiver.wake(); // it must listen to this one too
        }
        Ok(())
    }

    /// Gets this host a Teredo address through one of the servers that the setting allows, so that
    /// peers find it; without any it only reaches others.
    pub fn serve_teredo(&self, setting: &TeredoSetting) {
        let Some(teredo) = self.teredo.get() else { return };
        let public =
            |address: &SocketAddr| matches!(address.ip(), IpAddr::V4(v4) if is_global_v4(v4));
        let gathered = self.gathered_addresses();
        let mapped = gathered.iter().any(|gathered| gathered.kind == GatheredKind::Mapped);
        let introduced = !self.accepted_rendezvous().is_empty();
        let reachable = introduced || mapped || self.local_locators().iter().any(public);
        teredo.serve(setting.servers(reachable));
    }

    /// Waits until the Teredo servers that were asked have said where this host is, or are late: who
    /// publishes an address should have it.
    pub async fn teredo_settled(&self) {
        let settled = async {
            loop {
                let changed = self.gathered.listen();
                match self.teredo.get().filter(|teredo| teredo.is_serving()) {
                    Some(teredo) if teredo.state().is_pending() => changed.await,
                    _ => return,
                }
            }
        };
        clock::timeout(SETTLE_TIME, settled).await;
    }

    /// How far the Teredo client has come; None if there is none.
    pub fn teredo_state(&self) -> Option<TeredoState> {
        self.teredo.get().map(|teredo| teredo.state())
    }

    /// The Teredo address of this host, if it is to be found there.
    pub(in crate::link) fn teredo_candidate(&self) -> Option<Gathered> {
        let teredo = self.teredo.get().filter(|teredo| teredo.is_serving())?;
        let TeredoState::Qualified { address, .. } = teredo.state() else { return None };
        Some(Gathered { kind: GatheredKind::Teredo, address: address.into() })
    }

    /// The Teredo client, if it is what reaches a destination.
    pub(in crate::link) fn teredo_for(&self, to: SocketAddr) -> Option<&TeredoSocket> {
        self.teredo.get().map(Arc::as_ref).filter(|_| is_teredo(to.ip()))
    }

    /// What came over Teredo and is for QUIC.
    pub(in crate::link) fn poll_teredo(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<usize> {
        let Some(teredo) = self.teredo.get() else { return Poll::Pending };
        loop {
            let count = ready!(teredo.poll_receive(cx, buffers, metas));
            let kept = self.sort(buffers, metas, count);
            if kept > 0 {
                return Poll::Ready(kept);
            }
        }
    }
}
