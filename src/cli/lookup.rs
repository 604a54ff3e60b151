//! `p2p lookup`: what each overlay says about a name.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
    values::overlay,
};
use crate::daemon::{LookUp, look_up};
use crate::identity::{Name, milliseconds, unset_clock};
use crate::overlay::OverlayAddress;
use crate::registration::{Outcome as Answers, Said};
use crate::runtime::{block_on, clock};

/// Ask every overlay where somebody is, and show what each answers.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "lookup")]
pub(super) struct Lookup {
    /// whose registration
    #[argh(positional)]
    name: String,

    /// where to look, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,

    /// print JSON
    #[argh(switch)]
    json: bool,
}

/// What `--json` prints.
#[derive(SerJson)]
struct Report {
    name: String,
    overlays: Vec<OverlayReport>,
    found: Vec<FoundReport>,
    /// The decision, in words.
    trust: Option<String>,
}

#[derive(SerJson)]
struct OverlayReport {
    address: String,
    answer: String,
    ms: Option<f64>,
}

#[derive(SerJson)]
struct FoundReport {
    key: String,
    fingerprint: String,
    age: u64,
    expires_in: u64,
    locators: Vec<String>,
}

impl Lookup {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let name = Name::parse(&self.name)
            .map_err(|error| Failure::usage(format!("{:?} is not a name: {error}", self.name)))?;
        let home = home::prepare(given)?;
        let overlays = home::config(&home)?.overlays(&self.overlay).map_err(Failure::usage)?;
        let LookUp { addresses, outcome: answers, reason } =
            block_on(look_up(&home, &overlays, &name));
        let report = report(&name, addresses, &answers, reason);
        if self.json {
            speak::line(report.serialize_json())?;
        } else {
            describe(&report)?;
        }
        if report.found.is_empty() { Err(nobody(&name, &answers)) } else { Ok(()) }
    }
}

fn nobody(name: &Name, answers: &Answers) -> Failure {
    let silent = |said: &Said| matches!(said, Said::Failed(_) | Said::TooLate);
    if !answers.reports.is_empty() && answers.reports.iter().all(|report| silent(&report.said)) {
        return Failure::failed(format!("cannot look up {name}: no overlay gave an answer"))
            .hint("check that this machine is online, or ask elsewhere with --overlay");
    }
    let hint = match unset_clock(clock::wall()) {
        Some(words) => format!("{words}; no packet counts before it is set"),
        None => "ask for a share link, which says where to look".into(),
    };
    Failure::failed(format!("no overlay holds a registration packet of {name} that counts"))
        .hint(hint)
}

fn report(name: &Name, addresses: Vec<String>, answers: &Answers, trust: Option<String>) -> Report {
    let now = clock::wall();
    let overlays = addresses.into_iter().zip(&answers.reports).map(|(address, report)| {
        let ms = report.latency.map(milliseconds);
        OverlayReport { address, answer: report.said.to_string(), ms }
    });
    let found = answers.found.iter().map(|packet| {
        let registration = packet.registration();
        FoundReport {
            key: registration.key.to_string(),
            fingerprint: registration.key.fingerprint().to_string(),
            age: now.since(registration.sequence).as_secs(),
            expires_in: packet.expires().since(now).as_secs(),
            locators: registration.locators.iter().map(ToString::to_string).collect(),
        }
    });
    Report { name: name.to_string(), overlays: overlays.collect(), found: found.collect(), trust }
}

fn describe(report: &Report) -> Outcome {
    for OverlayReport { address, answer, ms } in &report.overlays {
        let time = ms.map_or_else(|| "     -".into(), |ms| format!("{ms:6.1} ms"));
        speak::line(format!("{time}  {address}  {answer}"))?;
    }
    for found in &report.found {
        speak::line(format!("key      {}", found.fingerprint))?;
        speak::line(format!(
            "signed   {} s ago, counts for {} s more",
            found.age, found.expires_in
        ))?;
        for locator in &found.locators {
            speak::line(format!("at       {locator}"))?;
        }
    }
    report.trust.iter().try_for_each(|reason| speak::line(format!("trust    {reason}")))
}
