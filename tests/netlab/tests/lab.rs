//! Whole labs: what the parts promise together, with real sockets and the kernel's own NAT.

use std::{
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    thread,
    time::Duration,
};

use netlab::{Lab, harness};

const TWO_HOMES: &str = "
    host   s  ip=11.1.0.30,11.1.0.31
    router r1 ip=11.3.0.1 nat=NAT
    host   a  in=r1
    host   a2 in=r1
    router r2 ip=11.3.0.2 nat=NAT lan=192.168.2.0/24
    host   b  in=r2
    path a s rtt=40ms
    path * r2 rtt=20ms
";

/// For an answer that comes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// For one that does not.
const SILENCE: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    harness::run(&[
        ("round_trips_and_losses", round_trips_and_losses),
        ("eight_labs_at_once", eight_labs_at_once),
        ("kinds_of_nat", kinds_of_nat),
        ("strangers_take_ports_of_a_plain_masquerade", strangers_take_ports_of_a_plain_masquerade),
        ("hairpins", hairpins),
        ("a_carrier_grade_nat", a_carrier_grade_nat),
        ("no_udp", no_udp),
        ("changes_while_it_runs", changes_while_it_runs),
    ])
}

fn two_homes(nat: &str) -> Lab {
    Lab::new(&TWO_HOMES.replace("NAT", nat)).unwrap()
}

fn ping(lab: &Lab, arguments: &str) -> String {
    let script = format!("ping {arguments} -q 11.1.0.30");
    let output = lab.command("a", "sh").args(["-c", &script]).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The round trip takes what the path says, and losing everything loses everything.
fn ping_through(nat: &str) {
    let lab = two_homes(nat);
    let text = ping(&lab, "-c2 -i.2");
    assert!(text.contains(" 0% packet loss"), "{text}");
    let minimum = text.split("= ").nth(1).unwrap().split('/').next().unwrap();
    let minimum: f64 = minimum.parse().unwrap();
    assert!((40.0..80.0).contains(&minimum), "{text}");
    lab.set_path("a", "s", "loss=100%").unwrap();
    let text = ping(&lab, "-c1 -W1");
    assert!(text.contains("100% packet loss"), "{text}");
}

fn round_trips_and_losses() {
    ping_through("symmetric");
    ping_through("kernel:portrestricted");
}

fn eight_labs_at_once() {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ping_through("fullcone"));
        }
    });
}

/// Mapping and filtering of each kind, done in user space and by a kernel, seen from outside.
fn kinds_of_nat() {
    for (kind, one_port_for_all, strangers) in [
        ("fullcone", true, [true, true]),
        ("restricted", true, [true, false]),
        ("portrestricted", true, [false, false]),
        ("symmetric", false, [false, false]),
        ("symmetric,port:seq", false, [false, false]),
        ("kernel:fullcone", true, [true, true]),
        ("kernel:restricted", true, [true, false]),
        ("kernel:portrestricted", true, [false, false]),
        ("kernel:symmetric", false, [false, false]),
    ] {
        let lab = two_homes(kind);
        let [first, port, address] = ["11.1.0.30:7", "11.1.0.30:8", "11.1.0.31:7"]
            .map(|address| lab.enter("s", || UdpSocket::bind(address).unwrap()));
        let client = lab.enter("a", || UdpSocket::bind("0.0.0.0:0").unwrap());
        let mapped = seen(&first, &client).unwrap();
        assert_eq!(mapped.ip().to_string(), "11.3.0.1", "{kind}");
        let passes = [&port, &address].map(|from| arrives(from, mapped, &client));
        assert_eq!(passes, strangers, "{kind}");
        let others = [&port, &address].map(|server| seen(server, &client).unwrap() == mapped);
        assert_eq!(others, [one_port_for_all; 2], "{kind}");
    }
}

/// Who sends to a port that is masqueraded takes it from the one who wants to answer, unless input is dropped.
fn strangers_take_ports_of_a_plain_masquerade() {
    for (kind, takes) in [("kernel:masquerade", true), ("kernel:portrestricted", false)] {
        let lab = two_homes(kind);
        let [known, stranger] = ["11.1.0.30:7", "11.1.0.31:7"]
            .map(|address| lab.enter("s", || UdpSocket::bind(address).unwrap()));
        let client = lab.enter("a", || UdpSocket::bind("0.0.0.0:0").unwrap());
        let mapped = seen(&known, &client).unwrap();
        assert!(!arrives(&stranger, mapped, &client), "{kind}");
        assert_eq!(seen(&stranger, &client).unwrap() != mapped, takes, "{kind}");
    }
}

fn hairpins() {
    for (kind, hairpins) in [
        ("portrestricted", false),
        ("fullcone,hairpin:on", true),
        ("kernel:fullcone", false),
        ("kernel:fullcone,hairpin", true),
    ] {
        let lab = two_homes(kind);
        let server = lab.enter("s", || UdpSocket::bind("11.1.0.30:7").unwrap());
        let [one, other] = [("a", 4001), ("a2", 4002)]
            .map(|(node, port)| lab.enter(node, || UdpSocket::bind(("0.0.0.0", port)).unwrap()));
        let mapped = seen(&server, &one).unwrap();
        seen(&server, &other).unwrap();
        assert_eq!(arrives(&other, mapped, &one), hairpins, "{kind}");
    }
}

fn a_carrier_grade_nat() {
    let lab = Lab::new(
        "host s ip=11.1.0.30
         router cgn ip=11.3.0.1 lan=100.64.0.0/24 nat=portrestricted
         router r1 in=cgn lan=192.168.1.0/24 nat=kernel:portrestricted
         host a in=r1",
    )
    .unwrap();
    let server = lab.enter("s", || UdpSocket::bind("11.1.0.30:7").unwrap());
    let client = lab.enter("a", || UdpSocket::bind("0.0.0.0:0").unwrap());
    assert_eq!(seen(&server, &client).unwrap().ip().to_string(), "11.3.0.1");
}

fn no_udp() {
    for kind in ["blockudp", "kernel:blockudp", "kernel:tcp443"] {
        let lab = two_homes(kind);
        let server = lab.enter("s", || UdpSocket::bind("11.1.0.30:7").unwrap());
        let client = lab.enter("a", || UdpSocket::bind("0.0.0.0:0").unwrap());
        assert_eq!(seen(&server, &client), None, "{kind}");
    }
}

fn changes_while_it_runs() {
    for kind in ["portrestricted", "kernel:portrestricted"] {
        let mut lab = two_homes(kind);
        let server = lab.enter("s", || UdpSocket::bind("11.1.0.30:7").unwrap());
        let client = lab.enter("a", || UdpSocket::bind("0.0.0.0:0").unwrap());
        let mapped = seen(&server, &client).unwrap();
        assert!(arrives(&server, mapped, &client), "{kind}");
        lab.flush_nat("r1").unwrap();
        assert!(!arrives(&server, mapped, &client), "{kind}");
        lab.renumber("r1", "11.3.0.77").unwrap();
        assert_eq!(seen(&server, &client).unwrap().ip().to_string(), "11.3.0.77", "{kind}");
        lab.cut("r1").unwrap();
        assert_eq!(seen(&server, &client), None, "{kind}");
        lab.join("r1").unwrap();
        lab.move_host("a", "r2").unwrap();
        assert_eq!(seen(&server, &client).unwrap().ip().to_string(), "11.3.0.2", "{kind}");
        assert!(lab.counters("a").unwrap().sent_packets > 0);
        assert!(lab.move_host("s", "r2").is_err());
        assert!(lab.set_path("a", "nobody", "rtt=1ms").is_err());
    }
}

/// From where `server`, which is in node `s`, sees `client`.
fn seen(server: &UdpSocket, client: &UdpSocket) -> Option<SocketAddr> {
    client.send_to(b"x", server.local_addr().unwrap()).unwrap();
    server.set_read_timeout(Some(PATIENCE.min(SILENCE * 4))).unwrap();
    server.recv_from(&mut [0; 9]).ok().map(|(_, from)| from)
}

/// Whether a packet of `from` to a public address reaches the socket behind it.
fn arrives(from: &UdpSocket, to: SocketAddr, socket: &UdpSocket) -> bool {
    from.send_to(b"y", to).unwrap();
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    socket.recv_from(&mut [0; 9]).is_ok()
}
