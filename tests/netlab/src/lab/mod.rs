//! Builds the network of a topology: a network namespace a node, a TUN device an attachment to the emulated Internet, a
//! bridge and veth pairs for a router's LAN.

mod change;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    process::Command,
    sync::{
        MutexGuard,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use crate::{
    Error,
    internet::{Attachment, Internet, carrier::Carrier},
    kernel_nat,
    namespace::Namespace,
    nat::Nat,
    topology::{Node, Topology, Translation},
    tun,
};

/// What a router behind a NAT in user space calls its own `wan` address: the public one belongs to the emulated
/// Internet, and if the router owned it too, it would swallow hairpinned packets.
const WAN_BEHIND_NAT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 0, 8));

/// How many labs this process has built: their namespaces have different names.
static BUILT: AtomicU32 = AtomicU32::new(0);

/// A running network. Any number may live in one process, which is in the [sandbox](crate::sandbox).
#[derive(Debug)]
pub struct Lab {
    topology: Topology,
    /// Dropped before the namespaces, which hold the devices.
    carrier: Carrier,
    wiring: Wiring,
}

/// What a lab is made of beside the emulated Internet.
#[derive(Debug, Default)]
struct Wiring {
    /// Stands before the names of its namespaces.
    prefix: String,
    namespaces: HashMap<String, Namespace>,
    lans: HashMap<String, Lan>,
    cables: u32,
}

#[derive(Debug)]
struct Lan {
    /// `192.168.1`
    prefix: String,
    /// Of the last address that a node has got; the router has 1.
    last_octet: u8,
}

impl Lab {
    /// Builds the network that a text describes.
    ///
    /// # Errors
    /// When the text cannot be read, or the network not be built.
    pub fn new(text: &str) -> Result<Lab, Error> {
        let topology = Topology::parse(text)?;
        let mut internet = Internet::new(topology.seed);
        let number = BUILT.fetch_add(1, Relaxed);
        let mut wiring = Wiring { prefix: format!("lab{number}."), ..Wiring::default() };
        for node in &topology.nodes {
            wiring.build(node, &mut internet, topology.seed)?;
        }
        apply_paths(&topology, &mut internet)?;
        Ok(Lab { topology, carrier: Carrier::start(internet)?, wiring })
    }

    /// A command that will run in a node, with its own environment and files.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn command(&self, node: &str, program: &str) -> Command {
        self.wiring.at(node).command(program)
    }

    /// Runs a closure on a thread that lives in the node. Sockets made there stay in the node's network,
    /// whichever thread uses them later.
    ///
    /// # Panics
    /// When there is no such node, and when the closure does.
    pub fn enter<T: Send>(&self, node: &str, work: impl FnOnce() -> T + Send) -> T {
        self.wiring.at(node).enter(work)
    }

    /// Runs a shell script in a node, which ends at the first failure.
    ///
    /// # Errors
    /// What it says when it fails.
    pub fn script(&self, node: &str, script: &str) -> Result<(), Error> {
        self.wiring.namespace(node)?.script(script)
    }

    /// The emulated Internet, which stands still as long as the guard lives.
    pub fn internet(&self) -> MutexGuard<'_, Internet> {
        self.carrier.internet()
    }

    /// The network as it is, after all changes.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }
}

impl Wiring {
    fn build(&mut self, node: &Node, internet: &mut Internet, seed: u64) -> Result<(), Error> {
        let namespace = Namespace::create(format!("{}{}", self.prefix, node.name))?;
        self.namespaces.insert(node.name.clone(), namespace);
        if node.parent.is_none() {
            internet.attach(self.attachment(node, seed)?);
        }
        if node.is_router {
            self.build_lan(node)?;
        }
        if let Some(router) = &node.parent {
            self.plug(&node.name, router, node.outer_device())?;
        }
        if let Translation::Kernel(kind) = &node.nat {
            self.load_kernel_nat(node, kind)?;
        }
        Ok(())
    }

    fn at(&self, node: &str) -> &Namespace {
        self.namespace(node).unwrap_or_else(|error| panic!("{error}"))
    }

    fn namespace(&self, node: &str) -> Result<&Namespace, Error> {
        let found = self.namespaces.get(node);
        found.ok_or_else(|| Error::Node(format!("there is no node {node:?}")))
    }

    /// Connects a node to the emulated Internet.
    fn attachment(&self, node: &Node, seed: u64) -> Result<Attachment, Error> {
        let (device, namespace) = (node.outer_device(), self.namespace(&node.name)?);
        let tun = namespace.enter(|| tun::open(device))?;
        let mtu = node.mtu;
        namespace.script(&format!("ip link set {device} up mtu {mtu} txqueuelen 1000"))?;
        let nat = match (&node.nat, node.addresses.first()) {
            (Translation::UserSpace(kind), Some(IpAddr::V4(public))) => {
                Some(Nat::new(kind.clone(), *public, seed + 77))
            }
            _ => None,
        };
        let own = if nat.is_some() { &[WAN_BEHIND_NAT][..] } else { &node.addresses };
        namespace.script(&set_addresses(device, own))?;
        Ok(Attachment::new(&node.name, &node.addresses, nat, node.link, Some(tun)))
    }

    fn build_lan(&mut self, node: &Node) -> Result<(), Error> {
        let prefix = node.lan.clone();
        self.namespace(&node.name)?.script(&format!(
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
             ip link add lan0 type bridge
             ip link set lan0 up
             sysctl -qw net.bridge.bridge-nf-call-iptables=0 \
                net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
             ip addr add {prefix}.1/24 dev lan0"
        ))?;
        self.lans.insert(node.name.clone(), Lan { prefix, last_octet: 1 });
        Ok(())
    }

    /// Plugs a node into a router's LAN and gives it the next free address.
    fn plug(&mut self, node: &str, router: &str, device: &str) -> Result<(), Error> {
        let put_in = self.lay_cable(node, router, device)?;
        self.namespace(node)?.script(&put_in)
    }

    /// Lays a cable from a router's LAN to a node; gives the script that puts it in there. It has a carrier at both ends
    /// before: an address comes after that where people live, and what is sent without one is swallowed for a second.
    fn lay_cable(&mut self, node: &str, router: &str, device: &str) -> Result<String, Error> {
        let lan = self.lans.get_mut(router);
        let lan = lan.ok_or_else(|| Error::Node(format!("there is no router {router:?}")))?;
        lan.last_octet += 1;
        let (prefix, octet) = (lan.prefix.clone(), lan.last_octet);
        self.cables += 1;
        let cable = format!("v{}", self.cables);
        self.namespace(router)?.script(&format!(
            "ip link add {cable} type veth peer name loose netns {}
             ip link set {cable} master lan0 up",
            self.namespace(node)?.name()
        ))?;
        self.namespace(node)?.script("ip link set loose up")?;
        Ok(format!(
            "ip link set loose name {device} 2>/dev/null || {{
                 # before Linux 6.2
                 ip link set loose down
                 ip link set loose name {device}
                 ip link set {device} up
             }}
             ip addr add {prefix}.{octet}/24 dev {device}
             ip route replace default via {prefix}.1"
        ))
    }

    fn load_kernel_nat(&self, node: &Node, kind: &str) -> Result<(), Error> {
        // behind another router only that one knows the public address
        let public = node.addresses.first().map_or("0.0.0.0".into(), IpAddr::to_string);
        let rules = kernel_nat::rules(kind, &public, &format!("{}.1", node.lan))?;
        self.namespace(&node.name)?.script(&format!("nft -f - <<'RULES'\n{rules}\nRULES"))
    }
}

/// The script that gives a device these addresses, and a way out.
fn set_addresses(device: &str, addresses: &[IpAddr]) -> String {
    let mut script = format!("ip addr flush dev {device} scope global\n");
    for address in addresses {
        script += &match address {
            IpAddr::V4(address) => format!("ip addr add {address}/32 dev {device}\n"),
            IpAddr::V6(address) => format!(
                "ip -6 addr add {address}/128 dev {device} nodad
                 ip -6 route replace default dev {device}\n"
            ),
        };
    }
    if let Some(first) = addresses.iter().find(|address| address.is_ipv4()) {
        script += &format!("ip route replace default dev {device} src {first}\n");
    }
    script
}

fn apply_paths(topology: &Topology, internet: &mut Internet) -> Result<(), Error> {
    let all: Vec<String> = internet.attachments().iter().map(|a| a.name.clone()).collect();
    let ends = |name: &str| match name {
        "*" => Ok(all.clone()),
        _ => Ok(vec![topology.attachment(name)?.name.clone()]),
    };
    for path in &topology.paths {
        let (from, to) = (ends(&path.from)?, ends(&path.to)?);
        for (one, other) in from.iter().flat_map(|one| to.iter().map(move |other| (one, other))) {
            if one != other {
                internet.set_path(one, other, &path.settings)?;
                internet.set_path(other, one, &path.settings)?;
            }
        }
    }
    Ok(())
}
