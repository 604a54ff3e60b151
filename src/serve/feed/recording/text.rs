//! Text in the encodings that tags have.

/// The encodings of ID3v2 (ID3v2.4.0 structure, 4): an octet in front of the text tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// ISO 8859-1.
    Latin1,
    /// UTF-16 of either order, told by a byte order mark.
    Utf16,
    /// UTF-16 whose higher octet comes first.
    Utf16Big,
    /// UTF-8.
    Utf8,
}

impl Encoding {
    /// The encoding that an octet stands for.
    pub(super) fn of(octet: u8) -> Option<Encoding> {
        Some(match octet {
            0 => Encoding::Latin1,
            1 => Encoding::Utf16,
            2 => Encoding::Utf16Big,
            3 => Encoding::Utf8,
            _ => return None,
        })
    }

    /// Text up to its end mark, and what follows; all of it where there is no mark.
    pub(super) fn split(self, octets: &[u8]) -> (&[u8], &[u8]) {
        let width = if matches!(self, Encoding::Latin1 | Encoding::Utf8) { 1 } else { 2 };
        let mut characters = octets.chunks_exact(width);
        let Some(count) = characters.position(|it| it.iter().all(|octet| *octet == 0)) else {
            return (octets, &[]);
        };
        let (text, rest) = octets.split_at_checked(count * width).unwrap_or_default();
        (text, rest.get(width..).unwrap_or_default())
    }

    /// The text. Of UTF-16 without a mark the order is that of `before`, else the usual one of
    /// Windows; what cannot be decoded is replaced.
    pub(super) fn decode(self, octets: &[u8], before: &[u8]) -> String {
        let big = match (self, octets, before) {
            (_, [0xFE, 0xFF, ..], _) => true,
            (_, [0xFF, 0xFE, ..], _) => false,
            (Encoding::Utf16Big, ..) | (_, _, [0xFE, 0xFF, ..]) => true,
            _ => false,
        };
        match self {
            Encoding::Latin1 => latin1(octets),
            Encoding::Utf8 => String::from_utf8_lossy(octets).into_owned(),
            Encoding::Utf16 | Encoding::Utf16Big => utf16(octets, big),
        }
    }
}

/// ISO 8859-1.
pub(super) fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

/// UTF-16 in either order; byte order marks, also between texts, are left out.
pub(super) fn utf16(octets: &[u8], big: bool) -> String {
    let units = octets.chunks_exact(2).map(|pair| match *pair {
        [high, low] if big => u16::from_be_bytes([high, low]),
        [low, high] => u16::from_le_bytes([low, high]),
        _ => 0,
    });
    char::decode_utf16(units.filter(|unit| ![0xFEFF, 0xFFFE].contains(unit)))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// UTF-8, maybe cut off within a character. None for what is anything else.
pub(super) fn utf8(octets: &[u8]) -> Option<&str> {
    match str::from_utf8(octets) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(octets.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_read() {
        let decoded = |octet, octets: &[u8], before: &[u8]| {
            Encoding::of(octet).map(|encoding| encoding.decode(octets, before))
        };
        assert_eq!(decoded(0, b"\xC4hm", b"").unwrap(), "Ähm");
        assert_eq!(decoded(1, b"\xFF\xFE\xC4\0h\0m\0", b"").unwrap(), "Ähm");
        assert_eq!(decoded(1, b"\xFE\xFF\0\xC4\0h\0m", b"").unwrap(), "Ähm");
        assert_eq!(decoded(1, b"\0\xC4\0h\0m", b"\xFE\xFF").unwrap(), "Ähm");
        assert_eq!(decoded(1, b"\xC4\0h\0m\0m", b"").unwrap(), "Ähm");
        assert_eq!(decoded(2, b"\0\xC4\0h\0m", b"").unwrap(), "Ähm");
        assert_eq!(decoded(2, b"\xD8\x3C\xDF\x5E", b"").unwrap(), "🍞");
        assert_eq!(decoded(2, b"\xD8\x3C\0a", b"").unwrap(), "\u{FFFD}a");
        assert_eq!(decoded(3, "Ähm".as_bytes(), b"").unwrap(), "Ähm");
        assert_eq!(decoded(4, b"", b""), None);
    }

    #[test]
    fn texts_end_at_a_mark_of_their_width() {
        assert_eq!(Encoding::Latin1.split(b"ab\0cd"), (&b"ab"[..], &b"cd"[..]));
        assert_eq!(Encoding::Utf16.split(b"a\0\0b\0\0cd"), (&b"a\0\0b"[..], &b"cd"[..]));
        assert_eq!(Encoding::Utf8.split(b"abc"), (&b"abc"[..], &b""[..]));
        assert_eq!(Encoding::Utf16.split(b"a\0\0"), (&b"a\0\0"[..], &b""[..]));
    }

    #[test]
    fn utf8_may_be_cut_off() {
        assert_eq!(utf8(b"\xC3\x84\xC3"), Some("Ä"));
        assert_eq!(utf8(b"\xC4hm"), None);
    }
}
