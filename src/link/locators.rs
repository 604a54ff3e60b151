//! The addresses at which this host can be reached, as far as it can see itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::runtime::ip::is_global;

/// Interfaces that only containers and virtual machines of this host can reach.
const BRIDGES: [&str; 4] = ["br-", "docker", "veth", "virbr"];

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct InterfaceAddress {
    pub(super) interface: String,
    pub(super) ip: IpAddr,
}

/// Asks the system; nothing if it does not tell. Interfaces without a carrier are left out.
pub(super) fn interface_addresses() -> Vec<InterfaceAddress> {
    let Ok(interfaces) = if_addrs::get_if_addrs() else { return Vec::new() };
    interfaces
        .into_iter()
        .filter(|interface| interface.is_oper_up() || interface.is_loopback())
        .map(|interface| InterfaceAddress { ip: interface.ip(), interface: interface.name })
        .collect()
}

/// Whence packets to the Internet go: the address that the system would choose, for each family that gets
/// out. Nothing is sent.
pub fn preferred_sources() -> Vec<IpAddr> {
    let source = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    FAR_AWAY.iter().filter_map(|(from, to)| source(from, to)).collect()
}

/// Far away from everywhere but itself: the root name server A, in both families.
const FAR_AWAY: [(&str, &str); 2] =
    [("0.0.0.0:0", "198.41.0.4:53"), ("[::]:0", "[2001:503:ba3e::2:30]:53")];

/// Where sockets bound like this can be reached, the widest first: global, local, loopback.
pub(super) fn locators(bound: &[SocketAddr], interfaces: &[InterfaceAddress]) -> Vec<SocketAddr> {
    let mut locators = Vec::new();
    for socket in bound {
        if !socket.ip().is_unspecified() {
            // any address of 127.0.0.0/8 works, though only one is listed
            let exists = socket.ip().is_loopback()
                || interfaces.iter().any(|address| address.ip == socket.ip());
            locators.extend(exists.then_some(*socket));
            continue;
        }
        let reachable = interfaces
            .iter()
            .filter(|address| address.ip.is_ipv4() == socket.is_ipv4() && is_reachable(address));
        locators.extend(reachable.map(|address| SocketAddr::new(address.ip, socket.port())));
    }
    locators.sort_by_key(|locator| (scope(locator.ip()), *locator));
    locators.dedup();
    locators
}

/// Whether others may be told: not inside of this host, and not valid on one link only.
pub(super) fn is_reachable(address: &InterfaceAddress) -> bool {
    let bridge = BRIDGES.iter().any(|prefix| address.interface.starts_with(prefix));
    let link_local = match address.ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !bridge && !link_local
}

/// 0 for addresses of the Internet, 1 for those of a site, 2 for those of this host.
fn scope(ip: IpAddr) -> u8 {
    if ip.is_loopback() { 2 } else { u8::from(!is_global(ip)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces() -> Vec<InterfaceAddress> {
        [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "192.168.1.5"),
            ("eth0", "203.0.113.5"),
            ("eth0", "fe80::5"),
            ("eth0", "fd00::5"),
            ("eth0", "2001:db8::5"),
            ("docker0", "172.17.0.1"),
            ("br-6f1", "172.18.0.1"),
            ("wlan0", "169.254.3.4"),
        ]
        .map(|(name, ip)| InterfaceAddress { interface: name.into(), ip: ip.parse().unwrap() })
        .into()
    }

    fn text(bound: &[&str]) -> Vec<String> {
        let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
        locators(&bound, &interfaces()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wildcard_socket_is_reached_at_all_addresses_of_its_family() {
        assert_eq!(
            text(&["0.0.0.0:5050"]),
            ["203.0.113.5:5050", "192.168.1.5:5050", "127.0.0.1:5050"]
        );
        assert_eq!(text(&["[::]:5050"]), ["[2001:db8::5]:5050", "[fd00::5]:5050", "[::1]:5050"]);
    }

    #[test]
    fn a_socket_with_an_address_is_reached_there_only() {
        assert_eq!(text(&["127.0.0.1:4001"]), ["127.0.0.1:4001"]);
        assert_eq!(text(&["[fd00::5]:4001", "192.168.1.5:1"]), ["192.168.1.5:1", "[fd00::5]:4001"]);
        assert!(text(&["192.168.7.7:1"]).is_empty(), "the address is gone");
    }
}
