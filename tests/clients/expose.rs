//! Applications behind `p2p expose`: what they see, uploads, server-sent events, WebSocket.

use std::{
    fs::{self, File},
    io::BufRead,
    net::TcpListener,
    path::Path,
    process::Command,
    time::Duration,
};

use p2p::runtime::{block_on, clock};
use ring::digest::{SHA256, digest};

use crate::application::{Application, expose, hex};
use crate::form::{self, Form};
use crate::running::Running;
use testbed::people::{Neighbours, Program, command, noise, run, succeed};
use testbed::programs::{self, have, have_python};

/// Where alice exposes the application.
const PORT: u16 = 1001;

#[test]
fn an_application_sees_who_asks_and_how() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    let application = Application::start();
    let _exposed = application.expose(&neighbours, PORT);
    let key = bobs_key(&neighbours);
    for form in Form::ALL {
        let url = form.url(&neighbours, PORT, "/fields");
        let forged = ["--header", "P2P-Key: forged", "--header", "P2P-Peer: carol@example.com"];
        let fields = succeed(form.curl(&neighbours, &forged).args(["--header", "Own: kept", &url]));
        let fields = String::from_utf8(fields).unwrap();
        let values = |name: &str| {
            let lines = fields.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|line| line.0 == name).map(|line| line.1).collect::<Vec<_>>()
        };
        assert_eq!(values("p2p-key"), [&*key], "{form:?}: {fields}");
        assert_eq!(values("p2p-trust"), ["none"], "{form:?}: {fields}");
        assert!(values("p2p-peer").is_empty(), "{form:?}: {fields}");
        assert_eq!(values("host"), ["alice.at.example.com:1001"], "{form:?}: {fields}");
        assert_eq!(values("own"), ["kept"], "{form:?}: {fields}");
        let prefix: &[&str] = if form == Form::Path { &["/alice@example.com/1001"] } else { &[] };
        assert_eq!(values("x-forwarded-prefix"), prefix, "{form:?}: {fields}");
    }
}

#[test]
fn an_application_that_is_not_there_yet_is_told_of() {
    let root = tempfile::tempdir().unwrap();
    let told = root.path().join("told");
    let exposed = |target: &str| {
        let mut command = command(
            &root.path().join("home"),
            &["expose", target, "--udp", "127.0.0.1:0", "--overlay", "store:http://127.0.0.1:9/"],
        );
        Program::launch(command.stderr(File::create(&told).unwrap()))
    };
    let told_of = || fs::read_to_string(&told).unwrap();
    let nobody = exposed("9");
    let started = clock::now();
    while !told_of().contains("nothing answers at http://127.0.0.1:9 yet (connection refused)") {
        assert!(clock::now() - started < Duration::from_secs(60), "{}", told_of());
        block_on(clock::sleep(Duration::from_millis(20)));
    }
    assert!(nobody.stop().success(), "it was exposed all the same");

    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let somebody = exposed(&application.local_addr().unwrap().port().to_string());
    drop(application.accept().unwrap());
    assert!(somebody.stop().success());
    assert!(!told_of().contains("nothing answers"), "{}", told_of());
}

#[test]
fn large_uploads_arrive_whole() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    let application = Application::start();
    let _exposed = application.expose(&neighbours, PORT);
    let content = noise(20_000_000);
    let hash = hex(digest(&SHA256, &content).as_ref());
    let file = neighbours.root.path().join("upload");
    fs::write(&file, content).unwrap();
    let path = file.to_str().unwrap();
    let at_path = format!("@{path}");
    for form in Form::ALL {
        let url = form.url(&neighbours, PORT, "/upload");
        for (method, arguments) in [
            ("PUT", &["--upload-file", path][..]),
            ("PUT", &["--upload-file", path, "--header", "Transfer-Encoding: chunked"]),
            ("PUT", &["--upload-file", path, "--header", "Expect:"]),
            ("POST", &["--data-binary", &at_path]),
            ("POST", &["--data-binary", &at_path, "--header", "Transfer-Encoding: chunked"]),
        ] {
            let answer = succeed(form.curl(&neighbours, arguments).arg(&url));
            let expected = format!("{method} 20000000 {hash}");
            assert_eq!(String::from_utf8(answer).unwrap(), expected, "{form:?} {arguments:?}");
        }
        let waits = ["--verbose", "--header", "Expect: 100-continue", "--expect100-timeout", "600"];
        let mut curl = form.curl(&neighbours, &waits);
        let output = curl.args(["--upload-file", path, &url]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("< HTTP/1.1 100 "), "{form:?}: {said}");
    }
}

#[test]
fn a_refused_upload_learns_why() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    let application = Application::start();
    let _exposed = application.expose(&neighbours, PORT);
    let file = neighbours.root.path().join("upload");
    fs::write(&file, noise(20_000_000)).unwrap();
    for form in Form::ALL {
        let url = form.url(&neighbours, PORT, "/refuse");
        for expect in ["Expect: 100-continue", "Expect:"] {
            let arguments = ["--header", expect, "--upload-file", file.to_str().unwrap(), &url];
            let output = form.curl(&neighbours, &arguments).output().unwrap();
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.stdout, b"too large", "{form:?} {expect}: {complaint}");
            // nor does a folder take anything
            let url = form.url(&neighbours, 1000, "/talk.mp3");
            let arguments = ["--header", expect, "--upload-file", file.to_str().unwrap(), &url];
            let output = form.curl(&neighbours, &arguments).arg("--include").output().unwrap();
            let head = String::from_utf8_lossy(&output.stdout);
            assert!(head.contains("HTTP/1.1 405 "), "{form:?} {expect}: {head}");
        }
    }
}

#[test]
fn server_sent_events_arrive_one_by_one() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    for form in Form::ALL {
        let mut application = Application::start();
        let exposed = application.expose(&neighbours, PORT);
        let events = application.events.take().unwrap();
        let url = form.url(&neighbours, PORT, "/events");
        let curl = form.curl(&neighbours, &["--no-buffer", "--max-time", "60", &url]);
        let (mut curl, mut arrived) = Running::start(curl);
        for event in ["one", "two", "three"] {
            events.send(event).unwrap();
            // the next is not sent before this one is there
            assert_eq!(line(&mut arrived), format!("data: {event}\n"), "{form:?}");
            assert_eq!(line(&mut arrived), "\n", "{form:?}");
        }
        drop(events);
        assert_eq!(line(&mut arrived), "", "{form:?}");
        assert!(curl.succeeds(), "{form:?}");
        assert!(exposed.stop().success()); // and frees the port for the next
    }
}

#[test]
fn websockets_pass_both_ways() {
    if !have_python("websockets") {
        return;
    }
    let neighbours = Neighbours::start(|_| {});
    let (_server, mut said) = Running::start(python(&["serve"]));
    let _exposed = expose(&neighbours, line(&mut said).trim(), PORT);
    let proxy = format!("http://{}", neighbours.proxy());
    let key = format!("key {}\n", bobs_key(&neighbours));
    for form in Form::ALL {
        let url = form.url(&neighbours, PORT, "/socket").replacen("http://", "ws://", 1);
        let (proxy, address) = match form {
            Form::OwnOrigin => ("-", neighbours.proxy()), // Python cannot resolve the name
            Form::Path => ("-", "-"),
            Form::Proxy => (&*proxy, "-"), // a tunnel: CONNECT
        };
        let output = succeed(&mut python(&["talk", &url, proxy, address]));
        let output = String::from_utf8(output).unwrap();
        assert!(output.ends_with("\ndone\n"), "{form:?}: {output}");
        assert!(output.starts_with(&key), "{form:?}: {output}");
    }
}

fn bobs_key(neighbours: &Neighbours) -> String {
    let status = run(&neighbours.root.path().join("bob"), &["status", "--json"]).stdout;
    let status = String::from_utf8(status).unwrap();
    status.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn python(arguments: &[&str]) -> Command {
    let mut python = form::bare(&programs::python());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/websocket.py");
    python.arg(script).args(arguments);
    python
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line
}
