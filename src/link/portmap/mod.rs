//! Asks the home router to send here what comes to one of its public ports: PCP (RFC 6887), NAT-PMP
//! (RFC 6886) and UPnP IGD, tried together; the first that succeeds is kept alive, and taken away in
//! the end.
//!
//! | file | concept |
//! |---|---|
//! | `pcp`, `nat_pmp` | messages as octets |
//! | `gateway_client` | both protocols with the router |
//! | `igd` | UPnP: search, description, actions |
//! | `gateway` | which machine is the router |
//! | `mapper`, `device` | the edge: sockets, HTTP, timers |
//!
//! One port is mapped, that of the link's IPv4 socket. IPv6 needs no mapping; a firewall in its way is
//! punched like a NAT. A router that is itself behind a NAT maps ports of no use, and they are not
//! offered to anybody.

mod device;
mod gateway;
mod gateway_client;
mod igd;
mod mapper;
mod nat_pmp;
mod pcp;

pub use mapper::PortMapper;
