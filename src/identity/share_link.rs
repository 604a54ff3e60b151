//! Links that introduce somebody: name, key and where to look.
//!
//! ```text
//! p2p://alice@example.com/KEY?overlay=store:https%3A%2F%2Fexample.org%2F%7Bslot%7D&overlay=lan
//! ```
//!
//! Who publishes for contacts only says so with `presence=contacts` before the overlays: then nobody is asked for him
//! in the open.
//!
//! Whoever opens the link takes name and key as its sender's word, so the key is pinned: no overlay
//! can put another in its place.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Name, NameError, PublicKey};

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShareLink {
    /// Who is introduced.
    pub name: Name,
    /// The key that belongs to the name.
    pub key: PublicKey,
    /// Whether the registration is there for contacts only.
    pub is_private: bool,
    /// Overlays that hold the registration, as the configuration spells them; may be empty.
    pub overlays: Vec<String>,
}

const SCHEME: &str = "p2p://";
const PRIVATE: &str = "presence=contacts";
const OVERLAY: &str = "overlay=";
/// What stands in a query value as it is: RFC 3986's unreserved characters, and the colon because
/// every overlay has one.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

impl ShareLink {
    /// How many overlays a link may name.
    pub const MAX_OVERLAYS: usize = 8;
    /// The longest overlay in octets.
    pub const MAX_OVERLAY: usize = 256;
    /// The longest link in octets that is read.
    pub const MAX_LENGTH: usize = 8192;

    /// Reads a link. Space around it is cut off; scheme, name and key may be upper case, as QR codes
    /// like them.
    ///
    /// # Errors
    /// Says which part is not as it should be; see [`ShareLinkError`].
    pub fn parse(text: &str) -> Result<ShareLink, ShareLinkError> {
        let text = text.trim();
        if text.len() > ShareLink::MAX_LENGTH {
            return Err(ShareLinkError::TooLong);
        }
        let scheme = text.get(..SCHEME.len()).ok_or(ShareLinkError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(ShareLinkError::Scheme);
        }
        let rest = &text[SCHEME.len()..];
        let (who, query) = match rest.split_once('?') {
            Some((who, query)) => (who, Some(query)),
            None => (rest, None),
        };
        let (name, key) = who.split_once('/').ok_or(ShareLinkError::Key)?;
        let (is_private, query) = query.map_or((false, None), presence);
        Ok(ShareLink {
            name: Name::parse(name).map_err(ShareLinkError::Name)?,
            key: key.parse().map_err(|_| ShareLinkError::Key)?,
            is_private,
            overlays: query.map_or(Ok(Vec::new()), parse_query)?,
        })
    }

    /// Whether a link can carry this overlay: neither empty nor long, and without control characters.
    pub fn can_carry(overlay: &str) -> bool {
        !overlay.is_empty()
            && overlay.len() <= ShareLink::MAX_OVERLAY
            && !overlay.chars().any(char::is_control)
    }
}

/// Whether a query begins with the word that the registration is there for contacts only, and what else it has.
fn presence(query: &str) -> (bool, Option<&str>) {
    let (first, rest) = match query.split_once('&') {
        Some((first, rest)) => (first, Some(rest)),
        None => (query, None),
    };
    if first.eq_ignore_ascii_case(PRIVATE) { (true, rest) } else { (false, Some(query)) }
}

fn parse_query(query: &str) -> Result<Vec<String>, ShareLinkError> {
    let parameters: Vec<&str> = query.split('&').collect();
    if parameters.len() > ShareLink::MAX_OVERLAYS {
        return Err(ShareLinkError::TooManyOverlays);
    }
    parameters.into_iter().map(parse_parameter).collect()
}

fn parse_parameter(parameter: &str) -> Result<String, ShareLinkError> {
    let head = parameter.get(..OVERLAY.len()).ok_or(ShareLinkError::Parameter)?;
    if !head.eq_ignore_ascii_case(OVERLAY) {
        return Err(ShareLinkError::Parameter);
    }
    let value = &parameter[OVERLAY.len()..];
    let printable = value.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'+');
    let escapes = value.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.bytes().take(2).all(|digit| digit.is_ascii_hexdigit())
    });
    if !printable || !escapes {
        return Err(ShareLinkError::Overlay);
    }
    let overlay = percent_decode_str(value).decode_utf8().map_err(|_| ShareLinkError::Overlay)?;
    if ShareLink::can_carry(&overlay) {
        Ok(overlay.into_owned())
    } else {
        Err(ShareLinkError::Overlay)
    }
}

impl fmt::Display for ShareLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.name, self.key)?;
        let mut before = '?';
        if self.is_private {
            write!(f, "{before}{PRIVATE}")?;
            before = '&';
        }
        for overlay in &self.overlays {
            write!(f, "{before}{OVERLAY}{}", utf8_percent_encode(overlay, ESCAPED))?;
            before = '&';
        }
        Ok(())
    }
}

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareLinkError {
    /// It is longer than [`ShareLink::MAX_LENGTH`].
    TooLong,
    /// It does not begin with `p2p://`.
    Scheme,
    /// The name in it.
    Name(NameError),
    /// No key of 52 characters follows the name.
    Key,
    /// It has a parameter that is no overlay, nor the first that says for whom its sender is there.
    Parameter,
    /// An overlay is malformed, or one that [`ShareLink::can_carry`] refuses.
    Overlay,
    /// It names more than [`ShareLink::MAX_OVERLAYS`].
    TooManyOverlays,
}

impl fmt::Display for ShareLinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShareLinkError::TooLong => f.write_str("the link is too long"),
            ShareLinkError::Scheme => f.write_str("the link does not begin with p2p://"),
            ShareLinkError::Name(error) => error.fmt(f),
            ShareLinkError::Key => {
                f.write_str("the link has no key of 52 characters behind the name")
            }
            ShareLinkError::Parameter => {
                f.write_str("behind the question mark a link has presence=contacts and overlay=…")
            }
            ShareLinkError::Overlay => f.write_str("an overlay in the link is malformed"),
            ShareLinkError::TooManyOverlays => {
                write!(f, "a link names at most {} overlays", ShareLink::MAX_OVERLAYS)
            }
        }
    }
}

impl std::error::Error for ShareLinkError {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const KEY: &str = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";

    fn link(overlays: &[&str]) -> ShareLink {
        ShareLink {
            name: Name::parse("alice@example.com").unwrap(),
            key: PublicKey([1; 32]),
            is_private: false,
            overlays: overlays.iter().map(|o| (*o).to_owned()).collect(),
        }
    }

    #[test]
    fn looks_as_documented() {
        let overlays = ["store:https://example.org/{slot}?a=b&c=d", "lan"];
        let text = format!(
            "p2p://alice@example.com/{KEY}?overlay=store:https:%2F%2Fexample.org%2F%7Bslot%7D\
             %3Fa%3Db%26c%3Dd&overlay=lan"
        );
        assert_eq!(link(&overlays).to_string(), text);
        assert_eq!(ShareLink::parse(&text), Ok(link(&overlays)));
        assert_eq!(ShareLink::parse(&link(&[]).to_string()), Ok(link(&[])));
        for overlays in [&[][..], &["lan"]] {
            let private = ShareLink { is_private: true, ..link(overlays) };
            let more = if overlays.is_empty() { "" } else { "&overlay=lan" };
            let text = format!("p2p://alice@example.com/{KEY}?presence=contacts{more}");
            assert_eq!(private.to_string(), text);
            assert_eq!(ShareLink::parse(&text), Ok(private));
        }
    }

    #[test]
    fn takes_what_qr_codes_and_mail_programs_make_of_it() {
        let upper = format!("  P2P://ALICE@EXAMPLE.COM/{}?OVERLAY=lan\r\n", KEY.to_uppercase());
        assert_eq!(ShareLink::parse(&upper), Ok(link(&["lan"])));
        let raw = format!("p2p://alice@example.com/{KEY}?overlay=https://example.org/a?b=c");
        assert_eq!(ShareLink::parse(&raw), Ok(link(&["https://example.org/a?b=c"])));
    }

    #[test]
    fn refuses_everything_else() {
        let with = |rest: &str| ShareLink::parse(&format!("p2p://alice@example.com/{KEY}{rest}"));
        for (rest, error) in [
            ("/", ShareLinkError::Key),
            ("a", ShareLinkError::Key),
            ("#x", ShareLinkError::Key),
            ("?", ShareLinkError::Parameter),
            ("?overlay", ShareLinkError::Parameter),
            ("?key=1", ShareLinkError::Parameter),
            ("?overlay=lan&", ShareLinkError::Parameter),
            ("?presence=public", ShareLinkError::Parameter),
            ("?presence=contacts&", ShareLinkError::Parameter),
            ("?presence=contacts&presence=contacts", ShareLinkError::Parameter),
            ("?overlay=lan&presence=contacts", ShareLinkError::Parameter),
            ("?overlay=", ShareLinkError::Overlay),
            ("?overlay=%", ShareLinkError::Overlay),
            ("?overlay=%4", ShareLinkError::Overlay),
            ("?overlay=%+4", ShareLinkError::Overlay),
            ("?overlay=%00", ShareLinkError::Overlay),
            ("?overlay=%0A", ShareLinkError::Overlay),
            ("?overlay=%FF", ShareLinkError::Overlay),
            ("?overlay=a b", ShareLinkError::Overlay),
            ("?overlay=a#b", ShareLinkError::Overlay),
            ("?overlay=\u{e9}", ShareLinkError::Overlay),
        ] {
            assert_eq!(with(rest), Err(error), "{rest}");
        }
        let many = format!("?overlay=lan{}", "&overlay=lan".repeat(8));
        assert_eq!(with(&many), Err(ShareLinkError::TooManyOverlays));
        assert_eq!(with(&format!("?overlay={}", "a".repeat(257))), Err(ShareLinkError::Overlay));
        assert_eq!(with(&"a".repeat(9000)), Err(ShareLinkError::TooLong));
        for text in ["", "p2p:/", "http://alice@example.com/x", "\u{e9}\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(ShareLink::parse(text), Err(ShareLinkError::Scheme), "{text}");
        }
        let nameless = ShareLink::parse(&format!("p2p://alice/{KEY}"));
        assert_eq!(nameless, Err(ShareLinkError::Name(NameError::NoAt)));
        assert_eq!(ShareLink::parse("p2p://alice@example.com"), Err(ShareLinkError::Key));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_identity(
            user in "[a-z0-9_+-]{1,20}",
            key in any::<[u8; 32]>(),
            is_private in any::<bool>(),
            overlays in vec("\\PC{1,60}", 0..=8),
        ) {
            prop_assume!(user != "at");
            prop_assume!(overlays.iter().all(|overlay| ShareLink::can_carry(overlay)));
            let name = Name::parse(&format!("{user}@example.com")).unwrap();
            let link = ShareLink { name, key: PublicKey(key), is_private, overlays };
            prop_assert_eq!(ShareLink::parse(&link.to_string()), Ok(link));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(p2p://)?\\PC{0,120}") {
            let _ = ShareLink::parse(&text);
        }
    }
}
