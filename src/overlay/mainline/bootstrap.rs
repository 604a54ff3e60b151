//! Where a DHT is entered.

use std::fmt;

use crate::overlay::address_error::AddressError;
use crate::overlay::host::is_loopback;

/// Nodes by which a DHT is entered: addresses with ports; none for the public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bootstrap {
    nodes: Vec<Box<str>>,
}

/// As many as anybody needs.
const MAX_BOOTSTRAP: usize = 8;

impl Bootstrap {
    /// The nodes, as configured.
    pub fn nodes(&self) -> &[Box<str>] {
        &self.nodes
    }

    /// Whether all of them are on this machine, and there are some.
    pub fn is_loopback(&self) -> bool {
        let host = |node: &str| node.rsplit_once(':').is_some_and(|(host, _)| is_loopback(host));
        !self.nodes.is_empty() && self.nodes.iter().all(|node| host(node))
    }

    pub(in crate::overlay) fn parse(text: &str) -> Result<Bootstrap, AddressError> {
        let nodes: Vec<Box<str>> = text.split(',').map(Into::into).collect();
        let is_node = |node: &str| {
            let (host, port) = node.rsplit_once(':').unwrap_or_default();
            let named = host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
            named && !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        match nodes.iter().find(|node| !is_node(node)) {
            Some(bad) => Err(AddressError::Node(bad.clone())),
            None if nodes.len() > MAX_BOOTSTRAP => Err(AddressError::TooLong),
            None => Ok(Bootstrap { nodes }),
        }
    }
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mainline")?;
        let colon = |first| if first { ':' } else { ',' };
        let mut nodes = self.nodes.iter().enumerate();
        nodes.try_for_each(|(at, node)| write!(f, "{}{node}", colon(at == 0)))
    }
}
