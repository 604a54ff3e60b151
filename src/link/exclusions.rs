//! Addresses of this host that are nobody's business: interfaces and networks that a person excludes.

use std::{fmt, net::IpAddr, str::FromStr};

use super::locators::InterfaceAddress;

/// What is neither published nor offered to peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// All addresses of an interface, by its name.
    Interface(String),
    /// All addresses in a network.
    Network {
        /// An address in it.
        ip: IpAddr,
        /// How many bits of it count.
        prefix: u8,
    },
}

/// The longest name of an interface in Linux, and longer than those of other systems.
const MAX_NAME: usize = 15;

impl Exclusion {
    /// Reads `docker0`, `10.8.0.0/16` or `192.168.1.5`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Exclusion, ExclusionError> {
        if let Some((ip, prefix)) = text.split_once('/') {
            let ip: IpAddr = ip.parse().map_err(|_| ExclusionError)?;
            let digits = prefix.bytes().all(|octet| octet.is_ascii_digit());
            let prefix = prefix.parse().ok().filter(|prefix| digits && *prefix <= bits(ip));
            return Ok(Exclusion::Network { ip, prefix: prefix.ok_or(ExclusionError)? });
        }
        if let Ok(ip) = text.parse() {
            return Ok(Exclusion::Network { ip, prefix: bits(ip) });
        }
        let fits = |octet: u8| octet.is_ascii_graphic() && octet != b':';
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(fits) {
            return Err(ExclusionError);
        }
        Ok(Exclusion::Interface(text.to_owned()))
    }

    /// Whether an address of this host is meant.
    pub(super) fn covers(&self, address: &InterfaceAddress) -> bool {
        match self {
            Exclusion::Interface(name) => *name == address.interface,
            Exclusion::Network { ip, prefix } => {
                let shift = 128 - u32::from(*prefix) - if ip.is_ipv4() { 96 } else { 0 };
                ip.is_ipv4() == address.ip.is_ipv4()
                    && (number(*ip) ^ number(address.ip)).checked_shr(shift).unwrap_or(0) == 0
            }
        }
    }
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Exclusion {
    type Err = ExclusionError;

    fn from_str(text: &str) -> Result<Exclusion, ExclusionError> {
        Exclusion::parse(text)
    }
}

/// A text that is neither the name of an interface nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExclusionError;

impl fmt::Display for ExclusionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an interface like docker0 nor a network like 10.8.0.0/16")
    }
}

impl std::error::Error for ExclusionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(exclusion: &str, interface: &str, ip: &str) -> bool {
        let address = InterfaceAddress { interface: interface.into(), ip: ip.parse().unwrap() };
        Exclusion::parse(exclusion).unwrap().covers(&address)
    }

    #[test]
    fn interfaces_and_networks_are_covered() {
        assert!(covers("docker0", "docker0", "172.17.0.1"));
        assert!(!covers("docker0", "docker01", "172.17.0.1"));
        assert!(covers("10.8.0.0/16", "tun0", "10.8.255.1"));
        assert!(!covers("10.8.0.0/16", "tun0", "10.9.0.1"));
        assert!(covers("0.0.0.0/0", "eth0", "192.0.2.1"));
        assert!(!covers("0.0.0.0/0", "eth0", "2001:db8::1"));
        assert!(covers("::/0", "eth0", "2001:db8::1"));
        assert!(covers("2001:db8::/32", "eth0", "2001:db8:ffff::1"));
        assert!(!covers("2001:db8::/32", "eth0", "2001:db9::1"));
        assert!(covers("192.168.1.5", "eth0", "192.168.1.5"));
        assert!(!covers("192.168.1.5", "eth0", "192.168.1.4"));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "10.8.0.0/33",
            "::/129",
            "10.8/16",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "a b",
            "an-interface-with-a-long-name",
            "::1:",
        ] {
            assert_eq!(Exclusion::parse(text), Err(ExclusionError), "{text}");
        }
    }
}
