//! Reading JSON (RFC 8259) that somebody else wrote.
//!
//! The deserializer trusts its input: an unclosed bracket below an unknown key keeps it busy for ever, and
//! a missing value ends the program. So the text is checked before.

use nanoserde::DeJson;

/// Deeper nesting than anything here is made of.
const MAX_DEPTH: usize = 16;

/// Reads a value.
///
/// # Errors
/// Says what is wrong: with the JSON, or with what it holds.
pub(in crate::daemon) fn read<T: DeJson>(text: &str) -> Result<T, String> {
    check(text.as_bytes()).ok_or("it is not well-formed")?;
    T::deserialize_json(text).map_err(|error| error.to_string())
}

/// Whether this is one JSON value and nothing else.
fn check(text: &[u8]) -> Option<()> {
    let rest = value(skip_space(text), MAX_DEPTH)?;
    skip_space(rest).is_empty().then_some(())
}

/// Takes a value off the front.
fn value(text: &[u8], depth: usize) -> Option<&[u8]> {
    match text.first()? {
        b'{' => items(&text[1..], b'}', |text| {
            let text = skip_space(string(text)?).strip_prefix(b":")?;
            value(skip_space(text), depth.checked_sub(1)?)
        }),
        b'[' => items(&text[1..], b']', |text| value(text, depth.checked_sub(1)?)),
        b'"' => string(text),
        b'-' | b'0'..=b'9' => number(text),
        _ => ["true", "false", "null"].iter().find_map(|word| text.strip_prefix(word.as_bytes())),
    }
}

/// Takes items with commas between them, up to the bracket that closes.
fn items<'a>(
    text: &'a [u8],
    close: u8,
    item: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    let mut text = skip_space(text);
    if text.first() == Some(&close) {
        return Some(&text[1..]);
    }
    loop {
        text = skip_space(item(text)?);
        let (next, rest) = text.split_first()?;
        match next {
            b',' => text = skip_space(rest),
            next if *next == close => return Some(rest),
            _ => return None,
        }
    }
}

fn string(text: &[u8]) -> Option<&[u8]> {
    let mut text = text.strip_prefix(b"\"")?;
    loop {
        let (next, rest) = text.split_first()?;
        text = match next {
            b'"' => return Some(rest),
            b'\\' => match rest.split_first()? {
                (b'u', rest) => {
                    let (digits, rest) = rest.split_at_checked(4)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)?
                }
                (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest) => rest,
                _ => return None,
            },
            0..0x20 => return None,
            _ => rest,
        }
    }
}

fn number(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let text = match text.strip_prefix(b"0") {
        Some(rest) => rest,
        None => digits(text)?,
    };
    let text = match text.strip_prefix(b".") {
        Some(fraction) => digits(fraction)?,
        None => text,
    };
    match text.first() {
        Some(b'e' | b'E') => {
            let exponent = &text[1..];
            let sign = matches!(exponent.first(), Some(b'+' | b'-'));
            digits(&exponent[usize::from(sign)..])
        }
        _ => Some(text),
    }
}

/// Takes at least one digit.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    (count > 0).then(|| &text[count..])
}

fn skip_space(text: &[u8]) -> &[u8] {
    let space = |octet: &&u8| matches!(octet, b' ' | b'\t' | b'\n' | b'\r');
    &text[text.iter().take_while(space).count()..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::daemon::PutService;

    #[test]
    fn knows_json_from_what_resembles_it() {
        for good in [
            "{}",
            " [ ] ",
            "null",
            "0",
            "-1.5e+3",
            "\"\"",
            "\"\\u00e4\\n\"",
            "[1,{\"a\":[true]}]",
            "{\"a\" : 1 , \"b\":\"}\"}",
            "1E5",
        ] {
            assert!(check(good.as_bytes()).is_some(), "{good}");
        }
        let deep = "[".repeat(MAX_DEPTH + 2) + &"]".repeat(MAX_DEPTH + 2);
        for bad in [
            "",
            " ",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "01",
            "+1",
            "1.",
            "1e",
            "-",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "nul",
            "nulls",
            "{} {}",
            "[1}",
            "{\"x\":[",
            &deep,
        ] {
            assert!(check(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let read = |text| read::<PutService>(text).map(|put| put.url).unwrap_err();
        assert_eq!(read("{\"x\":["), "it is not well-formed");
        assert_ne!(read("{\"url\":1}"), "it is not well-formed");
        assert_ne!(read("{\"ttl\":99999999999999999999999}"), "it is not well-formed");
        assert!(self::read::<PutService>("{\"x\":[{}],\"url\":\"a\"}").is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "[{}\\[\\]\":,\\\\u0-9a-eE+.\\- tlrd]{0,40}",
            key in "url|folder|ttl|lease|replace|x",
        ) {
            let _ = read::<PutService>(&text);
            let _ = read::<PutService>(&format!("{{\"{key}\":{text}}}"));
        }
    }
}
