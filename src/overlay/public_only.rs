//! HTTP clients for addresses that somebody else chose: they ask public addresses only, so that nobody can
//! make this machine knock at its own doors or its neighbours'.

use ureq::{
    Agent,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::runtime::ip::is_global;

/// A client that finds no host on this machine or its network, whatever name leads there.
pub(super) fn agent(config: Config) -> Agent {
    let resolver = PublicOnly(DefaultResolver::default());
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Resolves names as ever, and passes public addresses on.
#[derive(Debug)]
struct PublicOnly(DefaultResolver);

impl Resolver for PublicOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut public = self.empty();
        for address in self.0.resolve(uri, config, timeout)?.iter() {
            if is_global(address.ip()) {
                public.push(*address);
            }
        }
        if public.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(public) }
    }
}
