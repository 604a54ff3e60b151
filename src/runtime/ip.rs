//! What an IP address tells by itself: whether it is one of the Internet, and whose it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the Internet at large, and not to this host, to a network around it or to a group
/// (RFC 6890). Those for documentation pass: they lead nowhere.
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        // this host, and addresses of IPv4 in an old form (RFC 4291, 2.5.5.1)
        [0, 0, 0, 0, 0, 0] => false,
        // what a translator sends on over IPv4 (RFC 6052), and what a tunnel does (RFC 3056)
        [0x64, 0xff9b, 0, 0, 0, 0] => is_global_v4(v4(g, h)),
        [0x2002, ..] => is_global_v4(v4(b, c)),
        // a network's own translators (RFC 8215), and its own hosts as they once were spelled (RFC 3879)
        [0x64, 0xff9b, 1, ..] => false,
        _ if a & 0xffc0 == 0xfec0 => false,
        _ => {
            !(address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

/// The same for IPv4.
pub fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && b & 0xc0 == 64; // between a carrier's NAT and its customers (RFC 6598)
    let assigned = [a, b, c] == [192, 0, 0]; // to protocols, such as those that translate on this host
    let reserved = a == 0 || a >= 240 || address.is_multicast();
    let local = address.is_private() || address.is_loopback() || address.is_link_local();
    !(shared || assigned || reserved || local)
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, all of which one host may
/// use (RFC 4291, 2.5.1).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internet_is_told_from_what_is_around() {
        for (address, global) in [
            ("9.9.9.9", true),
            ("192.0.2.1", true),
            ("100.128.0.1", true),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.31.0.1", false),
            ("192.0.0.4", false),
            ("192.168.0.1", false),
            ("224.0.0.251", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2001:db8::1", true),
            ("::ffff:9.9.9.9", true),
            ("::ffff:10.1.2.3", false),
            ("64:ff9b::9.9.9.9", true),
            ("64:ff9b::192.168.0.1", false),
            ("64:ff9b:1::9.9.9.9", false),
            ("2002:909:909::1", true),
            ("2002:c0a8:1::1", false),
            ("::9.9.9.9", false),
            ("fec0::1", false),
            ("::", false),
            ("::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_global(address.parse().unwrap()), global, "{address}");
        }
    }

    #[test]
    fn one_host_counts_once() {
        for (one, other, same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let [one_network, other_network] =
                [one, other].map(|ip| network_of(ip.parse().unwrap()));
            assert_eq!(one_network == other_network, same, "{one} {other}");
        }
    }
}
