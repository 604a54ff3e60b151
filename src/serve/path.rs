//! The path of a request target, decoded to file names, and file names encoded as links.
//!
//! It decides by the text alone which targets are refused before the file system is asked: those that
//! try to climb, and those that name hidden files.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// A place below the shared folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestPath {
    /// File names from the shared folder downwards; none begins with a dot or holds a slash.
    pub(super) segments: Vec<OsString>,
    /// Whether the target ended in a slash, which asks for a folder.
    pub(super) slash: bool,
}

/// Why a target names no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathError {
    /// It climbs (`..`), or holds a NUL, an encoded slash or an escape that is none.
    Malformed,
    /// It names a hidden file, or has an empty segment that no file can have.
    Hidden,
}

impl RequestPath {
    /// Decodes the path of a request target, octet by octet: file names need not be UTF-8.
    ///
    /// # Errors
    /// See [`PathError`]; a malformed segment anywhere outweighs a hidden one.
    pub(super) fn parse(path: &str) -> Result<RequestPath, PathError> {
        let inner = path.strip_prefix('/').ok_or(PathError::Malformed)?;
        let (inner, slash) = match inner.strip_suffix('/') {
            Some(inner) => (inner, true),
            None => (inner, inner.is_empty()),
        };
        if inner.is_empty() && path.len() > 1 {
            return Err(PathError::Hidden);
        }
        let mut segments = Vec::new();
        let mut hidden = false;
        for segment in inner.split('/').filter(|_| !inner.is_empty()) {
            let name = decode(segment)?;
            hidden |= name.is_empty() || name[0] == b'.';
            segments.push(OsString::from_vec(name));
        }
        if hidden { Err(PathError::Hidden) } else { Ok(RequestPath { segments, slash }) }
    }

    /// The name of the file or folder; none for the shared folder itself.
    pub(super) fn name(&self) -> Option<&OsStr> {
        self.segments.last().map(OsString::as_os_str)
    }
}

/// One segment of a link. All but unreserved characters (RFC 3986, 2.3) is escaped, so that no name can
/// look like a scheme, a query or markup.
pub(super) fn encode(name: &OsStr) -> String {
    percent_encode(name.as_bytes(), ESCAPED).to_string()
}

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn decode(segment: &str) -> Result<Vec<u8>, PathError> {
    let mut name = Vec::with_capacity(segment.len());
    let mut octets = segment.bytes();
    while let Some(octet) = octets.next() {
        name.push(match octet {
            b'%' => {
                let high = octets.next().and_then(hex).ok_or(PathError::Malformed)?;
                let low = octets.next().and_then(hex).ok_or(PathError::Malformed)?;
                high << 4 | low
            }
            octet => octet,
        });
    }
    // a backslash is an ordinary character in a Unix file name, but none in a climb
    let climbs = name.split(|octet| *octet == b'\\').any(|part| part == b".." || part == b".");
    if climbs || name.contains(&0) || name.contains(&b'/') {
        return Err(PathError::Malformed);
    }
    Ok(name)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(path: &str) -> Vec<String> {
        let path = RequestPath::parse(path).unwrap();
        path.segments.iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn decodes_names() {
        assert_eq!(segments("/"), [""; 0]);
        assert_eq!(segments("/a/b%20c"), ["a", "b c"]);
        assert_eq!(segments("/a%23%3F%25%5Cb/"), ["a#?%\\b"]);
        assert!(RequestPath::parse("/").unwrap().slash);
        assert!(RequestPath::parse("/a/").unwrap().slash);
        assert!(!RequestPath::parse("/a").unwrap().slash);
    }

    #[test]
    fn refuses_climbing_and_hidden_names() {
        for path in [
            "/../x",
            "/a/..",
            "/%2e%2e/x",
            "/.%2E/x",
            "/..%2fx",
            "/..%5cx",
            "/..\\x",
            "/a%5c..%5cx",
            "/./x",
            "/a%00b",
            "/a%2Fb",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "",
            "*",
            "a/b",
            "/.git/../x",
        ] {
            assert_eq!(RequestPath::parse(path), Err(PathError::Malformed), "{path}");
        }
        for path in ["/.git", "/a/.env", "/%2egit/config", "//", "//a", "/a//b", "/a//"] {
            assert_eq!(RequestPath::parse(path), Err(PathError::Hidden), "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_a_link(name in proptest::collection::vec(1u8..=255, 1..40)) {
            prop_assume!(name[0] != b'.' && !name.contains(&b'/'));
            prop_assume!(!name.split(|o| *o == b'\\').any(|part| part == b"." || part == b".."));
            let name = OsString::from_vec(name);
            let link = encode(&name);
            prop_assert!(link.is_ascii() && !link.contains([':', '?', '#', '"', '<', '&', '\'']));
            let path = RequestPath::parse(&format!("/{link}")).unwrap();
            prop_assert_eq!(path.segments, vec![name]);
        }

        #[test]
        fn no_text_leads_out(path in "(/|\\.|%2e|%2E|%2f|%5c|\\\\|%00|a|%|%25|\u{e9}){0,12}") {
            if let Ok(path) = RequestPath::parse(&path) {
                for name in path.segments {
                    let name = name.as_bytes();
                    prop_assert!(!name.is_empty() && name[0] != b'.');
                    prop_assert!(!name.contains(&b'/') && !name.contains(&0));
                }
            }
        }
    }
}
