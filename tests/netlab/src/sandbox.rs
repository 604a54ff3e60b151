//! Starts the process again in namespaces of its own.
//!
//! `unshare` makes mount, pid, network and UTS namespaces (and a user namespace, in which this user is root,
//! for anybody but root), a shell prepares them, and the same program with the same arguments runs inside.
//! The outer process becomes `unshare`, so that whoever kills it kills everything, and whoever waits for it
//! gets the program's exit status. Processes, devices, rules and mounts all vanish with the namespaces: no
//! lab needs to clean up, and `kill -9` leaves nothing behind.
//!
//! As root the processes inside are root with all ids, so that daemons may change theirs. As another user only
//! one id exists, and daemons that insist on `setuid` fail.

use std::{
    env, io,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// Set inside.
const INSIDE: &str = "NETLAB_INSIDE";

const NAMESPACES: [&str; 7] =
    ["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc"];

/// What makes a user root who is not.
const OWN_USERS: [&str; 2] = ["--user", "--map-root-user"];

/// `/run` is private, and so are the names of namespaces in it.
const PREPARE: &str = "mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up \
    || exit 125
test -w /dev/net/tun || { echo /dev/net/tun is not writable >&2; exit 125; }\n";

/// Whether this process runs in a sandbox.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Returns in the sandbox; outside, the process is replaced by one that is inside.
///
/// Files and environment stay as they are; `/usr/sbin`, where daemons live, is in the path.
///
/// # Errors
/// Why there is no sandbox on this machine: user namespaces are forbidden (Docker's default profile, Ubuntu's
/// `kernel.apparmor_restrict_unprivileged_userns`), `/dev/net/tun` is closed, or a program is missing.
pub fn enter() -> Result<(), String> {
    if is_inside() {
        return Ok(());
    }
    let options = choose()?;
    let program = env::current_exe().map_err(|error| format!("its own path: {error}"))?;
    let mut command = unshare(&options, &format!("{PREPARE}\"$0\" \"$@\"\nexit $?"));
    command.arg(program).args(env::args_os().skip(1)).env(INSIDE, "1");
    Err(format!("cannot run unshare: {}", command.exec()))
}

/// The options with which the kernel gives us namespaces: as root, else in a user namespace.
fn choose() -> Result<Vec<&'static str>, String> {
    let mut complaint = String::new();
    for options in [NAMESPACES.to_vec(), [&OWN_USERS[..], &NAMESPACES].concat()] {
        let output = unshare(&options, PREPARE).stdin(Stdio::null()).output();
        let output = output.map_err(|error: io::Error| format!("cannot run unshare: {error}"))?;
        if output.status.success() {
            return Ok(options);
        }
        complaint = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    }
    Err(complaint)
}

fn unshare(options: &[&str], script: &str) -> Command {
    let mut command = Command::new("unshare");
    let path = env::var("PATH").unwrap_or_default();
    command.args(options).args(["sh", "-c", script]).env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
