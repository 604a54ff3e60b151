//! The language in which a network is written down: one statement a line, `#` begins a comment.
//!
//! ```text
//! seed N                                  random numbers repeat for the same seed (default 1)
//! host   NAME ip=ADDR[,ADDR...]           on the emulated Internet, IPv4 and IPv6
//! host   NAME in=ROUTER                   on a router's LAN: addresses .2, .3, ... in order of statements
//! router NAME ip=ADDR   [lan=A.B.C.0/24] [nat=KIND]    LAN address is .1; default LAN 192.168.1.0/24
//! router NAME in=ROUTER [lan=...] [nat=kernel:KIND]    a home router behind a carrier-grade NAT
//! path   A B SETTING...                   both directions; `*` is every attachment; later lines override
//! ```
//!
//! A router stands before what is behind it. Devices are called `eth0` in hosts, `wan` and `lan0` in routers. The
//! kinds of NAT are those of [`crate::nat::Kind`] and [`crate::kernel_nat`]; with `none`, LAN addresses are
//! unknown to the Internet and get no answers.
//!
//! Settings of a host or router with `ip=`, for its access line:
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `up=512kbit`, `down=8mbit` | rate; `kbit`, `mbit`, `gbit` are powers of ten, a bare number is bit/s | unlimited |
//! | `queue=500ms` | a packet that would wait longer is dropped | 500ms |
//! | `framing=+18`, `atm+40`, `none` | octets added to each packet; with `atm` rounded up to cells, 48 in 53 | none |
//! | `mtu=1492` | of the outer device | 1500 |
//!
//! Settings of a path between attachments (a host behind a router means its outermost router):
//!
//! | setting | meaning |
//! |---|---|
//! | `rtt=195ms`, `delay=20ms` | round trip (half each way), or one way; `us`, `ms`, `s`, a bare number is ms |
//! | `jitter=5ms` | uniform, this much more or less; keeps the order |
//! | `loss=5%`, `burst=4` | each direction; with `burst` a Gilbert model with this mean length of a burst |
//! | `reorder=3%/5ms` | this share is delayed by so much more and may be overtaken (default 10ms) |
//! | `dup=1%` | duplicates |
//! | `state=down`, `up` | nothing passes |
//!
//! A path that is not mentioned has no delay and no loss.

mod link;
mod node;
pub(crate) mod unit;

pub use link::{Framing, Link, Path};
pub use node::{Node, Translation};

use crate::Error;

/// A network as it was written down.
#[derive(Clone, Debug)]
pub struct Topology {
    /// In the order of their statements: a router before what is behind it.
    pub nodes: Vec<Node>,
    /// In the order of their statements: later ones override.
    pub paths: Vec<PathStatement>,
    /// Of all random numbers.
    pub seed: u64,
}

/// A `path` statement; `*` stands for every attachment.
#[derive(Clone, Debug)]
pub struct PathStatement {
    /// One end.
    pub from: String,
    /// The other end.
    pub to: String,
    /// What holds between them, in both directions.
    pub settings: String,
}

impl Topology {
    /// Reads a topology.
    ///
    /// # Errors
    /// With the line that cannot be read, and why.
    pub fn parse(text: &str) -> Result<Topology, Error> {
        let mut topology = Topology { nodes: Vec::new(), paths: Vec::new(), seed: 1 };
        for (index, line) in text.lines().enumerate() {
            let statement = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = statement.split_whitespace().collect();
            topology
                .statement(&words)
                .map_err(|fault| Error::Statement { line: index + 1, fault: fault.into() })?;
        }
        Ok(topology)
    }

    /// The node of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn node(&self, name: &str) -> Result<&Node, Error> {
        let found = self.nodes.iter().find(|node| node.name == name);
        found.ok_or_else(|| Error::Node(format!("there is no node {name:?}")))
    }

    /// The node whose attachment to the emulated Internet a node uses: itself, or the outermost router before it.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn attachment(&self, name: &str) -> Result<&Node, Error> {
        let node = self.node(name)?;
        match &node.parent {
            Some(router) => self.attachment(router),
            None => Ok(node),
        }
    }

    fn statement(&mut self, words: &[&str]) -> Result<(), Error> {
        match *words {
            [] => {}
            ["seed", number] => self.seed = unit::number(number)?,
            [kind @ ("host" | "router"), name, ref settings @ ..] => {
                if self.node(name).is_ok() {
                    return Err(Error::Node(format!("there is a node {name:?} already")));
                }
                let node = Node::parse(name, kind == "router", settings)?;
                if let Some(parent) = &node.parent
                    && !self.node(parent)?.is_router
                {
                    return Err(Error::Node(format!("{parent:?} is no router")));
                }
                self.nodes.push(node);
            }
            ["path", from, to, ref settings @ ..] => {
                let settings = settings.join(" ");
                Path::default().set(&settings)?;
                self.paths.push(PathStatement { from: from.into(), to: to.into(), settings });
            }
            _ => return Err(Error::Setting(format!("cannot read {:?}", words.join(" ")))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        let error = Topology::parse("host a ip=1.2.3.4\nhost b up=1mbit").unwrap_err().to_string();
        assert_eq!(error, "topology, line 2: b: needs ip=ADDRESS or in=ROUTER");
        for wrong in ["router r ip=1.2.3.4 nat=cone", "path a", "host a in=r", "host a ip=1"] {
            assert!(Topology::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_attachment_is_that_of_the_outermost_router() {
        let text = "router cgn ip=1.2.3.4\nrouter r in=cgn\nhost h in=r";
        assert_eq!(Topology::parse(text).unwrap().attachment("h").unwrap().name, "cgn");
    }
}
