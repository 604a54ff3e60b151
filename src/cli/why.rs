//! `p2p why`: where the way to a service ends.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    open::destination,
    speak::{self, Failure, Outcome},
    values::overlay,
};
use crate::daemon::{self, ControlClient, ControlError, Labels, Stopped, Walk, WalkStep};
use crate::identity::OriginLabel;
use crate::overlay::OverlayAddress;
use crate::runtime::block_on;

/// Walk the way to a service step by step, and say where it ends.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "why")]
pub(super) struct Why {
    /// whose service: alice@example.com:1000, port 80 unless given, or its web address
    #[argh(positional)]
    target: String,

    /// where to look where no daemon runs, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,

    /// print JSON
    #[argh(switch)]
    json: bool,
}

impl Why {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let web_address = self.target.starts_with("http://").then_some(&*self.target);
        let named = match web_address {
            None => OriginLabel::Plain(destination(&self.target)?),
            Some(url) => OriginLabel::of_url(url).ok_or_else(|| elsewhere(url))?,
        };
        let home = home::prepare(given)?;
        let destination = match named {
            OriginLabel::Plain(destination) => destination,
            OriginLabel::Hash(label) => {
                Labels::new(&home).find(&label).ok_or_else(|| unknown(&label))?
            }
        };
        let walk = block_on(async {
            match ControlClient::new(&home).why(&destination).await {
                Err(ControlError::NoDaemon) => {}
                walk => return walk.map_err(Failure::failed),
            }
            let config = home::config(&home)?;
            let overlays = config.overlays(&self.overlay).map_err(Failure::usage)?;
            let identity = home::identity(&home)?;
            let walk = daemon::why(&home, identity, &overlays, &config, &destination);
            walk.await.map_err(Failure::failed)
        })?;
        if self.json {
            speak::line(walk.serialize_json())?;
        } else {
            walk.steps.iter().try_for_each(describe)?;
        }
        ended(walk)
    }
}

fn elsewhere(url: &str) -> Failure {
    Failure::usage(format!("{url:?} is not the address of a service"))
        .hint("it looks like http://1000-alice-at-example-com.localhost:5050/")
}

/// The label stands for a name that is too long, which only who has met it knows.
fn unknown(label: &str) -> Failure {
    Failure::failed(format!("nobody with the short address {label} is known here"))
        .hint("p2p why NAME:PORT")
}

fn describe(step: &WalkStep) -> Outcome {
    let WalkStep { step, state, ms, found } = step;
    let time = ms.map(|ms| format!("{ms:.1} ms")).unwrap_or_default();
    let mut found = found.iter();
    let first = found.next().cloned().unwrap_or_default();
    let line = format!("{step:<9} {state:<11} {time:>10}  {first}");
    speak::line(line.trim_end())?;
    found.try_for_each(|more| speak::line(format!("{:<34}{more}", "")))
}

/// The end of the command: in the words of the error page, where the walk was stopped.
fn ended(walk: Walk) -> Outcome {
    let Some(Stopped { headline, explanation, advice, refused }) = walk.stopped else {
        return Ok(());
    };
    let message = format!("{headline}: {explanation}");
    let failure = if refused { Failure::refused(message) } else { Failure::failed(message) };
    Err(failure.hint(advice))
}
