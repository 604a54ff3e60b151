//! The network namespace of one node.

use std::{
    fs::File,
    os::fd::AsFd,
    panic::resume_unwind,
    process::{Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Error;

/// It is removed when this is dropped; processes still in it keep it alive.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    /// Makes one that `ip` knows by this name.
    pub(crate) fn create(name: String) -> Result<Namespace, Error> {
        finish(Command::new("ip").args(["netns", "add", &name]), &name)?;
        let path = path(&name);
        let file = File::open(&path).map_err(Error::system(path))?;
        let namespace = Namespace { name, file };
        namespace.script(
            "ip link set lo up
             sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
                net.ipv4.ping_group_range='0 0' || true",
        )?;
        Ok(namespace)
    }

    /// What `ip` calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", path(&self.name))).arg(program);
        command
    }

    /// Runs a shell script in it, which ends at the first failure.
    pub(crate) fn script(&self, script: &str) -> Result<(), Error> {
        finish(self.command("sh").args(["-ec", script]), script)
    }

    /// Runs a closure on a thread in it. Sockets made there stay there, whichever thread uses them.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.file.as_fd(), network).expect("a namespace of ours");
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn path(name: &str) -> String {
    format!("/run/netns/{name}")
}

/// Runs a command to its end; what it says becomes the error.
fn finish(command: &mut Command, script: &str) -> Result<(), Error> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(Error::system(format!("{:?}", command.get_program())))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Script { script: script.to_owned(), complaint })
}
