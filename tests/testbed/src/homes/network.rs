//! Networks in which alice and bob live.

use std::fmt;

/// One who has a line to the Internet: what stands between it and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Nothing.
    Public,
    /// A router with this kind of NAT, as the laboratory calls it.
    Nat(&'static str),
    /// A home router behind the NAT of the provider.
    CarrierGrade,
}

impl Home {
    /// The statements for a person whose line has this address, on a LAN that looks like that of many others.
    fn statements(self, person: &str, address: &str, line: &str) -> String {
        match self {
            Home::Public => format!("host {person} ip={address} {line}\n"),
            Home::Nat(kind) => format!(
                "router {person}-nat ip={address} nat={kind} {line}\n\
                 host {person} in={person}-nat\n"
            ),
            Home::CarrierGrade => format!(
                "router {person}-cgn ip={address} lan=100.64.0.0/24 nat=portrestricted {line}\n\
                 router {person}-nat in={person}-cgn nat=kernel:portrestricted\n\
                 host {person} in={person}-nat\n"
            ),
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Home::Public => "public",
            Home::Nat(kind) => kind,
            Home::CarrierGrade => "cgn",
        })
    }
}

/// What introduces people.
const SERVERS: &str = "host store ip=11.1.0.10\nhost rendezvous ip=11.1.0.30,11.1.0.31\n";

/// Two homes, 20 ms from each other and from all servers.
pub fn two_homes(alice: Home, bob: Home) -> String {
    let alice = alice.statements("alice", "11.3.0.1", "");
    let bob = bob.statements("bob", "11.3.0.129", "");
    format!("{SERVERS}{alice}{bob}path * * rtt=20ms\n")
}

/// Two homes behind one carrier-grade NAT.
pub fn shared_carrier(hairpin: bool) -> String {
    let hairpin = if hairpin { "on" } else { "off" };
    format!(
        "{SERVERS}router cgn ip=11.3.0.1 lan=100.64.0.0/24 nat=portrestricted,hairpin:{hairpin}\n\
         router alice-nat in=cgn nat=kernel:portrestricted\n\
         router bob-nat   in=cgn nat=kernel:portrestricted\n\
         host alice in=alice-nat\n\
         host bob   in=bob-nat\n\
         path * * rtt=20ms\n"
    )
}

/// Table I of the paper: round trips in milliseconds, and alice's ADSL line of 512 kbit/s. The Teredo server has two
/// addresses.
pub fn table_1(alice: Home, bob: Home) -> String {
    let adsl = "up=512kbit framing=atm+40 mtu=1492 queue=500ms";
    let alice = alice.statements("alice", "11.3.0.1", adsl);
    let bob = bob.statements("bob", "11.3.0.129", "");
    format!(
        "{SERVERS}host teredo ip=11.1.0.20,11.1.0.21\n{alice}{bob}\
         path alice bob rtt=195ms\n\
         path alice store rtt=38ms\n\
         path alice teredo rtt=187ms\n\
         path alice rendezvous rtt=194ms\n\
         path bob store rtt=27ms\n\
         path bob teredo rtt=50ms\n\
         path bob rendezvous rtt=1ms\n"
    )
}

/// Two homes with fast lines, 40 ms apart, and another network for each to move to: `alice-other`, `bob-other`.
pub fn movers(kind: &str, rate: &str, seed: u64) -> String {
    let line = format!("up={rate} down={rate} queue=100ms");
    format!(
        "seed {seed}\n{SERVERS}\
         router alice-nat   ip=11.3.0.1   nat={kind} {line}\n\
         router alice-other ip=11.4.0.1   nat={kind} lan=10.9.0.0/24 {line}\n\
         router bob-nat     ip=11.3.0.129 nat={kind} {line}\n\
         router bob-other   ip=11.4.0.129 nat={kind} lan=10.8.0.0/24 {line}\n\
         host alice in=alice-nat\n\
         host bob   in=bob-nat\n\
         path * * rtt=40ms\n"
    )
}
