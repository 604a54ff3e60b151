//! What a tracker is told, and what it answers (BEP 3; BEP 23: compact addresses; BEP 7: those of IPv6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::bencode::Value;
use crate::identity::Slot;
use crate::overlay::{OverlayError, family::Family};
use crate::registration::Registration;
use crate::runtime::ip::is_global;

/// Says that somebody is in a swarm, or leaves it, and asks who else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// The swarm.
    pub(super) infohash: Slot,
    /// Who says it; a new one with each start of the program.
    pub(super) peer: [u8; 20],
    /// Where he is; the address is that from which it is said.
    pub(super) port: u16,
    pub(super) event: Event,
    pub(super) role: Role,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Started,
    Stopped,
}

/// Who is in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Who publishes: to trackers, one who has everything.
    Seeder,
    /// Who looks: to trackers, one who lacks something.
    Leecher,
}

/// The port of those who only look: trackers answer nobody who does not announce something. Discard
/// (RFC 863) is served nowhere.
pub(super) const NO_PORT: u16 = 9;
/// The longest reason that is kept of a tracker that says no.
const MAX_REASON: usize = 200;

/// The addresses that a tracker gives, all of them possibly hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swarm {
    /// In the tracker's order, without those that cannot be anybody's.
    pub addresses: Vec<SocketAddr>,
}

impl Swarm {
    /// Reads what a tracker answers over HTTP.
    ///
    /// # Errors
    /// When it says no, or the answer is no tracker's.
    pub fn from_bencode(body: &[u8]) -> Result<Swarm, OverlayError> {
        let answer = Value::parse(body).ok_or(OverlayError::Malformed)?;
        if let Some(reason) = answer.get("failure reason").and_then(Value::text) {
            return Err(refusal(reason));
        }
        let v4 = match answer.get("peers").ok_or(OverlayError::Malformed)? {
            Value::Text(compact) => compact_v4(compact),
            Value::List(peers) => Some(peers.iter().filter_map(address).collect()),
            _ => None,
        };
        let v6 = match answer.get("peers6") {
            Some(compact) => compact.text().and_then(compact_v6),
            None => Some(Vec::new()),
        };
        let (v4, v6) = v4.zip(v6).ok_or(OverlayError::Malformed)?;
        Ok(Swarm::of(v4.into_iter().chain(v6)))
    }

    /// Reads what stands behind the head of an answer over UDP; over IPv6 the addresses are of that kind.
    pub(super) fn from_compact(octets: &[u8], over_v6: bool) -> Result<Swarm, OverlayError> {
        let addresses = if over_v6 { compact_v6(octets) } else { compact_v4(octets) };
        Ok(Swarm::of(addresses.ok_or(OverlayError::Malformed)?))
    }

    fn of(addresses: impl IntoIterator<Item = SocketAddr>) -> Swarm {
        let mut swarm = Swarm::default();
        for address in addresses {
            if can_be_somebody(address) && !swarm.addresses.contains(&address) {
                swarm.addresses.push(address);
            }
        }
        swarm
    }
}

/// A tracker that says no, in its own words as far as they can be shown.
pub(super) fn refusal(reason: &[u8]) -> OverlayError {
    let reason = String::from_utf8_lossy(reason);
    let shown = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON);
    OverlayError::Denied(shown.collect::<String>().trim_end_matches('.').to_lowercase())
}

/// The port to announce for each IP version: that of the best address of that version, and rather of one
/// that the Internet at large may reach.
pub(in crate::overlay) fn ports(registration: &Registration) -> Vec<(Family, u16)> {
    let port = |family| {
        let mut locators = registration.locators.iter().filter(|l| Family::of(l) == family);
        let first = locators.clone().next();
        let chosen = locators.find(|locator| is_global(locator.ip())).or(first);
        chosen.map(|locator| (family, locator.port()))
    };
    [Family::V4, Family::V6].into_iter().filter_map(port).collect()
}

fn compact_v4(octets: &[u8]) -> Option<Vec<SocketAddr>> {
    let (entries, rest) = octets.as_chunks::<6>();
    let address = |[a, b, c, d, high, low]: &[u8; 6]| {
        let port = u16::from_be_bytes([*high, *low]);
        SocketAddr::new(Ipv4Addr::new(*a, *b, *c, *d).into(), port)
    };
    rest.is_empty().then(|| entries.iter().map(address).collect())
}

fn compact_v6(octets: &[u8]) -> Option<Vec<SocketAddr>> {
    let (entries, rest) = octets.as_chunks::<18>();
    let address = |entry: &[u8; 18]| {
        let (ip, port) = entry.split_first_chunk::<16>()?;
        let ip = Ipv6Addr::from(*ip).to_canonical();
        Some(SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?)))
    };
    rest.is_empty().then(|| entries.iter().filter_map(address).collect())
}

/// An address as a dictionary, as trackers had them before BEP 23.
fn address(peer: &Value) -> Option<SocketAddr> {
    let ip: IpAddr = str::from_utf8(peer.get("ip")?.text()?).ok()?.parse().ok()?;
    let port = peer.get("port")?.integer()?.try_into().ok()?;
    Some(SocketAddr::new(ip.to_canonical(), port))
}

fn can_be_somebody(address: SocketAddr) -> bool {
    let ip = address.ip();
    let is_broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    let has_port = ![0, NO_PORT].contains(&address.port());
    has_port && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(body: &[u8]) -> Result<Vec<String>, OverlayError> {
        let swarm = Swarm::from_bencode(body)?;
        Ok(swarm.addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_spellings_of_addresses_are_read() {
        let compact =
            b"d8:intervali1800e5:peers12:\xc0\0\x02\x01\x13\xba\xc0\0\x02\x02\0\x506:peers6\
            18:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x13\xbae";
        let expected = ["192.0.2.1:5050", "192.0.2.2:80", "[2001:db8::1]:5050"];
        assert_eq!(addresses(compact).unwrap(), expected);
        let listed = b"d5:peersld2:ip9:192.0.2.14:porti5050eed2:ip11:2001:db8::14:porti80eed2:ip1:x4:porti1eeee";
        assert_eq!(addresses(listed).unwrap(), ["192.0.2.1:5050", "[2001:db8::1]:80"]);
        assert_eq!(addresses(b"d5:peers0:e").unwrap(), [""; 0]);
    }

    #[test]
    fn what_nobody_can_have_is_left_out() {
        let odd =
            b"d5:peers36:\xc0\0\x02\x01\0\0\xc0\0\x02\x01\0\x09\0\0\0\0\0\x50\xe0\0\0\x01\0\x50\
            \xff\xff\xff\xff\0\x50\x7f\0\0\x01\0\x50e";
        assert_eq!(addresses(odd).unwrap(), ["127.0.0.1:80"]);
        let twice = b"d5:peers12:\xc0\0\x02\x01\0\x50\xc0\0\x02\x01\0\x50e";
        assert_eq!(addresses(twice).unwrap().len(), 1);
    }

    #[test]
    fn a_tracker_that_says_no_is_quoted() {
        let denied = addresses(b"d14:failure reason21:Unregistered \x1b[1m!!!.e");
        assert_eq!(denied, Err(OverlayError::Denied("unregistered [1m!!!".into())));
        for bad in [&b"d8:intervali1ee"[..], b"d5:peers5:aaaaae", b"d5:peersi1ee", b"<html>"] {
            assert_eq!(addresses(bad), Err(OverlayError::Malformed));
        }
        assert_eq!(addresses(b"d5:peers0:6:peers61:ae"), Err(OverlayError::Malformed));
    }
}
