//! `p2p status`: what the daemon of this home is doing.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{ControlClient, ControlError, Status as Report};
use crate::runtime::block_on;

/// Show what the daemon serves, where it publishes and whom it talks to.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "status")]
pub(super) struct Status {
    /// print JSON
    #[argh(switch)]
    json: bool,
}

impl Status {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::present(given)?;
        let report: Report =
            block_on(ControlClient::new(&home).get("/api/status")).map_err(|error| {
                let failure = Failure::failed(&error);
                match error {
                    ControlError::NoDaemon => failure.hint("p2p proxy or p2p serve starts one"),
                    _ => failure,
                }
            })?;
        if self.json {
            speak::line(report.serialize_json())
        } else {
            speak::line(describe(&report))
        }
    }
}

fn describe(report: &Report) -> String {
    let mut rows = vec![
        ("name", report.name.clone().unwrap_or_else(|| "none (p2p init makes one)".into())),
        ("fingerprint", report.fingerprint.clone()),
        ("peers come to", report.udp.join(" ")),
        (
            "browsers come to",
            if report.proxy.is_empty() {
                "nowhere (p2p proxy)".into()
            } else {
                report.proxy.join(" ")
            },
        ),
    ];
    rows.extend(report.presence.iter().map(|presence| ("found by", presence.words())));
    rows.extend(report.overlays.iter().map(|overlay| ("overlay", overlay.words())));
    rows.extend(report.rendezvous.iter().map(|node| ("rendezvous", node.words())));
    rows.extend(report.lending.iter().map(|lending| ("lends itself", lending.words())));
    let certificates = report.certificates.iter();
    rows.extend(certificates.map(|certificate| ("certificate", certificate.words())));
    rows.extend(report.services.iter().map(|service| ("serves", service.words())));
    rows.extend(report.candidates.iter().map(|c| ("candidate", c.words())));
    rows.extend(report.teredo.iter().map(|state| ("teredo", state.clone())));
    rows.push(("connections", report.connections.to_string()));
    rows.extend(report.peers.iter().map(|peer| ("peer", peer.words())));
    rows.push(("process", report.process.to_string()));
    let lines: Vec<String> = rows.iter().map(|(what, text)| format!("{what:<17} {text}")).collect();
    lines.join("\n")
}
