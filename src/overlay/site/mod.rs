//! Web sites as overlays: packets as files, put there by hand and only read.
//!
//! `site:URL` is a URL with gaps for whoever is wanted. It proves nothing: what a name's own domain says is
//! the business of [`super::WellKnown`].

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::address_error::AddressError;
use super::host::check_url;
use super::http::{Hosts, HttpClient};
use super::{Abilities, Overlay, OverlayError};
use crate::identity::{KeyPair, Name, Seed};
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;

/// What stands in a URL as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with gaps for whoever is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SiteUrl {
    spelling: Box<str>,
    /// What stands before each gap, and the gap; the last one may have none.
    parts: Vec<(Box<str>, Option<Gap>)>,
    loopback: bool,
    nearby: bool,
}

/// What is put into a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Gap {
    Slot,
    User,
    Domain,
    Key,
}

impl Gap {
    const SPELLINGS: [(&str, Gap); 4] =
        [("slot", Gap::Slot), ("user", Gap::User), ("domain", Gap::Domain), ("key", Gap::Key)];

    /// What fills it for somebody; None if that is not known.
    fn of(self, wanted: &Wanted) -> Option<String> {
        match self {
            Gap::Slot => Some(wanted.slot().to_string()),
            Gap::User => wanted.name().map(|name| name.user().to_owned()),
            Gap::Domain => wanted.name().map(|name| name.domain().to_owned()),
            Gap::Key => wanted.key().map(ToString::to_string),
        }
    }
}

impl SiteUrl {
    /// The URL of somebody's packet; None if what fills a gap is not known.
    fn of(&self, wanted: &Wanted) -> Option<String> {
        let mut url = String::new();
        for (before, gap) in &self.parts {
            url.push_str(before);
            if let Some(gap) = gap {
                let _ = write!(url, "{}", utf8_percent_encode(&gap.of(wanted)?, ESCAPED));
            }
        }
        Some(url)
    }

    /// As it was configured, with `site:` in front.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Whether it is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is on this machine or its network, as far as the spelling tells.
    pub(super) fn is_nearby(&self) -> bool {
        self.nearby
    }

    pub(super) fn parse(spelling: &str, url: &str) -> Result<SiteUrl, AddressError> {
        let (mut parts, mut rest) = (Vec::new(), url);
        while let Some((before, behind)) = rest.split_once('{') {
            let (word, behind) = behind.split_once('}').ok_or(AddressError::SiteGap)?;
            let gap = Gap::SPELLINGS.iter().find(|(spelling, _)| *spelling == word);
            let (_, gap) = gap.filter(|_| !before.contains('}')).ok_or(AddressError::SiteGap)?;
            parts.push((before.into(), Some(*gap)));
            rest = behind;
        }
        let name = Name::parse("user@example.com").map_err(|_| AddressError::SiteGap)?;
        let key = KeyPair::from_seed(&Seed::new([1; 32])).public();
        let is_empty = parts.is_empty();
        parts.push((rest.into(), None));
        let mut site = SiteUrl { spelling: spelling.into(), parts, loopback: false, nearby: false };
        let sample = site.of(&Wanted::Contact(name, key)).unwrap_or_default();
        let host = check_url(url, &sample)?;
        // a gap must not choose the host
        let first = &site.parts[0].0;
        let start = first.find("://").map_or(0, |at| at + 3);
        if is_empty || !first[start..].contains(['/', '?']) || rest.contains('}') {
            return Err(AddressError::SiteGap);
        }
        (site.loopback, site.nearby) = (host.loopback, host.nearby);
        Ok(site)
    }

    fn has(&self, gap: Gap) -> bool {
        self.parts.iter().any(|(_, other)| *other == Some(gap))
    }
}

/// Files at a URL with gaps.
#[derive(Debug)]
pub struct Site {
    url: SiteUrl,
    http: HttpClient,
}

impl Site {
    /// The files at `url`.
    pub(super) fn new(hosts: Hosts, url: &SiteUrl) -> Site {
        Site { url: url.clone(), http: HttpClient::new(hosts) }
    }
}

impl Overlay for Site {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        match self.url.of(wanted) {
            Some(url) => read(&self.http, &url),
            None => Box::pin(async { Ok(Vec::new()) }),
        }
    }

    fn publish(&self, _packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        Box::pin(async { Err(OverlayError::ReadOnly) })
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        let names = self.url.has(Gap::User) || self.url.has(Gap::Domain);
        Abilities {
            keeps: true,
            put: false,
            remote: true,
            by_name: !self.url.has(Gap::Key),
            by_key: !names,
            shared: false,
            sealed: false,
            ..Abilities::SLOTS
        }
    }
}

/// What is at a URL, if anything is.
pub(super) fn read(http: &HttpClient, url: &str) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
    let request = http.get(url);
    Box::pin(async {
        let mut answer = request.send().await?;
        match answer.status() {
            404 | 410 => Ok(Vec::new()),
            _ => {
                answer.must_be(&[200])?;
                Ok(vec![answer.body(Packet::MAX_LENGTH).await?])
            }
        }
    })
}

#[cfg(test)]
mod tests;
