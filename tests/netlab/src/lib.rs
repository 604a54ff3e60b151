//! A network laboratory: hosts, routers, NATs and an emulated Internet inside one process.
//!
//! It needs Linux with user namespaces (or root), TUN, veth, bridge and nftables, and the programs `unshare`,
//! `nsenter`, `ip`, `nft`, `sysctl` and `sh` (`conntrack` to flush the NAT of a kernel). Nothing on the
//! machine is named or changed, and everything vanishes with the process.
//!
//! | module | |
//! |---|---|
//! | [`sandbox`] | starts the process again in namespaces of its own |
//! | [`topology`] | the language in which a network is written down |
//! | [`lab`] | builds that network, one network namespace a node, and changes it while it runs |
//! | [`internet`] | the Internet between the nodes: delay, jitter, loss, reordering, rate, queues |
//! | [`nat`] | a NAT in user space, with every behaviour of RFC 4787 |
//! | [`kernel_nat`] | nftables rules for the same kinds of NAT, done by the router's own kernel |
//! | [`harness`] | runs test functions inside the sandbox |
//!
//! The emulated Internet exists because many kernels lack `netem`; a TUN device is all it asks for. One thread
//! carries all packets of a lab, about 25,000 a second: a test of a fast program measures the lab.
//!
//! What has surprised people here, and stays so:
//!
//! * Test networks (203.0.113.0/24 and the like) are refused as reserved by real daemons. 11.0.0.0/8 looks
//!   public and never leaves the namespaces.
//! * A router with a NAT in user space does not own its public address, or its kernel would swallow hairpinned
//!   packets. Its `wan` has 192.0.0.8.
//! * LANs are IPv4 only, and so are the NATs; IPv6 addresses belong to nodes on the Internet itself.
//! * Serialisation adds to delay: 84 octets take 2.5 ms on a line of 512 kbit/s with ATM framing.

pub mod harness;
pub mod internet;
pub mod kernel_nat;
pub mod lab;
mod namespace;
pub mod nat;
pub mod sandbox;
pub mod topology;
mod tun;

mod error;

pub use error::Error;
pub use lab::Lab;
