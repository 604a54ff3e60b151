//! Servers that others wrote, as processes that end with their test.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::overlays::store;
use crate::programs::{have, have_python, python};
use p2p::identity::Slot;
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

/// A process that ends with its test, with those that it started, and its folder.
pub struct Running {
    child: Child,
    _folder: Option<TempDir>,
}

impl Running {
    /// Ends the folder with the process.
    pub fn with_folder(mut self, folder: TempDir) -> Running {
        self._folder = Some(folder);
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nginx with a folder that `alice` may write to with the password `p@ss`, and a folder of plain files.
pub fn nginx() -> Option<(Running, SocketAddr)> {
    have("nginx").then_some(())?;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("dav/p2p")).unwrap();
    fs::write(folder.path().join("passwords"), "alice:{PLAIN}p@ss\n").unwrap();
    let address = free_address();
    let temporary = temporary_paths();
    let root = folder.path().join("dav").display().to_string();
    let config = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; {temporary}
            server {{
                listen {address}; root {root}; client_max_body_size 1k;
                location /p2p/ {{
                    dav_methods PUT DELETE; dav_access user:rw all:r;
                    limit_except GET HEAD {{ auth_basic p2p; auth_basic_user_file passwords; }}
                }}
            }}
        }}"
    );
    fs::write(folder.path().join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    let running = start(command, folder.path()).with_folder(folder);
    await_listener(address);
    Some((running, address))
}

/// What nginx needs to be told to keep to its own folder.
pub fn temporary_paths() -> String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat()
}

/// Two OpenDHT nodes that know each other, in a network of their own, the first with a proxy.
pub fn dhtnodes() -> Option<(Vec<Running>, SocketAddr)> {
    have("dhtnode").then_some(())?;
    let (proxy, first, second) = (free_address(), free_port(), free_port());
    let node = |port: u16, more: &[&str]| {
        let mut command = Command::new("dhtnode");
        command.args(["-n", "3212", "-p", &port.to_string()]).args(more);
        start_alone(command)
    };
    let one = node(first, &["--proxyserver", &proxy.port().to_string()]);
    let two = node(second, &["-b", &format!("127.0.0.1:{first}")]);
    await_listener(proxy);
    let url = format!("http://{proxy}/");
    await_until("the nodes do not meet", || {
        let info = store::request("GET", &url, &[], b"").map(|(_, body)| body).unwrap_or_default();
        String::from_utf8_lossy(&info).contains("\"good\":1")
    });
    Some((vec![one, two], proxy))
}

/// moto, which answers like Amazon's S3, with a bucket `p2p` in it. It asks for a signature and does not
/// check it.
pub fn moto() -> Option<(Running, SocketAddr)> {
    have_python("moto").then_some(())?;
    let address = free_address();
    let mut command = Command::new(python());
    let port = address.port().to_string();
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port]);
    let running = start_alone(command);
    await_listener(address);
    let made = store::request("PUT", &format!("http://{address}/p2p"), &[], b"").unwrap();
    assert_eq!(made.0, 200, "{}", String::from_utf8_lossy(&made.1));
    Some((running, address))
}

/// opentracker as Debian builds it: it knows the swarms that its operator lists.
pub struct OpenTracker {
    pub address: SocketAddr,
    process: Running,
    folder: TempDir,
}

/// An opentracker that knows no swarm yet, over TCP and UDP at the same port.
pub fn opentracker() -> Option<OpenTracker> {
    have("opentracker").then_some(())?;
    let folder = tempfile::tempdir().unwrap();
    // run by root, it goes on as nobody
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join(ADMITTED), "").unwrap();
    let address = free_address();
    let port = address.port().to_string();
    let mut command = Command::new("opentracker");
    command.args(["-i", "127.0.0.1", "-p", &port, "-P", &port, "-w", ADMITTED, "-d"]);
    command.arg(folder.path());
    let process = start(command, folder.path());
    await_listener(address);
    Some(OpenTracker { address, process, folder })
}

/// The file of swarms.
const ADMITTED: &str = "admitted";

impl OpenTracker {
    /// Where it is asked by HTTP.
    pub fn announce_url(&self) -> String {
        format!("http://{}/announce", self.address)
    }

    /// Lists a swarm and waits until it is known.
    pub fn admit(&self, swarm: &Slot) {
        let path = self.folder.path().join(ADMITTED);
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{swarm}").unwrap();
        let id = self.process.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "HUP", &id]).status().unwrap().success());
        // whoever leaves a swarm is never refused, so somebody has to enter it
        await_until("the tracker does not read its list", || {
            !self.tell(swarm, 9, "started").starts_with(b"d14:failure reason")
        });
        self.tell(swarm, 9, "stopped");
    }

    /// Announces a port of this machine, as anybody can.
    pub fn announce(&self, swarm: &Slot, port: u16) {
        self.tell(swarm, port, "started");
    }

    fn tell(&self, swarm: &Slot, port: u16, event: &str) -> Vec<u8> {
        let hash: String = swarm.0.iter().map(|octet| format!("%{octet:02x}")).collect();
        let query = format!("peer_id=01234567890123456789&port={port}&event={event}&left=0");
        let url = format!("{}?info_hash={hash}&{query}", self.announce_url());
        store::request("GET", &url, &[], b"").unwrap().1
    }
}

/// Starts a process in a folder of its own.
fn start_alone(command: Command) -> Running {
    let folder = tempfile::tempdir().unwrap();
    start(command, folder.path()).with_folder(folder)
}

/// Starts a process in a folder.
pub fn start(mut command: Command, folder: &Path) -> Running {
    command.current_dir(folder).stdin(Stdio::piped()).process_group(0);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Running { child: command.spawn().unwrap(), _folder: None }
}

/// Free a moment ago; these programs cannot tell which port they got.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn await_listener(address: SocketAddr) {
    await_until(&format!("nobody listens at {address}"), || TcpStream::connect(address).is_ok());
}

pub fn await_until(otherwise: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            clock::sleep(Duration::from_millis(20)).await;
        }
    };
    block_on(clock::timeout(Duration::from_secs(20), waited)).expect(otherwise);
}

/// A folder whose files are served below `/` with GET, without anything around.
pub fn files(folder: &Path) -> SocketAddr {
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let path = request.url().trim_start_matches('/').to_owned();
            let _ = match fs::read(folder.join(path)) {
                Ok(content) => request.respond(tiny_http::Response::from_data(content)),
                Err(_) => request.respond(tiny_http::Response::empty(404)),
            };
        }
    });
    address
}
