//! What responses say again and again, by number (as the static table of QPACK, RFC 9204, appendix A).
//!
//! Both ends have the same table, so that numbers never change their meaning: what is added takes a free one.

/// Status lines, by the octet that stands for each. No response begins with one of these otherwise.
const STATUS_LINES: [(u8, &[u8]); 6] = [
    (0x01, b"HTTP/1.1 200 OK"),
    (0x02, b"HTTP/1.1 206 Partial Content"),
    (0x03, b"HTTP/1.1 304 Not Modified"),
    (0x04, b"HTTP/1.1 404 Not Found"),
    (0x05, b"HTTP/1.1 302 Found"),
    (0x06, b"HTTP/1.1 204 No Content"),
];

/// Entries of the table, at most.
const ENTRIES: usize = 64;

/// Set in the octet of an entry: no field name begins like this.
const ENTRY: u8 = 0x80;
/// Set in it where the name is in lower case.
const LOWER: u8 = 0x40;

/// Fields by number. Names that stand alone are followed by a value.
const FIELDS: [Field; 61] = [
    Field::Length("Content-Length"),
    Field::Line("Accept-Ranges", "bytes"),
    Field::Line("Cache-Control", "max-age=0"),
    Field::Line("Cache-Control", "no-cache"),
    Field::Line("Cache-Control", "no-store"),
    Field::Line("Cache-Control", "private"),
    Field::Line("Content-Encoding", "br"),
    Field::Line("Content-Encoding", "gzip"),
    Field::Line("Content-Type", "application/javascript"),
    Field::Line("Content-Type", "application/json"),
    Field::Line("Content-Type", "application/octet-stream"),
    Field::Line("Content-Type", "application/rss+xml"),
    Field::Line("Content-Type", "audio/mpeg"),
    Field::Line("Content-Type", "audio/ogg"),
    Field::Line("Content-Type", "image/gif"),
    Field::Line("Content-Type", "image/jpeg"),
    Field::Line("Content-Type", "image/png"),
    Field::Line("Content-Type", "image/svg+xml"),
    Field::Line("Content-Type", "image/webp"),
    Field::Line("Content-Type", "text/css"),
    Field::Line("Content-Type", "text/css; charset=utf-8"),
    Field::Line("Content-Type", "text/html"),
    Field::Line("Content-Type", "text/html; charset=utf-8"),
    Field::Line("Content-Type", "text/javascript"),
    Field::Line("Content-Type", "text/javascript; charset=utf-8"),
    Field::Line("Content-Type", "text/plain"),
    Field::Line("Content-Type", "text/plain; charset=utf-8"),
    Field::Line("Content-Type", "video/mp4"),
    Field::Line("Referrer-Policy", "no-referrer"),
    Field::Line("Transfer-Encoding", "chunked"),
    Field::Line("Vary", "Accept-Encoding"),
    Field::Line("X-Content-Type-Options", "nosniff"),
    Field::Name("Access-Control-Allow-Origin"),
    Field::Name("Age"),
    Field::Name("Allow"),
    Field::Name("Cache-Control"),
    Field::Name("Content-Disposition"),
    Field::Name("Content-Encoding"),
    Field::Name("Content-Language"),
    Field::Name("Content-Range"),
    Field::Name("Content-Security-Policy"),
    Field::Name("Content-Type"),
    Field::Name("Date"),
    Field::Name("ETag"),
    Field::Name("Expires"),
    Field::Name("Last-Modified"),
    Field::Name("Link"),
    Field::Name("Location"),
    Field::Name("Permissions-Policy"),
    Field::Name("Pragma"),
    Field::Name("Referrer-Policy"),
    Field::Name("Retry-After"),
    Field::Name("Server"),
    Field::Name("Set-Cookie"),
    Field::Name("Strict-Transport-Security"),
    Field::Name("Vary"),
    Field::Name("Via"),
    Field::Name("WWW-Authenticate"),
    Field::Name("X-Content-Type-Options"),
    Field::Name("X-Frame-Options"),
    Field::Name("X-Powered-By"),
];

const _: () = assert!(FIELDS.len() <= ENTRIES);

/// What a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A name and a value.
    Line(&'static str, &'static str),
    /// A name, behind which the value stands as text.
    Name(&'static str),
    /// A name, behind which the value stands as a number.
    Length(&'static str),
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Line(name, _) | Field::Name(name) | Field::Length(name) => name,
        }
    }

    /// What says most of a field with this name, as an octet: a whole line, if there is one with this value.
    pub(super) fn find(name: &[u8], value: &[u8]) -> Option<(u8, Field)> {
        let lower = if name.first()?.is_ascii_lowercase() { LOWER } else { 0 };
        let is_so_called = |field: Field| {
            name.eq_ignore_ascii_case(field.name().as_bytes())
                && (if lower != 0 {
                    name.iter().all(|octet| !octet.is_ascii_uppercase())
                } else {
                    name == field.name().as_bytes()
                })
        };
        let fits = |field: Field| match field {
            Field::Line(_, whole) => value == whole.as_bytes(),
            Field::Name(_) | Field::Length(_) => true,
        };
        // lines stand before names
        let at = FIELDS.iter().position(|field| is_so_called(*field) && fits(*field))?;
        Some((ENTRY | lower | at as u8, FIELDS[at]))
    }

    /// What an octet at the beginning of a line stands for, and its name as it was written.
    ///
    /// None for one that stands for itself, or for nothing yet.
    pub(super) fn of(octet: u8) -> Option<(Field, Vec<u8>)> {
        if octet & ENTRY == 0 {
            return None;
        }
        let field = *FIELDS.get(usize::from(octet & !(ENTRY | LOWER)))?;
        let mut name = field.name().as_bytes().to_vec();
        if octet & LOWER != 0 {
            name.make_ascii_lowercase();
        }
        Some((field, name))
    }
}

/// The octet for a status line, without its end.
pub(super) fn octet_of_status(line: &[u8]) -> Option<u8> {
    STATUS_LINES.iter().find(|(_, known)| *known == line).map(|(octet, _)| *octet)
}

/// The status line for an octet.
pub(super) fn status_line(octet: u8) -> Option<&'static [u8]> {
    STATUS_LINES.iter().find(|(known, _)| *known == octet).map(|(_, line)| *line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_in_both_ways_of_writing_and_comes_back() {
        for (at, field) in FIELDS.into_iter().enumerate() {
            let value = if let Field::Line(_, value) = field { value } else { "7" };
            for name in [field.name().to_owned(), field.name().to_ascii_lowercase()] {
                let (octet, found) = Field::find(name.as_bytes(), value.as_bytes()).unwrap();
                assert_eq!(found, field, "nothing before it says the same");
                assert_eq!(usize::from(octet & 0x3f), at);
                assert_eq!(Field::of(octet), Some((field, name.into_bytes())));
            }
        }
        for (octet, line) in STATUS_LINES {
            assert_eq!(octet_of_status(line), Some(octet));
            assert_eq!(status_line(octet), Some(line));
        }
    }

    #[test]
    fn what_is_written_otherwise_is_not_in_the_table() {
        for name in ["CONTENT-TYPE", "Content-type", "content-Type", "X-Other", ""] {
            assert_eq!(Field::find(name.as_bytes(), b"text/plain"), None, "{name}");
        }
        assert_eq!(Field::of(b'C'), None);
        assert_eq!(Field::of(ENTRY | FIELDS.len() as u8), None);
        assert_eq!(status_line(b'H'), None);
    }
}
