//! `p2p publish`: says where this identity is once more, and shows what each overlay does with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{Audience, ControlClient, ControlError, OverlayStatus, Status};
use crate::overlay::WellKnown;
use crate::runtime::{block_on, clock, file, plain};

/// Publish anew where you are, or write the file for your domain's web site.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "publish")]
pub(super) struct Publish {
    /// write what your domain's web site should have below DIR, and publish nothing
    #[argh(option, arg_name = "dir")]
    to_file: Option<PathBuf>,

    /// print JSON
    #[argh(switch)]
    json: bool,
}

impl Publish {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        match &self.to_file {
            Some(folder) => write_for_site(given, folder),
            None => self.publish(given),
        }
    }

    fn publish(&self, given: Option<&Path>) -> Outcome {
        let home = home::present(given)?;
        let overlays = block_on(ControlClient::new(&home).post("/api/publish"));
        let overlays: Vec<OverlayStatus> = overlays.map_err(|error| {
            let failure = Failure::failed(&error);
            match error {
                ControlError::NoDaemon => failure.hint("p2p serve or p2p expose publishes"),
                ControlError::Refused(..) => failure.hint("serve something: p2p serve FOLDER"),
                _ => failure,
            }
        })?;
        if self.json {
            speak::line(overlays.serialize_json())?;
        } else {
            // one that has ended meanwhile says no more
            let status: Result<Status, _> = block_on(ControlClient::new(&home).get("/api/status"));
            if let Some(presence) = status.ok().and_then(|status| status.presence) {
                speak::note(format!("found by {}", presence.words()));
            }
            for overlay in &overlays {
                let time = overlay.publish_ms;
                let time = time.map_or_else(|| "      -".into(), |ms| format!("{ms:7.1}"));
                speak::line(format!(
                    "{time} ms  {}  {}",
                    overlay.address,
                    overlay.storing_words()
                ))?;
            }
        }
        if overlays.iter().any(|overlay| overlay.published.is_some() && overlay.error.is_none()) {
            return Ok(());
        }
        Err(Failure::failed("no overlay has taken the registration")
            .hint("check that this machine is online; p2p status shows more"))
    }
}

/// Writes `.well-known/p2p/USER` below a folder.
fn write_for_site(given: Option<&Path>, folder: &Path) -> Outcome {
    let home = home::prepare(given)?;
    let identity = home::identity(&home)?;
    let Some(name) = identity.name.clone() else {
        return Err(Failure::failed("this identity has no name").hint("p2p init NAME gives it one"));
    };
    let config = home::config(&home)?;
    // the domain vouches for the key; whom contacts only shall find, it does not help to find
    let rendezvous = match config.audience() {
        Audience::Public => config.rendezvous(&[]),
        Audience::Contacts => Vec::new(),
    };
    let packet = identity.packet_for_site(rendezvous, clock::wall()).map_err(Failure::failed)?;
    let path = folder.join(WellKnown::PATH).join(name.user());
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot write {}: {}", path.display(), plain(&error)))
    };
    fs::create_dir_all(folder.join(WellKnown::PATH)).map_err(cannot)?;
    file::replace(&path, packet.as_bytes(), file::Access::Public).map_err(cannot)?;
    let days = packet.expires().since(clock::wall()).as_secs() / 86_400;
    let url = WellKnown::url(&name);
    speak::note(format!("upload it so that it is at {url}, and again within {days} days"));
    speak::line(path.display())
}
