//! The three ways in, as client programs are told about them.

use std::process::Command;

use testbed::people::{self, Neighbours};
use testbed::programs;

/// A way to alice's services through bob's daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    OwnOrigin,
    Path,
    Proxy,
}

impl Form {
    /// For programs that find names under `localhost` by themselves.
    pub(crate) const ALL: [Form; 3] = [Form::OwnOrigin, Form::Path, Form::Proxy];
    /// For programs that ask the system, which may not know such names.
    pub(crate) const WITHOUT_RESOLVER: [Form; 2] = [Form::Path, Form::Proxy];

    /// The URL of `path` (which begins with a slash) at one of alice's ports.
    pub(crate) fn url(self, neighbours: &Neighbours, port: u16, path: &str) -> String {
        let proxy = neighbours.proxy();
        match self {
            Form::OwnOrigin => {
                let daemon = proxy.rsplit_once(':').unwrap().1;
                format!("http://{port}-alice-at-example-com.localhost:{daemon}{path}")
            }
            Form::Path => format!("http://{proxy}/{}/{port}{path}", people::ALICE),
            Form::Proxy => format!("http://alice.at.example.com:{port}{path}"),
        }
    }

    /// A program with the settings of this form and none of the tester's own.
    pub(crate) fn program(self, neighbours: &Neighbours, program: &str) -> Command {
        let mut command = bare(program);
        if self == Form::Proxy {
            command.env("http_proxy", format!("http://{}", neighbours.proxy()));
        }
        command
    }

    /// curl, which reports errors of HTTP as its own.
    pub(crate) fn curl(self, neighbours: &Neighbours, arguments: &[&str]) -> Command {
        let mut command = self.program(neighbours, "curl");
        // -q: not the tester's ~/.curlrc
        command.args(["-q", "--silent", "--show-error", "--fail-with-body"]).args(arguments);
        command
    }
}

/// A program without proxy settings, in a locale with UTF-8.
pub(crate) fn bare(program: &str) -> Command {
    let mut command = programs::through(program);
    for variable in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(variable).env_remove(variable.to_uppercase());
    }
    command.env("LC_ALL", "C.UTF-8");
    command
}
