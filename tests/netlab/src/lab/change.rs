//! What can change while programs run: paths, lines, cables, addresses, NATs, and where a host is plugged in.

use std::{net::IpAddr, panic::resume_unwind, thread};

use super::{Lab, set_addresses};
use crate::{
    Error,
    internet::{Counters, Traffic},
    nat::Nat,
    topology::{Translation, unit},
};

impl Lab {
    /// Changes the path between two nodes in both directions; the settings are those of a topology.
    ///
    /// # Errors
    /// When there is no such node, or a setting cannot be read.
    pub fn set_path(&self, one: &str, other: &str, settings: &str) -> Result<(), Error> {
        self.set_one_way(one, other, settings)?;
        self.set_one_way(other, one, settings)
    }

    /// The same from one node to another only.
    ///
    /// # Errors
    /// As for both directions.
    pub fn set_one_way(&self, from: &str, to: &str, settings: &str) -> Result<(), Error> {
        let (from, to) = (self.topology.attachment(from)?, self.topology.attachment(to)?);
        self.internet().set_path(&from.name, &to.name, settings)
    }

    /// Changes the access line of a node: `up=`, `down=`, `queue=`, `framing=`. A rate of 0 takes the limit away.
    ///
    /// # Errors
    /// When there is no such node, or a setting cannot be read.
    pub fn set_link(&self, node: &str, settings: &str) -> Result<(), Error> {
        let attachment = self.topology.attachment(node)?;
        let mut internet = self.internet();
        let link = &mut internet.attachment(&attachment.name)?.link;
        for setting in settings.split_whitespace() {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            if !link.set(key, value)? {
                return Err(Error::Setting(format!("unknown setting {setting:?} of a line")));
            }
        }
        Ok(())
    }

    /// Pulls the cable of a node (or of its outermost router) out.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn cut(&self, node: &str) -> Result<(), Error> {
        self.set_connected(node, false)
    }

    /// Puts the cable in again.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn join(&self, node: &str) -> Result<(), Error> {
        self.set_connected(node, true)
    }

    /// Gives a node other public addresses (with commas between), as a provider does over night; its NAT loses its
    /// mappings.
    ///
    /// # Errors
    /// When there is no such node on the emulated Internet, or an address cannot be read.
    pub fn renumber(&mut self, node: &str, addresses: &str) -> Result<(), Error> {
        let addresses: Vec<IpAddr> = unit::addresses(addresses)?;
        let found = self.topology.node(node)?;
        if found.parent.is_some() {
            return Err(Error::Node(format!("{node}: on a LAN the address cannot be chosen")));
        }
        if !matches!(found.nat, Translation::UserSpace(_)) {
            self.script(node, &set_addresses(found.outer_device(), &addresses))?;
        }
        if matches!(found.nat, Translation::Kernel(_)) {
            self.flush_kernel(node)?;
        }
        self.internet().renumber(node, &addresses)
    }

    /// Lets a router forget every mapping, as a reboot does.
    ///
    /// # Errors
    /// When the node has no NAT.
    pub fn flush_nat(&self, router: &str) -> Result<(), Error> {
        match self.topology.node(router)?.nat {
            Translation::None => Err(Error::Node(format!("{router}: has no NAT"))),
            Translation::Kernel(_) => self.flush_kernel(router),
            Translation::UserSpace(_) => {
                self.internet().attachment(router)?.nat.as_mut().map(Nat::flush);
                Ok(())
            }
        }
    }

    /// Plugs a host into another router's LAN, where it gets a new address. The old cable comes out first.
    ///
    /// # Errors
    /// When either is not what it should be.
    pub fn move_host(&mut self, host: &str, router: &str) -> Result<(), Error> {
        self.move_hosts(&[(host, router)])
    }

    /// The same for several hosts at the same time. The new cables are laid before, so that each is without
    /// a network for as long as it takes to change the plug and no longer.
    ///
    /// # Errors
    /// As for one.
    pub fn move_hosts(&mut self, moves: &[(&str, &str)]) -> Result<(), Error> {
        let mut scripts = Vec::new();
        for (host, router) in moves {
            let found = self.topology.node(host)?;
            if found.parent.is_none() || found.is_router {
                return Err(Error::Node(format!("{host}: only hosts behind a router can move")));
            }
            if !self.topology.node(router)?.is_router {
                return Err(Error::Node(format!("{router}: is no router")));
            }
            let put_in = self.wiring.lay_cable(host, router, "eth0")?;
            scripts.push((host, format!("ip link del eth0\n{put_in}")));
        }
        let lab = &*self;
        thread::scope(|scope| {
            let running: Vec<_> = scripts
                .iter()
                .map(|(host, script)| scope.spawn(move || lab.script(host, script)))
                .collect();
            let ended = running.into_iter().map(|thread| thread.join());
            let ended = ended.map(|end| end.unwrap_or_else(|panic| resume_unwind(panic)));
            ended.collect::<Result<(), Error>>()
        })?;
        self.note_moves(moves);
        Ok(())
    }

    fn note_moves(&mut self, moves: &[(&str, &str)]) {
        for (host, router) in moves {
            for node in self.topology.nodes.iter_mut().filter(|node| node.name == *host) {
                node.parent = Some((*router).into());
            }
        }
    }

    /// What has passed the line of a node (or of its outermost router).
    ///
    /// # Errors
    /// When there is no such node.
    pub fn counters(&self, node: &str) -> Result<Counters, Error> {
        let attachment = self.topology.attachment(node)?;
        Ok(self.internet().attachment(&attachment.name)?.counters)
    }

    /// What has come from one node (or from its outermost router) to another.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn traffic(&self, from: &str, to: &str) -> Result<Traffic, Error> {
        let (from, to) = (self.topology.attachment(from)?, self.topology.attachment(to)?);
        self.internet().traffic(&from.name, &to.name)
    }

    fn set_connected(&self, node: &str, connected: bool) -> Result<(), Error> {
        let attachment = self.topology.attachment(node)?;
        self.internet().attachment(&attachment.name)?.connected = connected;
        Ok(())
    }

    fn flush_kernel(&self, router: &str) -> Result<(), Error> {
        self.script(
            router,
            "conntrack -F 2>/dev/null
             nft flush map ip nat eim
             nft flush set ip nat perm",
        )
    }
}
