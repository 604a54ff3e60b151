//! Two people on one machine, with real processes: a store, alice who serves, bob who browses.
//!
//! Every process listens on loopback at a port of the system's choice, keeps its home in a folder of its
//! own, and is ended with the test.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::programs::{p2p, quiet};
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

/// How long a process may take until it is ready, on a machine busy with other tests.
const READY_TIME: Duration = Duration::from_secs(60);

/// Alice's name in all tests.
pub const ALICE: &str = "alice@example.com";

/// A running `p2p`.
pub struct Program {
    child: Child,
    /// The lines that came on its stdout before it was ready.
    pub before_ready: Vec<String>,
    /// What stood behind `ready ` on its stdout.
    pub ready: String,
}

impl Program {
    /// Starts it and waits for its `ready` line.
    pub fn start(home: &Path, arguments: &[&str]) -> Program {
        Program::launch(&mut command(home, arguments))
    }

    /// The same for a command that is prepared already; its stdout is taken.
    pub fn launch(command: &mut Command) -> Program {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut program = Program { child, before_ready: Vec::new(), ready: String::new() };
        while program.ready.is_empty() {
            let line = lines.recv_timeout(READY_TIME).unwrap_or_else(|_| {
                panic!("{command:?} did not get ready: {:?}", program.before_ready)
            });
            match line.strip_prefix("ready ") {
                Some(ready) => program.ready = ready.to_owned(),
                None => program.before_ready.push(line),
            }
        }
        program
    }

    /// The value of `key=` in the ready line.
    pub fn said(&self, key: &str) -> &str {
        let value =
            self.ready.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {key}= in {:?}", self.ready))
    }

    /// The process id, for looking at its memory.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB, and the most there ever was.
    pub fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Sends SIGTERM, as a service manager does, and waits for the end.
    pub fn stop(self) -> ExitStatus {
        self.end("TERM", Duration::from_secs(60))
    }

    /// Sends a signal and waits for the end.
    ///
    /// # Panics
    /// When there is none within `limit`.
    pub fn end(mut self, signal: &str, limit: Duration) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        self.wait(limit)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let started = clock::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(clock::now() - started < limit, "p2p still runs after {limit:?}");
            block_on(clock::sleep(Duration::from_millis(20)));
        }
    }

    /// Ends it without a chance to clean up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `p2p` in a home, with nothing of the tester's own settings.
pub fn command(home: &Path, arguments: &[&str]) -> Command {
    prepare(p2p(), home, arguments)
}

/// The same for a command that starts `p2p` in its own way; see [`through`](crate::programs::through).
pub fn prepare(mut command: Command, home: &Path, arguments: &[&str]) -> Command {
    quiet(&mut command);
    command.args(arguments).env("P2P_HOME", home).stdin(Stdio::null());
    for variable in ["NOTIFY_SOCKET", "http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command of `p2p` to its end; one that has none is killed.
pub fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = command(home, arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let (ended, end) = mpsc::channel::<()>();
    thread::spawn(move || {
        if end.recv_timeout(READY_TIME) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    output
}

/// Stdout of a command that must succeed.
pub fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// A store, alice who serves `folder` at port 1000, and bob's proxy.
pub struct Neighbours {
    /// Alice's shared folder.
    pub folder: PathBuf,
    pub bob: Program,
    pub alice: Program,
    pub store: Program,
    /// Homes and folder, removed at the end.
    pub root: TempDir,
}

impl Neighbours {
    /// Starts all three; `fill` puts into the folder what alice shares.
    pub fn start(fill: impl FnOnce(&Path)) -> Neighbours {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("media");
        fs::create_dir(&folder).unwrap();
        fill(&folder);
        let store =
            Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
        let overlay = format!("store:{}", store.said("store"));
        let home = root.path().join("alice");
        assert!(run(&home, &["init", ALICE]).status.success());
        let alice = Program::start(
            &home,
            &[
                &["serve", folder.to_str().unwrap(), "--port", "1000"],
                &["--udp", "127.0.0.1:0", "--overlay", &overlay][..],
            ]
            .concat(),
        );
        let bob = Program::start(
            &root.path().join("bob"),
            &["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--overlay", &overlay],
        );
        Neighbours { folder, bob, alice, store, root }
    }

    /// Host and port of bob's proxy.
    pub fn proxy(&self) -> &str {
        self.bob.said("proxy")
    }

    /// The overlay that the three use.
    pub fn overlay(&self) -> String {
        format!("store:{}", self.store.said("store"))
    }

    /// The URL of `path` (which begins with a slash) in the path form.
    pub fn path_url(&self, path: &str) -> String {
        format!("http://{}/{ALICE}/1000{path}", self.proxy())
    }

    /// The URL of `path` in the proxy form; it needs bob's proxy.
    pub fn proxy_url(&self, path: &str) -> String {
        format!("http://alice.at.example.com:1000{path}")
    }

    /// The URL of `path` in the own-origin form.
    pub fn origin_url(&self, path: &str) -> String {
        let port = self.proxy().rsplit_once(':').unwrap().1;
        format!("http://1000-alice-at-example-com.localhost:{port}{path}")
    }
}

/// `length` octets that no compression shortens and no shift resembles.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut octets = Vec::with_capacity(length + 8);
    while octets.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        octets.extend_from_slice(&state.to_le_bytes());
    }
    octets.truncate(length);
    octets
}

/// Reads all of a stream into a text.
pub fn text(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
