//! Which pairs can have a direct path, in the manner of RFC 5128.

use testbed::homes::network::Home;

/// How far a home can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Anybody can send to it, or anybody whose address it has sent to.
    Open,
    /// Only the address and port that it has sent to; it has one public port.
    Port,
    /// The same, with a public port for each peer, the next one in order.
    Sequential,
    /// The same, with any public port for each peer.
    Random,
    /// By UDP not at all.
    Never,
}

/// Whether two homes can get a direct path with UDP.
pub(crate) fn is_direct(one: Home, other: Home) -> bool {
    match (reach(one), reach(other)) {
        (Reach::Never, _) | (_, Reach::Never) => false,
        (Reach::Open, _) | (_, Reach::Open) => true,
        // the port of the one cannot be foreseen, and the other lets nobody else in
        (Reach::Random, _) | (_, Reach::Random) => false,
        _ => true,
    }
}

fn reach(home: Home) -> Reach {
    match home {
        Home::Public | Home::Nat("fullcone" | "restricted") => Reach::Open,
        Home::Nat("symmetric") => Reach::Random,
        Home::Nat("symmetric,port:seq") => Reach::Sequential,
        Home::Nat("blockudp" | "kernel:tcp443") => Reach::Never,
        Home::Nat(_) | Home::CarrierGrade => Reach::Port,
    }
}
