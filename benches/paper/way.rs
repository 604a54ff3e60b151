//! The ways in which bob reaches alice.

use testbed::homes::{
    Scene,
    daemons::{self, Daemon},
    network::{Home, table_1},
};
use testbed::people::Program;

/// What a home usually has.
const USUAL: Home = Home::Nat("kernel:portrestricted");

/// A way to reach a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// alice has a public address.
    Public,
    /// Her router maps a port when asked to.
    Mapped,
    /// A rendezvous introduces, and both punch.
    Rendezvous,
    /// The same, where nobody can punch: it relays.
    Symmetric,
    /// A call lies in the store; both punch.
    Call,
    /// A Teredo server introduces, and both punch.
    Teredo,
}

/// What runs besides the people.
#[derive(Default)]
pub(crate) struct Introducers {
    programs: Vec<Program>,
    daemons: Vec<Daemon>,
}

impl Way {
    pub(crate) const ALL: [Way; 6] =
        [Way::Public, Way::Mapped, Way::Rendezvous, Way::Symmetric, Way::Call, Way::Teredo];

    /// What chooses it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Way::Public => "public",
            Way::Mapped => "mapped",
            Way::Rendezvous => "rendezvous",
            Way::Symmetric => "symmetric",
            Way::Call => "call",
            Way::Teredo => "teredo",
        }
    }

    /// What stands in its row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Public => "already public",
            Way::Mapped => "port mapped by the router",
            Way::Rendezvous => "rendezvous, both port-restricted",
            Way::Symmetric => "rendezvous, both symmetric",
            Way::Call => "call through the store",
            Way::Teredo => "Teredo",
        }
    }

    /// The paper's network for it.
    pub(crate) fn topology(self) -> String {
        match self {
            Way::Public => table_1(Home::Public, USUAL),
            Way::Symmetric => {
                let symmetric = Home::Nat("kernel:symmetric");
                table_1(symmetric, symmetric)
            }
            _ => table_1(USUAL, USUAL),
        }
    }

    /// Starts who introduces, and tells alice and bob of it, and of nobody else.
    pub(crate) fn introduce(self, scene: &Scene) -> Introducers {
        let mut introducers = Introducers::default();
        introducers.programs.push(scene.store());
        match self {
            Way::Public => {}
            Way::Mapped => {
                introducers.daemons.push(daemons::miniupnpd(scene, "alice-nat", "11.3.0.1"));
            }
            Way::Rendezvous | Way::Symmetric => introducers.programs.push(scene.rendezvous()),
            Way::Call => introducers.daemons.push(daemons::coturn(scene)),
            Way::Teredo => {
                introducers.daemons.push(daemons::teredo(scene));
                scene.configure("alice", &format!("teredo = \"{}\"", daemons::TEREDO));
            }
        }
        let stun = if self == Way::Call { format!("\"{}\"", daemons::STUN) } else { String::new() };
        // a new bob is another machine, which gets another port at the NAT
        scene.configure("bob", "udp = \"0.0.0.0:0\"");
        for node in ["alice", "bob"] {
            scene.configure(node, &format!("stun = [{stun}]"));
        }
        introducers
    }

    /// Where plain TCP finds the origin.
    pub(crate) fn forward(self, scene: &Scene, port: u16) {
        if self != Way::Public {
            daemons::forward_tcp(&scene.lab, "alice-nat", port, "192.168.1.2");
        }
    }
}
