//! `p2p doctor`: what this machine's network is like, and what stands in the way.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
    values::overlay,
};
use crate::daemon::{self, Check, Home};
use crate::overlay::OverlayAddress;
use crate::runtime::block_on;

/// Examine this machine and its network, and say what to do about what is wrong.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "doctor")]
pub(super) struct Doctor {
    /// an overlay to examine in place of those in use (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,

    /// print JSON
    #[argh(switch)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        // the home is looked at, not made
        let home = Home::locate(given).map_err(home::unusable)?;
        let config = home::config(&home)?;
        // without a network, its name servers are waited for
        if io::stderr().is_terminal() {
            speak::note("asking around, for up to 20 seconds");
        }
        let checks = block_on(daemon::doctor(&home, &config, &self.overlay));
        let checks = checks.map_err(Failure::usage)?;
        if self.json {
            speak::line(checks.serialize_json())?;
        } else {
            checks.iter().try_for_each(describe)?;
        }
        match checks.iter().filter(|check| check.is_wrong()).count() {
            0 => Ok(()),
            1 => Err(Failure::failed("one thing is wrong")),
            many => Err(Failure::failed(format!("{many} things are wrong"))),
        }
    }
}

fn describe(check: &Check) -> Outcome {
    let Check { name, outcome, found, advice } = check;
    speak::line(format!("{name:<13} {outcome:<6} {found}"))?;
    advice.iter().try_for_each(|advice| speak::line(format!("{:<21}{advice}", "")))
}
