//! `p2p allow`: changes whom a service is for, while it runs, or for when it runs next.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
    values::{access, port, rule},
};
use crate::daemon::{AccessBook, ControlClient, ControlError, Home, PutService};
use crate::identity::ServicePort;
use crate::runtime::block_on;
use crate::service::Access;
use crate::trust::Rule;

/// Change at once who may use a running service, or, where no daemon runs, what is served next.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "allow")]
pub(super) struct Allow {
    /// the service's port under your name
    #[argh(positional, from_str_fn(port))]
    port: ServicePort,

    /// who: public, contacts, a name, *@DOMAIN, authority:NAME
    #[argh(positional, from_str_fn(rule))]
    who: Vec<Rule>,

    /// let pages of other sites send it requests in a visitor's name
    #[argh(switch)]
    cross_site: bool,
}

impl Allow {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        if self.who.is_empty() {
            return Err(Failure::usage("WHO is missing").hint("p2p allow 1000 contacts"));
        }
        let access = access(self.who.clone(), self.cross_site)?;
        let home = Home::locate(given).map_err(home::unusable)?;
        let body = PutService {
            allow: Some(access.list.to_string()),
            cross_site: Some(access.cross_site),
            ..PutService::default()
        };
        let path = format!("/api/services/{}", self.port);
        let client = ControlClient::new(&home);
        let told = || block_on(client.patch(&path, &body));
        let Err(error) = told() else { return Ok(()) };
        let failure = Failure::failed(&error);
        match error {
            ControlError::NoDaemon => {
                self.keep(&home, &access)?;
                // one may have started meanwhile with what was said before
                if told().is_err() {
                    speak::note(format!(
                        "no daemon runs for this home; what is served at port {} next is for {}, unless it is \
                         started with --allow",
                        self.port, access.list
                    ));
                }
                Ok(())
            }
            _ => Err(failure.hint("p2p status shows what the daemon serves")),
        }
    }

    /// Writes down whom the port is for, for the next daemon.
    fn keep(&self, home: &Home, access: &Access) -> Outcome {
        home.prepare().map_err(home::unusable)?;
        AccessBook::new(home).keep(self.port, access).map_err(Failure::failed)
    }
}
