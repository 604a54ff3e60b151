//! Real programs of others in the laboratory: a STUN and TURN server, a Teredo server, a router that maps ports.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use netlab::Lab;
use p2p::runtime::{block_on, clock};

use super::Scene;

/// Where [`coturn`] answers: two addresses, as RFC 5780 asks for.
pub const STUN: &str = "11.1.0.30:3478";

/// Where [`teredo`] answers.
pub const TEREDO: &str = "11.1.0.20";

/// How long a daemon may take until it listens.
const READY_TIME: Duration = Duration::from_secs(20);

/// It ends with the test.
pub struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A STUN and TURN server in the node `rendezvous`; its user is `u` with the password `p`.
pub fn coturn(scene: &Scene) -> Daemon {
    let folder = scene.home("coturn");
    let configuration = format!(
        "listening-port=3478\nalt-listening-port=3479\n\
         listening-ip=11.1.0.30\nlistening-ip=11.1.0.31\nrelay-ip=11.1.0.30\n\
         min-port=49152\nmax-port=49252\nrealm=lab\nfingerprint\nlt-cred-mech\nuser=u:p\n\
         no-tls\nno-dtls\nno-cli\nrfc5780\nlog-file=stdout\nsimple-log\n\
         pidfile={0}/pid\nuserdb={0}/db\n",
        folder.display()
    );
    let path = scene.put("coturn", "turn.conf", &configuration);
    start(scene, "rendezvous", &["turnserver", "-c", &path], 3478)
}

/// A Teredo server in the node `teredo`, with the two addresses that RFC 4380 wants.
pub fn teredo(scene: &Scene) -> Daemon {
    let configuration = format!("ServerBindAddress {TEREDO}\nServerBindAddress2 11.1.0.21\n");
    let path = scene.put("miredo", "server.conf", &configuration);
    let pid = scene.home("miredo").join("pid").display().to_string();
    start(scene, "teredo", &["miredo-server", "-f", "-c", &path, "-p", &pid], 3544)
}

/// A router's UPnP IGD, NAT-PMP and PCP server, beside the NAT of its kernel.
pub fn miniupnpd(scene: &Scene, router: &str, public: &str) -> Daemon {
    let tables = "nft -f - <<'RULES'
table inet miniupnpd {
 chain forward {
  type filter hook forward priority -5; policy accept;
  jump miniupnpd
 }
 chain miniupnpd { }
 chain prerouting {
  type nat hook prerouting priority -105; policy accept;
  jump prerouting_miniupnpd
 }
 chain prerouting_miniupnpd { }
 chain postrouting {
  type nat hook postrouting priority 95; policy accept;
  jump postrouting_miniupnpd
 }
 chain postrouting_miniupnpd { }
}
RULES";
    scene.lab.script(router, tables).unwrap();
    let configuration = format!(
        "ext_ifname=wan\nlistening_ip=lan0\next_ip={public}\nport=5555\n\
         enable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\n\
         min_lifetime=30\nmax_lifetime=86400\nuuid=b0a114de-ea31-4bae-943f-f4912c5cacc7\n\
         upnp_table_name=miniupnpd\nupnp_nat_table_name=miniupnpd\n\
         upnp_forward_chain=miniupnpd\nupnp_nat_chain=prerouting_miniupnpd\n\
         upnp_nat_postrouting_chain=postrouting_miniupnpd\n\
         allow 1024-65535 0.0.0.0/0 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n"
    );
    let path = scene.put("miniupnpd", "miniupnpd.conf", &configuration);
    let pid = scene.home("miniupnpd").join("pid").display().to_string();
    start(scene, router, &["miniupnpd", "-d", "-f", &path, "-P", &pid], 5351)
}

/// A port of a router's public address leads to a host on its LAN, as people set it by hand.
pub fn forward_tcp(lab: &Lab, router: &str, port: u16, host: &str) {
    let script = format!(
        "nft -f - <<'RULES'
table ip forwarded {{
 chain pre {{
  type nat hook prerouting priority dstnat - 5;
  iifname \"wan\" tcp dport {port} dnat to {host}
 }}
}}
RULES"
    );
    lab.script(router, &script).unwrap();
}

/// Starts a daemon that stays in the foreground, and waits until it listens at a UDP port.
fn start(scene: &Scene, node: &str, words: &[&str], port: u16) -> Daemon {
    let mut command: Command = scene.lab.command(node, words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut daemon = Daemon(command.spawn().unwrap());
    let started = clock::now();
    while !listens(&scene.lab, node, port) {
        let ended = daemon.0.try_wait().unwrap();
        assert!(ended.is_none(), "{words:?} ended: {ended:?}");
        assert!(clock::now() - started < READY_TIME, "{words:?} does not listen at {port}");
        block_on(clock::sleep(Duration::from_millis(20)));
    }
    daemon
}

fn listens(lab: &Lab, node: &str, port: u16) -> bool {
    let sockets = lab.enter(node, || fs::read_to_string("/proc/thread-self/net/udp")).unwrap();
    let port = format!(":{port:04X}");
    sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .any(|own| own.ends_with(&port))
}
