//! `p2p status`: what the daemon of this home is doing.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{
    CandidateStatus, ControlClient, ControlError, Home, LendingStatus, OverlayStatus, PeerStatus,
    PresenceStatus, RendezvousStatus, ServiceStatus, Status as Report,
};
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
        let home = Home::locate(given).map_err(home::unusable)?;
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
    rows.extend(report.presence.iter().map(|presence| ("found by", describe_presence(presence))));
    rows.extend(report.overlays.iter().map(|overlay| ("overlay", describe_overlay(overlay))));
    rows.extend(report.rendezvous.iter().map(|node| ("rendezvous", describe_rendezvous(node))));
    rows.extend(report.lending.iter().map(|lending| ("lends itself", describe_lending(lending))));
    let certificates = report.certificates.iter();
    rows.extend(certificates.map(|certificate| ("certificate", certificate.words())));
    rows.extend(report.services.iter().map(|service| ("serves", describe_service(service))));
    rows.extend(report.candidates.iter().map(|c| ("candidate", describe_candidate(c))));
    rows.extend(report.teredo.iter().map(|state| ("teredo", state.clone())));
    rows.push(("connections", report.connections.to_string()));
    rows.extend(report.peers.iter().map(|peer| ("peer", describe_peer(peer))));
    rows.push(("process", report.process.to_string()));
    let lines: Vec<String> = rows.iter().map(|(what, text)| format!("{what:<17} {text}")).collect();
    lines.join("\n")
}

/// Who finds this identity in overlays.
pub(super) fn describe_presence(presence: &PresenceStatus) -> String {
    let PresenceStatus { publish, active, readers, left_out, places } = presence;
    let is_public = publish == "public";
    match (active, readers) {
        (false, _) if is_public => "nobody while nothing is served".into(),
        (false, _) => "nobody while nothing is served, then contacts only".into(),
        (true, _) if is_public => "whoever knows the name".into(),
        (true, 0) => "nobody: for contacts only, and there are none".into(),
        (true, readers) => {
            let people = if *readers == 1 { "contact" } else { "contacts" };
            let more = match left_out {
                0 => String::new(),
                left_out => format!("; {left_out} more are too many"),
            };
            format!("{readers} {people} only, sealed in {places} places{more}")
        }
    }
}

fn describe_candidate(candidate: &CandidateStatus) -> String {
    let CandidateStatus { address, kind } = candidate;
    if kind == "interface" { address.clone() } else { format!("{address}  {kind}") }
}

fn describe_rendezvous(node: &RendezvousStatus) -> String {
    let RendezvousStatus { address, registered, carries, tcp, refusal } = node;
    let place = address.split_once('@').map_or(address.as_str(), |(_, place)| place);
    match (registered, refusal) {
        (_, Some(reason)) => format!("{place}  refused: {reason}"),
        (false, None) => format!("{place}  no answer"),
        (true, None) => {
            let what = if *carries { "introduces and carries" } else { "introduces" };
            let how = if *tcp { ", over TCP" } else { "" };
            format!("{place}  {what}{how}")
        }
    }
}

fn describe_lending(lending: &LendingStatus) -> String {
    let LendingStatus { register, relay, registered, clients, octets, .. } = lending;
    let megabytes = *octets as f64 / 1e6;
    format!(
        "to {register}, relay for {relay}: {registered} registered, {clients} here, {megabytes:.1} MB"
    )
}

fn describe_peer(peer: &PeerStatus) -> String {
    let PeerStatus { name, fingerprint, path, via, spare, rtt, loss, streams } = peer;
    let who = name.as_ref().unwrap_or(fingerprint);
    let via = via.as_ref().map(|via| format!(" by {via}")).unwrap_or_default();
    let spare = spare.as_ref().map(|spare| format!("  spare {spare}")).unwrap_or_default();
    format!(
        "{who}  {path}{via}{spare}  rtt {rtt:.1} ms  loss {:.1} %  {streams} streams",
        loss * 100.0
    )
}

fn describe_service(service: &ServiceStatus) -> String {
    let ServiceStatus { port, target, allow, .. } = service;
    // what is public needs no word
    let allow = if allow == "public" { String::new() } else { format!("  for {allow}") };
    format!("port {port}  {target}{allow}")
}

/// What is stored there, then how it does as a source.
pub(super) fn describe_overlay(overlay: &OverlayStatus) -> String {
    let mut text = format!("{}  {}", overlay.address, describe_storing(overlay));
    let OverlayStatus { asked, answered, latency_ms, fresh, refused, rollbacks, .. } = overlay;
    if *asked > 0 {
        text.push_str(&format!("; answered {answered} of {asked} look-ups"));
    }
    if let Some(latency) = latency_ms {
        text.push_str(&format!(" in {latency:.0} ms"));
    }
    if let Some(fresh) = fresh {
        text.push_str(&format!(", {fresh} % fresh"));
    }
    if *refused > 0 {
        text.push_str(&format!(", {refused} with nothing valid"));
    }
    if *rollbacks > 0 {
        text.push_str(&format!(", ALARM: older packets than it gave before ({rollbacks})"));
    }
    text
}

/// What became of the packet.
pub(super) fn describe_storing(overlay: &OverlayStatus) -> String {
    match (overlay.published, &overlay.error) {
        (_, Some(error)) => error.clone(),
        (Some(age), None) => format!("stored {age} s ago"),
        (None, None) => "nothing stored".into(),
    }
}
