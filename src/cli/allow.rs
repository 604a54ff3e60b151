//! `p2p allow`: changes whom a service is for while it runs.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{Failure, Outcome},
    values::{access, port, rule},
};
use crate::daemon::{ControlClient, ControlError, Home, PutService};
use crate::identity::ServicePort;
use crate::runtime::block_on;
use crate::trust::Rule;

/// Change who may use a service that runs, from the next request on.
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
        let access = access(self.who, self.cross_site)?;
        let home = Home::locate(given).map_err(home::unusable)?;
        let body = PutService {
            allow: Some(access.list.to_string()),
            cross_site: Some(access.cross_site),
            ..PutService::default()
        };
        let path = format!("/api/services/{}", self.port);
        block_on(ControlClient::new(&home).patch(&path, &body)).map_err(|error| {
            let failure = Failure::failed(&error);
            match error {
                ControlError::NoDaemon => failure.hint("p2p serve starts one, with --allow"),
                _ => failure.hint("p2p status shows what the daemon serves"),
            }
        })
    }
}
