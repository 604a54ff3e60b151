//! What is wrong with the spelling of an overlay.

use std::fmt;

/// More characters than any real URL of a store needs.
pub(super) const MAX_LENGTH: usize = 1024;
/// The kinds that can stand in front of the first colon.
const KINDS: &str = "lan, mainline, opendht:URL, pkarr:URL, s3:URL, site:URL, store:URL, tracker:URL, \
                     webdav:URL, well-known";

/// Why something is no overlay, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// The word in front of the colon names no overlay.
    UnknownKind(Box<str>),
    /// A URL without `store:` in front.
    BareUrl(Box<str>),
    /// Something follows `lan`.
    LanTakesNothing,
    /// `store` without a URL.
    NoUrl,
    /// It is longer than 1024 characters.
    TooLong,
    /// A character that URLs cannot have.
    Character(char),
    /// It cannot be read as a URL.
    NotAUrl(Box<str>),
    /// The URL begins with neither `http://` nor `https://`.
    Scheme,
    /// The URL names no host.
    NoHost,
    /// What stands behind the host's colon is no port, such as the beginning of a password.
    Port,
    /// The URL holds a user name or password.
    Credentials,
    /// The URL has a part behind `#`.
    Fragment,
    /// Braces stand for something other than one `{slot}`, or a query has none.
    Gap,
    /// `{slot}` stands in the host.
    GapInHost,
    /// A URL behind which paths are put has a part behind `?`.
    Query,
    /// A node of a DHT is not written as an address and a port.
    Node(Box<str>),
    /// A tracker over UDP has no port.
    TrackerPort,
    /// A site's URL has no gap, one that is unknown, or one in its host.
    SiteGap,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::UnknownKind(kind) => {
                write!(f, "unknown overlay {kind:?} (known: {KINDS})")
            }
            AddressError::BareUrl(url) => {
                write!(f, "write \"store:{}\" for a store", url.escape_debug())
            }
            AddressError::LanTakesNothing => f.write_str("nothing can follow \"lan\""),
            AddressError::NoUrl => {
                f.write_str("a URL is missing, as in store:https://example.com/p2p/{slot}")
            }
            AddressError::TooLong => {
                write!(f, "an overlay has at most {MAX_LENGTH} characters")
            }
            AddressError::Character(c) => write!(f, "{c:?} cannot stand in a URL"),
            AddressError::NotAUrl(url) => write!(f, "{url:?} is not a URL"),
            AddressError::Scheme => {
                f.write_str("the URL of an overlay begins with https:// or http://")
            }
            AddressError::NoHost => f.write_str("the URL of an overlay names a host"),
            AddressError::Port => f.write_str(
                "behind the colon stands no port from 1 to 65535 (in a password write %2F for /, %3F for ?)",
            ),
            AddressError::Credentials => {
                f.write_str("the URL of this overlay holds no user name or password")
            }
            AddressError::Fragment => f.write_str("the URL of an overlay has no part behind #"),
            AddressError::Gap => {
                f.write_str("the URL of a store has {slot} once, and no other braces")
            }
            AddressError::GapInHost => f.write_str("{slot} cannot stand in the host"),
            AddressError::Query => f.write_str("the URL of this overlay has no part behind ?"),
            AddressError::Node(node) => {
                write!(f, "{node:?} is no node of a DHT like 192.0.2.1:6881")
            }
            AddressError::TrackerPort => {
                f.write_str("a tracker over UDP has a port, as in tracker:udp://t.example.com:6969")
            }
            AddressError::SiteGap => f.write_str(
                "the URL of a site has {slot}, {user}, {domain} or {key} behind its host",
            ),
        }
    }
}

impl std::error::Error for AddressError {}
