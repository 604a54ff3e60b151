//! A host or a router.

use std::net::{IpAddr, Ipv4Addr};

use super::{Link, unit};
use crate::{Error, kernel_nat, nat};

/// A host or a router, each in a network namespace of its own.
#[derive(Clone, Debug)]
pub struct Node {
    /// As the topology calls it.
    pub name: String,
    /// Whether it has a LAN.
    pub is_router: bool,
    /// Addresses on the emulated Internet; none for a node behind a router.
    pub addresses: Vec<IpAddr>,
    /// The router whose LAN this node is plugged into.
    pub parent: Option<String>,
    /// The first three octets of a router's LAN, such as `192.168.1`.
    pub lan: String,
    /// Who translates addresses here.
    pub nat: Translation,
    /// Its access line to the emulated Internet.
    pub link: Link,
    /// Of its outer device.
    pub mtu: u32,
}

/// Who translates addresses at a node.
#[derive(Clone, Debug)]
pub enum Translation {
    /// Nobody.
    None,
    /// The emulated Internet, before the router's own network stack.
    UserSpace(nat::Kind),
    /// The router's kernel, by the nftables rules of this kind.
    Kernel(String),
}

impl Node {
    pub(super) fn parse(name: &str, is_router: bool, settings: &[&str]) -> Result<Node, Error> {
        let mut node = Node {
            name: name.into(),
            is_router,
            addresses: Vec::new(),
            parent: None,
            lan: "192.168.1".into(),
            nat: Translation::None,
            link: Link::default(),
            mtu: 1500,
        };
        for setting in settings {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match key {
                "ip" => node.addresses = unit::addresses(value)?,
                "in" => node.parent = Some(value.into()),
                "lan" => node.lan = lan(value)?,
                "nat" => node.nat = Translation::parse(value)?,
                "mtu" => node.mtu = unit::number(value)?,
                _ if node.link.set(key, value)? => {}
                _ => return Err(Error::Setting(format!("{name}: unknown setting {setting:?}"))),
            }
        }
        node.check()?;
        Ok(node)
    }

    /// The device that leads out of this node.
    pub fn outer_device(&self) -> &'static str {
        if self.is_router { "wan" } else { "eth0" }
    }

    fn check(&self) -> Result<(), Error> {
        let fault = match &self.nat {
            _ if self.addresses.is_empty() == self.parent.is_none() => {
                "needs ip=ADDRESS or in=ROUTER"
            }
            Translation::UserSpace(_) if !self.addresses.first().is_some_and(IpAddr::is_ipv4) => {
                "a NAT in user space needs an IPv4 address first"
            }
            Translation::Kernel(_) if !self.is_router => "nat=kernel: is for routers",
            _ => return Ok(()),
        };
        Err(Error::Node(format!("{}: {fault}", self.name)))
    }
}

impl Translation {
    fn parse(kind: &str) -> Result<Translation, Error> {
        if kind == "none" {
            return Ok(Translation::None);
        }
        match kind.strip_prefix("kernel:") {
            Some(kernel) => {
                kernel_nat::rules(kernel, "0.0.0.0", "0.0.0.0")?;
                Ok(Translation::Kernel(kernel.into()))
            }
            None => Ok(Translation::UserSpace(nat::Kind::parse(kind)?)),
        }
    }
}

fn lan(network: &str) -> Result<String, Error> {
    network
        .strip_suffix(".0/24")
        .filter(|prefix| format!("{prefix}.0").parse::<Ipv4Addr>().is_ok())
        .map(str::to_owned)
        .ok_or_else(|| Error::Setting(format!("lan={network}: only A.B.C.0/24 is supported")))
}
