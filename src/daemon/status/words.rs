//! The words for what a daemon says about itself: the command line and the dashboard share them.

use super::{
    CandidateStatus, LendingStatus, OverlayStatus, PeerStatus, PresenceStatus, RendezvousStatus,
    ServiceStatus,
};

impl PresenceStatus {
    /// Who finds this identity in overlays.
    pub fn words(&self) -> String {
        let PresenceStatus { publish, active, readers, left_out, places } = self;
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
}

impl CandidateStatus {
    /// The address, and how it is known if that is not plain.
    pub fn words(&self) -> String {
        let CandidateStatus { address, kind } = self;
        if kind == "interface" { address.clone() } else { format!("{address}  {kind}") }
    }
}

impl RendezvousStatus {
    /// Where it is and what it does.
    pub fn words(&self) -> String {
        let RendezvousStatus { address, registered, carries, tcp, refusal } = self;
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
}

impl LendingStatus {
    /// For whom, and how much.
    pub fn words(&self) -> String {
        let LendingStatus { register, relay, registered, clients, octets, .. } = self;
        let megabytes = *octets as f64 / 1e6;
        format!(
            "to {register}, relay for {relay}: {registered} registered, {clients} here, \
             {megabytes:.1} MB"
        )
    }
}

impl PeerStatus {
    /// Who, and over which path.
    pub fn words(&self) -> String {
        let who = self.name.as_ref().unwrap_or(&self.fingerprint);
        format!("{who}  {}", self.path_words())
    }

    /// Over which path, and how it does.
    pub fn path_words(&self) -> String {
        let PeerStatus { path, via, spare, rtt, loss, streams, .. } = self;
        let via = via.as_ref().map(|via| format!(" by {via}")).unwrap_or_default();
        let spare = spare.as_ref().map(|spare| format!("  spare {spare}")).unwrap_or_default();
        let loss = loss * 100.0;
        format!("{path}{via}{spare}  rtt {rtt:.1} ms  loss {loss:.1} %  {streams} streams")
    }
}

impl ServiceStatus {
    /// At which port what answers, and for whom if not for everybody.
    pub fn words(&self) -> String {
        let ServiceStatus { port, target, allow, .. } = self;
        // what is public needs no word
        let allow = if allow == "public" { String::new() } else { format!("  for {allow}") };
        format!("port {port}  {target}{allow}")
    }
}

impl OverlayStatus {
    /// What is stored there, then how it does as a source.
    pub fn words(&self) -> String {
        let source = self.source_words();
        let source = if source.is_empty() { source } else { format!("; {source}") };
        format!("{}  {}{source}", self.address, self.storing_words())
    }

    /// What became of the packet.
    pub fn storing_words(&self) -> String {
        match (self.published, &self.error) {
            (_, Some(error)) => error.clone(),
            (Some(age), None) => format!("stored {age} s ago"),
            (None, None) => "nothing stored".into(),
        }
    }

    /// How it does as a source; empty while it has not been asked.
    pub fn source_words(&self) -> String {
        let OverlayStatus { asked, answered, latency_ms, fresh, refused, rollbacks, .. } = self;
        let mut text = String::new();
        if *asked > 0 {
            text.push_str(&format!("answered {answered} of {asked} look-ups"));
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
            text.push_str(&format!(", ALARM: {}", self.rollback_words()));
        }
        text
    }

    /// How often it went back on its word.
    pub fn rollback_words(&self) -> String {
        format!("older packets than it gave before ({})", self.rollbacks)
    }
}
