//! URLs behind which an overlay puts its own paths.

use super::address_error::AddressError;
use super::host::{Host, check_url};

/// A URL behind which an overlay's own paths begin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    spelling: Box<str>,
    url: Box<str>,
    loopback: bool,
    nearby: bool,
}

impl BaseUrl {
    /// The URL with a path behind it, without a slash between or at the end of the URL's own.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    /// As it was configured, with the kind in front.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Whether it is on this machine, where no proxy may stand in between.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is on this machine or its network, as far as the spelling tells.
    pub(super) fn is_nearby(&self) -> bool {
        self.nearby
    }

    pub(super) fn parse(spelling: &str, url: &str) -> Result<BaseUrl, AddressError> {
        if url.contains('?') {
            return Err(AddressError::Query);
        }
        let url = url.trim_end_matches('/');
        let Host { loopback, nearby } = check_url(url, url)?;
        if url.contains(['{', '}']) {
            return Err(AddressError::Gap);
        }
        Ok(BaseUrl { spelling: spelling.into(), url: url.into(), loopback, nearby })
    }
}
