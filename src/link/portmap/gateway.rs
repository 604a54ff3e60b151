//! Which machine is the router: what the kernel's table says (`/proc/net/route`), or a guess.

use std::net::{IpAddr, Ipv4Addr};

/// The route has a gateway and is up.
const USABLE: u32 = 0x1 | 0x2;

/// The gateway of the default route with the lowest metric, from the text of `/proc/net/route`.
pub(super) fn from_route_table(text: &str) -> Option<Ipv4Addr> {
    let default = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (destination, gateway, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let (metric, mask) = (fields.nth(2)?, fields.next()?);
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let usable = hex(flags)? & USABLE == USABLE;
        let is_default = hex(destination)? == 0 && hex(mask)? == 0;
        // as the kernel has it in memory
        let gateway = Ipv4Addr::from(hex(gateway)?.to_ne_bytes());
        (usable && is_default).then_some((metric.parse::<u32>().ok()?, gateway))
    };
    text.lines().filter_map(default).min().map(|(_, gateway)| gateway)
}

/// Where most home routers are: the first address of the network, of those that are private.
pub(super) fn guess(own: impl IntoIterator<Item = IpAddr>) -> Option<Ipv4Addr> {
    own.into_iter().find_map(|address| match address {
        IpAddr::V4(v4) if v4.is_private() => {
            let [a, b, c, _] = v4.octets();
            Some(Ipv4Addr::new(a, b, c, 1)).filter(|guess| *guess != v4)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";

    #[test]
    fn the_best_default_route_counts() {
        // a field as the kernel prints it on this machine
        let field = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let route = |to: [u8; 4], gateway: [u8; 4], flags: &str, metric: u32, mask: [u8; 4]| {
            let (to, gateway, mask) = (field(to), field(gateway), field(mask));
            format!("wlan0\t{to}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0")
        };
        let any = [0, 0, 0, 0];
        let table = [
            HEAD.to_owned(),
            route(any, [192, 168, 2, 1], "0003", 600, any),
            route(any, [192, 168, 1, 1], "0003", 100, any),
            route(any, [192, 168, 3, 1], "0002", 1, any),
            route(any, any, "0001", 2, any),
            route([10, 0, 0, 0], [192, 168, 4, 1], "0003", 0, [255, 0, 0, 0]),
            "garbage".to_owned(),
        ];
        let found = from_route_table(&table.join("\n"));
        assert_eq!(found, Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(from_route_table(HEAD), None);
        assert_eq!(from_route_table(""), None);
    }

    #[test]
    fn without_a_table_it_is_guessed() {
        let own = ["127.0.0.1", "fe80::1", "192.168.7.20"].map(|text| text.parse().unwrap());
        assert_eq!(guess(own), Some(Ipv4Addr::new(192, 168, 7, 1)));
        assert_eq!(guess(["11.0.0.5".parse().unwrap()]), None);
        assert_eq!(guess(["10.0.0.1".parse().unwrap()]), None, "oneself");
    }
}
