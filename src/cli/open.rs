//! `p2p open`: the web address of somebody's service, or of the own dashboard.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    contact, home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{ControlClient, ControlError, DashboardAddress, Labels, Status};
use crate::identity::{AccessForm, Destination, Name, ServicePort, ShareLink};
use crate::runtime::block_on;

/// Print the web address of a service or of your dashboard; share links make their owners contacts.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "open")]
pub(super) struct Open {
    /// whose: alice@example.com:1000, or a share link p2p://…; your dashboard unless given
    #[argh(positional)]
    target: Option<String>,

    /// take overlays of a link also where they are on this machine or its network
    #[argh(switch)]
    nearby: bool,

    /// print all three forms: own origin, path, proxy
    #[argh(switch)]
    all: bool,
}

impl Open {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let Some(target) = &self.target else { return self.dashboard(given) };
        let home = home::prepare(given)?;
        let destination = if target.starts_with("p2p:") {
            let link = ShareLink::parse(target).map_err(|error| {
                Failure::usage(format!("{target:?} is not a share link: {error}"))
            })?;
            contact::take(&home, &link, self.nearby)?;
            speak::note(format!(
                "{} is a contact; fingerprint {}",
                link.name,
                link.key.fingerprint()
            ));
            Destination { name: link.name, port: ServicePort::HTTP }
        } else {
            destination(target)?
        };
        Labels::new(&home).remember(&destination);
        let status = block_on(ControlClient::new(&home).get::<Status>("/api/status")).ok();
        let proxy = status.and_then(|status| status.proxy.first().cloned());
        if proxy.is_none() {
            speak::note("the address works while p2p proxy runs");
        }
        let port =
            proxy.as_ref().and_then(|address| address.rsplit_once(':')).map_or("5050", |p| p.1);
        let daemon = format!("localhost:{port}");
        let forms: &[AccessForm] = if self.all {
            &[AccessForm::OwnOrigin, AccessForm::Path, AccessForm::Proxy]
        } else {
            &[AccessForm::OwnOrigin]
        };
        forms.iter().try_for_each(|form| speak::line(destination.url(*form, &daemon, "/")))
    }

    /// Asks the daemon for an address that opens the dashboard. It is only printed: other users of this machine
    /// would see it among the arguments of a browser that is started with it.
    fn dashboard(&self, given: Option<&Path>) -> Outcome {
        if self.all || self.nearby {
            return Err(Failure::usage("TARGET is missing").hint("p2p open --help"));
        }
        let home = home::present(given)?;
        let client = ControlClient::new(&home);
        let asked = block_on(client.post::<DashboardAddress>("/api/dashboard"));
        let DashboardAddress { url, minutes } = asked.map_err(|error| {
            let failure = Failure::failed(&error);
            match error {
                ControlError::NoDaemon | ControlError::Refused(..) => {
                    failure.hint("p2p proxy lets browsers in; p2p open TARGET prints an address")
                }
                _ => failure,
            }
        })?;
        speak::line(url)?;
        speak::note(format!("it opens your dashboard in one browser, within {minutes} minutes"));
        Ok(())
    }
}

/// Reads `alice@example.com` or `alice@example.com:1000`.
///
/// # Errors
/// Says what is wrong with the name or the port.
pub(super) fn destination(text: &str) -> Result<Destination, Failure> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if name.contains('@') => (name, ServicePort::parse(port)),
        _ => (text, Some(ServicePort::HTTP)),
    };
    let port = port.ok_or_else(|| {
        Failure::usage(format!("{text:?}: the port must be a number from 1 to 65535"))
    })?;
    let name = Name::parse(name)
        .map_err(|error| Failure::usage(format!("{name:?} is not a name: {error}")))?;
    Ok(Destination { name, port })
}
