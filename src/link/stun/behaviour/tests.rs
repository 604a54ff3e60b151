use std::{collections::HashMap, time::Duration};

use super::*;
use crate::runtime::clock;

/// A NAT with one host behind it, and servers with four addresses each.
struct Nat {
    /// What of the destination makes another mapping: nothing, the address, or the port too.
    mapping: fn(SocketAddr) -> String,
    filtering: Filtering,
    next_port: fn(u16) -> u16,
    hairpin: bool,
    port: u16,
    mappings: HashMap<String, u16>,
    sent_to: Vec<SocketAddr>,
}

fn own() -> SocketAddr {
    "192.168.1.2:5050".parse().unwrap()
}

fn one_for_all(_: SocketAddr) -> String {
    String::new()
}

fn for_each_address(to: SocketAddr) -> String {
    to.ip().to_string()
}

fn for_each_port(to: SocketAddr) -> String {
    to.to_string()
}

impl Nat {
    fn new(mapping: fn(SocketAddr) -> String, filtering: Filtering) -> Nat {
        let (mappings, sent_to) = (HashMap::new(), Vec::new());
        let next_port = |port| port + 1;
        Nat { mapping, filtering, next_port, hairpin: false, port: 5049, mappings, sent_to }
    }

    fn translate(&mut self, to: SocketAddr) -> SocketAddr {
        self.sent_to.push(to);
        let (next, last) = (self.next_port, self.port);
        let port = *self.mappings.entry((self.mapping)(to)).or_insert_with(|| next(last));
        self.port = self.port.max(port);
        SocketAddr::new([11, 1, 0, 1].into(), port)
    }

    fn lets_in(&self, from: SocketAddr) -> bool {
        match self.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => self.sent_to.iter().any(|to| to.ip() == from.ip()),
            Filtering::AddressAndPortDependent => self.sent_to.contains(&from),
        }
    }

    /// What comes back for a datagram, and from where.
    fn exchange(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        capable: bool,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let mapped = self.translate(to);
        let request = Message::decode(datagram).unwrap();
        if to == mapped {
            return self.hairpin.then(|| (mapped, datagram.to_vec()));
        }
        let change = request.number(attribute::CHANGE_REQUEST).unwrap_or(0);
        let other = |octet| if octet == 30 { 31 } else { 30 };
        let (ip, port) = match to.ip() {
            std::net::IpAddr::V4(v4) => (v4.octets()[3], to.port()),
            std::net::IpAddr::V6(_) => return None,
        };
        let swap_port = |port| if port == 3478 { 3479 } else { 3478 };
        let at = |ip, port| SocketAddr::new([192, 0, 2, ip].into(), port);
        let from = at(
            if change & CHANGE_IP == 0 { ip } else { other(ip) },
            if change & CHANGE_PORT == 0 { port } else { swap_port(port) },
        );
        let mut answer = Builder::new(Class::Success, Method::BINDING, request.id())
            .xor_address(attribute::XOR_MAPPED_ADDRESS, mapped);
        if capable {
            let other = super::super::address::encode(at(other(ip), swap_port(port)));
            answer = answer.attribute(attribute::OTHER_ADDRESS, &other);
        }
        self.lets_in(from).then(|| (from, answer.finish()))
    }
}

/// What is found out with one server that can do everything, or with two that cannot; and how long
/// it takes.
fn find(mut nat: Nat, capable: bool) -> (NatBehaviour, Duration) {
    let start = clock::now();
    let (mut now, mut drbg) = (start, Drbg::new([2; 32]));
    let servers: &[SocketAddr] = &if capable {
        vec!["192.0.2.30:3478".parse().unwrap()]
    } else {
        vec!["192.0.2.30:3478".parse().unwrap(), "192.0.2.40:3478".parse().unwrap()]
    };
    let mut discovery = Discovery::new(&[own()], servers, &mut drbg, now);
    loop {
        discovery.handle_timeout(&mut drbg, now);
        if let Some(found) = discovery.poll_finished() {
            return (found.clone(), now - start);
        }
        let mut answers = Vec::new();
        while let Some(Transmit { to, datagram }) = discovery.poll_transmit(now) {
            answers.extend(nat.exchange(to, &datagram, capable));
        }
        for (from, answer) in &answers {
            discovery.handle_datagram(*from, answer);
        }
        if answers.is_empty()
            && let Some(due) = discovery.poll_timeout()
        {
            now = now.max(due);
        }
    }
}

#[test]
fn every_kind_of_nat_is_recognised() {
    use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    type Kind = fn(SocketAddr) -> String;
    let sequential = Mapping::EndpointDependent { step: Some(1) };
    let kinds: [(Kind, Mapping, bool); 3] = [
        (one_for_all, Mapping::EndpointIndependent, false),
        (for_each_address, sequential, false),
        (for_each_port, sequential, true),
    ];
    for (kind, mapping, port_dependent) in kinds {
        for filtering in [EndpointIndependent, AddressDependent, AddressAndPortDependent] {
            let (found, took) = find(Nat::new(kind, filtering), true);
            assert_eq!(found.mapping, Some(mapping), "{filtering:?}");
            assert_eq!(found.filtering, Some(filtering), "{mapping:?}");
            assert_eq!(found.port_dependent, Some(port_dependent));
            assert_eq!(found.hairpin, Some(false));
            assert!(took <= Duration::from_secs(8), "{took:?}");
        }
    }
}

#[test]
fn ports_and_hairpins_are_told() {
    let mut nat = Nat::new(one_for_all, Filtering::EndpointIndependent);
    nat.hairpin = true;
    let (found, took) = find(nat, true);
    assert_eq!((found.hairpin, found.preserves_port), (Some(true), Some(true)));
    assert!(took < Duration::from_secs(1), "nothing went unanswered: {took:?}");
    assert!(found.to_string().contains("everybody in"), "{found}");

    let mut nat = Nat::new(for_each_port, Filtering::AddressAndPortDependent);
    nat.next_port = |port| port.wrapping_mul(31421).wrapping_add(6927) | 1024;
    let (found, _) = find(nat, true);
    assert_eq!(found.mapping, Some(Mapping::EndpointDependent { step: None }));
    assert_eq!(found.is_punchable(), Some(false));
    assert!(found.to_string().contains("without order"), "{found}");
}

#[test]
fn two_simple_servers_tell_the_mapping() {
    let (found, _) = find(Nat::new(one_for_all, Filtering::AddressDependent), false);
    assert_eq!(found.mapping, Some(Mapping::EndpointIndependent));
    assert_eq!(found.filtering, None);
    let (found, _) = find(Nat::new(for_each_address, Filtering::AddressDependent), false);
    assert_eq!(found.mapping, Some(Mapping::EndpointDependent { step: Some(1) }));
}

#[test]
fn silence_is_a_result() {
    let start = clock::now();
    let mut drbg = Drbg::new([2; 32]);
    let server = "192.0.2.30:3478".parse().unwrap();
    let mut discovery = Discovery::new(&[own()], &[server], &mut drbg, start);
    let mut now = start;
    while discovery.poll_finished().is_none() {
        while discovery.poll_transmit(now).is_some() {}
        now = discovery.poll_timeout().unwrap();
        discovery.handle_timeout(&mut drbg, now);
    }
    assert_eq!(discovery.poll_finished(), Some(&NatBehaviour::default()));
    assert!(now - start < Duration::from_secs(4));
    assert!(NatBehaviour::default().to_string().contains("blocked"));
}
