//! How the configuration spells overlays.

use std::{fmt, str::FromStr};

use super::address_error::{AddressError, MAX_LENGTH};
use super::base_url::BaseUrl;
use super::folder::FolderUrl;
#[cfg(feature = "mainline")]
use super::mainline::Bootstrap;
use super::site::SiteUrl;
use super::store::StoreUrl;
use super::tracker::TrackerUrl;

/// One entry of the configuration's overlays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OverlayAddress {
    /// `webdav:https://host/folder` and `s3:https://host/bucket`: what a group writes to.
    Folder(FolderUrl),
    /// `lan`: the local link.
    Lan,
    /// `mainline`: the DHT of BitTorrent; `mainline:HOST:PORT,…`: another one, entered there.
    #[cfg(feature = "mainline")]
    Mainline(Bootstrap),
    /// `tracker:mainline`, or nodes behind another colon: who announced himself in the DHT.
    #[cfg(feature = "mainline")]
    MainlinePeers(Bootstrap),
    /// `opendht:http://host`: the HTTP proxy of an OpenDHT node.
    OpenDht(BaseUrl),
    /// `pkarr:https://host`: a relay into Mainline.
    Pkarr(BaseUrl),
    /// `site:https://host/{user}`: files on a web site, only read.
    Site(SiteUrl),
    /// `store:https://host/{slot}`: an HTTP store.
    Store(StoreUrl),
    /// `tracker:udp://host:port` and `tracker:https://host/announce`: a BitTorrent tracker.
    Tracker(TrackerUrl),
    /// `well-known`: the web site of each name's domain.
    WellKnown,
}

impl OverlayAddress {
    /// Reads the spelling of the configuration.
    ///
    /// # Errors
    /// Says what is wrong and what would be right; see [`AddressError`].
    pub fn parse(text: &str) -> Result<OverlayAddress, AddressError> {
        if text.len() > MAX_LENGTH {
            return Err(AddressError::TooLong);
        }
        match text.split_once(':') {
            None if text == "lan" => Ok(OverlayAddress::Lan),
            #[cfg(feature = "mainline")]
            None if text == "mainline" => Ok(OverlayAddress::Mainline(Bootstrap::default())),
            None if text == "well-known" => Ok(OverlayAddress::WellKnown),
            None if text == "store" => Err(AddressError::NoUrl),
            Some(("lan", _)) => Err(AddressError::LanTakesNothing),
            #[cfg(feature = "mainline")]
            Some(("mainline", nodes)) => Bootstrap::parse(nodes).map(OverlayAddress::Mainline),
            Some(("opendht", url)) => BaseUrl::parse(text, url).map(OverlayAddress::OpenDht),
            Some(("pkarr", url)) => BaseUrl::parse(text, url).map(OverlayAddress::Pkarr),
            Some(("s3", url)) => FolderUrl::parse_bucket(url).map(OverlayAddress::Folder),
            Some(("site", url)) => SiteUrl::parse(text, url).map(OverlayAddress::Site),
            Some(("store", url)) => StoreUrl::parse(text, url).map(OverlayAddress::Store),
            #[cfg(feature = "mainline")]
            Some(("tracker", "mainline")) => {
                Ok(OverlayAddress::MainlinePeers(Bootstrap::default()))
            }
            #[cfg(feature = "mainline")]
            Some(("tracker", dht)) if dht.starts_with("mainline:") => {
                let nodes = &dht["mainline:".len()..];
                Bootstrap::parse(nodes).map(OverlayAddress::MainlinePeers)
            }
            Some(("tracker", url)) => TrackerUrl::parse(text, url).map(OverlayAddress::Tracker),
            Some(("webdav", url)) => FolderUrl::parse_webdav(url).map(OverlayAddress::Folder),
            Some(("http" | "https", _)) => Err(AddressError::BareUrl(text.into())),
            _ => Err(AddressError::UnknownKind(text.split(':').next().unwrap_or(text).into())),
        }
    }
}

impl OverlayAddress {
    /// Whether it is on this machine, where no proxy may stand in between.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            OverlayAddress::Lan | OverlayAddress::WellKnown => false,
            #[cfg(feature = "mainline")]
            OverlayAddress::Mainline(_) | OverlayAddress::MainlinePeers(_) => false,
            OverlayAddress::Folder(url) => url.base().is_loopback(),
            OverlayAddress::OpenDht(url) | OverlayAddress::Pkarr(url) => url.is_loopback(),
            OverlayAddress::Site(url) => url.is_loopback(),
            OverlayAddress::Store(url) => url.is_loopback(),
            OverlayAddress::Tracker(url) => url.is_loopback(),
        }
    }

    /// Whether it is on this machine or its network, as far as the spelling tells: somebody else must not
    /// make this machine ask there. A name that leads there is noticed when it is resolved; see
    /// [`super::open_foreign`].
    pub fn is_nearby(&self) -> bool {
        match self {
            OverlayAddress::Lan => true,
            #[cfg(feature = "mainline")]
            OverlayAddress::Mainline(bootstrap) | OverlayAddress::MainlinePeers(bootstrap) => {
                !bootstrap.nodes().is_empty()
            }
            OverlayAddress::OpenDht(url) | OverlayAddress::Pkarr(url) => url.is_nearby(),
            OverlayAddress::Folder(url) => url.base().is_nearby(),
            OverlayAddress::Site(url) => url.is_nearby(),
            OverlayAddress::Store(url) => url.is_nearby(),
            OverlayAddress::Tracker(url) => url.is_nearby(),
            OverlayAddress::WellKnown => false,
        }
    }
}

impl fmt::Display for OverlayAddress {
    /// As it was configured, but for passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OverlayAddress::Lan => f.write_str("lan"),
            #[cfg(feature = "mainline")]
            OverlayAddress::Mainline(bootstrap) => bootstrap.fmt(f),
            #[cfg(feature = "mainline")]
            OverlayAddress::MainlinePeers(bootstrap) => write!(f, "tracker:{bootstrap}"),
            OverlayAddress::OpenDht(url) | OverlayAddress::Pkarr(url) => {
                f.write_str(url.spelling())
            }
            OverlayAddress::Folder(url) => f.write_str(url.base().spelling()),
            OverlayAddress::Site(url) => f.write_str(url.spelling()),
            OverlayAddress::Store(url) => f.write_str(url.spelling()),
            OverlayAddress::Tracker(url) => f.write_str(url.spelling()),
            OverlayAddress::WellKnown => f.write_str("well-known"),
        }
    }
}

impl FromStr for OverlayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<OverlayAddress, AddressError> {
        OverlayAddress::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Slot;

    const SLOT: &str = "000102030405060708090a0b0c0d0e0f10111213";

    fn url(text: &str) -> String {
        match OverlayAddress::parse(text).unwrap() {
            OverlayAddress::Store(url) => url.of(Slot::from_hex(SLOT).unwrap()),
            other => panic!("{other:?} is not a store"),
        }
    }

    fn error(text: &str) -> AddressError {
        OverlayAddress::parse(text).unwrap_err()
    }

    #[test]
    fn the_slot_goes_into_the_gap_or_to_the_end() {
        assert_eq!(OverlayAddress::parse("lan"), Ok(OverlayAddress::Lan));
        assert_eq!(url("store:https://a.example/{slot}"), format!("https://a.example/{SLOT}"));
        assert_eq!(url("store:http://a/p.php?k={key}&x"), format!("http://a/p.php?k={SLOT}&x"));
        assert_eq!(url("store:http://127.0.0.1:81"), format!("http://127.0.0.1:81/{SLOT}"));
        assert_eq!(url("store:http://[::1]:81/a/"), format!("http://[::1]:81/a/{SLOT}"));
    }

    #[test]
    fn the_spelling_comes_back() {
        for text in ["lan", "store:http://a", "store:https://a.example/{key}"] {
            assert_eq!(OverlayAddress::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_wrong_spelling_says_what_is_wrong() {
        assert_eq!(error("carrier-pigeon:x"), AddressError::UnknownKind("carrier-pigeon".into()));
        assert_eq!(
            error("carrier-pigeon:x").to_string(),
            "unknown overlay \"carrier-pigeon\" (known: lan, mainline, opendht:URL, pkarr:URL, s3:URL, site:URL, \
             store:URL, tracker:URL, webdav:URL, well-known)"
        );
        assert_eq!(error(""), AddressError::UnknownKind("".into()));
        assert_eq!(error("LAN"), AddressError::UnknownKind("LAN".into()));
        assert_eq!(error("https://a.example"), AddressError::BareUrl("https://a.example".into()));
        assert_eq!(error("lan:eth0"), AddressError::LanTakesNothing);
        assert_eq!(error("store"), AddressError::NoUrl);
        assert_eq!(error("store:"), AddressError::NoUrl);
        assert_eq!(error(&format!("store:http://{}", "a".repeat(1024))), AddressError::TooLong);
        assert_eq!(error("store:http://a b"), AddressError::Character(' '));
        assert_eq!(error("store:http://a\nb"), AddressError::Character('\n'));
        assert_eq!(error("store:http://[::1"), AddressError::NotAUrl("http://[::1".into()));
        assert_eq!(error("store:ftp://a.example/"), AddressError::Scheme);
        assert_eq!(error("store:http://:80/"), AddressError::NoHost);
        assert_eq!(error("store:http://u:p@a.example/"), AddressError::Credentials);
        assert_eq!(error("store:http://a.example/#{slot}"), AddressError::Fragment);
        assert_eq!(error("store:http://a.example/{slot}/{key}"), AddressError::Gap);
        assert_eq!(error("store:http://a.example/{name}"), AddressError::Gap);
        assert_eq!(error("store:http://a.example/?k="), AddressError::Gap);
        assert_eq!(error("store:http://{slot}.example/"), AddressError::GapInHost);
    }
}
