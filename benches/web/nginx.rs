//! nginx as the reference: one process, plain and with TLS, nothing logged.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

use crate::process::{Killed, find};

#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) plain: SocketAddr,
    /// None without a program that makes certificates.
    pub(crate) tls: Option<SocketAddr>,
    process: Killed,
    _prefix: TempDir,
}

impl Nginx {
    /// Serves `folder`; None where nginx is not installed.
    pub(crate) fn start(folder: &Path) -> Option<Nginx> {
        let program = find("nginx")?;
        let prefix = tempfile::tempdir().expect("a folder");
        let certified = certify(prefix.path());
        let (plain, tls) = (free_address(), free_address());
        let with_tls = if certified {
            format!(
                "listen {tls} ssl; ssl_protocols TLSv1.3; ssl_certificate cert.pem; ssl_certificate_key key.pem;"
            )
        } else {
            String::new()
        };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;
            events {{ worker_connections 256; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
                {temporary}
                server {{ listen {plain}; {with_tls} root {}; }}
            }}",
            folder.display()
        );
        let path = prefix.path().join("nginx.conf");
        fs::write(&path, config).expect("a file");
        let mut command = Command::new(program);
        command.arg("-p").arg(prefix.path()).arg("-c").arg(path).args(["-e", "error.log"]);
        let process = Killed(command.stdin(Stdio::null()).spawn().ok()?);
        await_listener(plain);
        Some(Nginx { plain, tls: certified.then_some(tls), process, _prefix: prefix })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }
}

/// Makes a key and a certificate that nobody verifies.
fn certify(folder: &Path) -> bool {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch \
                     -subj /CN=localhost -keyout key.pem -out cert.pem";
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(folder);
    command.output().is_ok_and(|output| output.status.success())
}

/// Free a moment ago; nginx cannot tell which port it got.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

fn await_listener(address: SocketAddr) {
    for _ in 0..500 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        block_on(clock::sleep(Duration::from_millis(10)));
    }
    panic!("nginx does not listen at {address}");
}
