//! Bencoding (BEP 3), only read: what trackers answer in.
//!
//! Strict: there is one way to write each value, keys rise, and nothing follows the end.

/// How deep lists and dictionaries may lie in one another.
const MAX_DEPTH: usize = 8;

/// A value; texts are octets of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Text(&'a [u8]),
    List(Vec<Value<'a>>),
    /// Keys rise.
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads a value that takes all of the input; None if there is none.
    pub(super) fn parse(input: &'a [u8]) -> Option<Value<'a>> {
        let mut rest = input;
        let value = read_value(&mut rest, MAX_DEPTH)?;
        rest.is_empty().then_some(value)
    }

    /// What a dictionary has under a key; None in anything else.
    pub(super) fn get(&self, key: &str) -> Option<&Value<'a>> {
        let Value::Dictionary(entries) = self else { return None };
        entries.iter().find(|(known, _)| *known == key.as_bytes()).map(|(_, value)| value)
    }

    /// The octets of a text.
    pub(super) fn text(&self) -> Option<&'a [u8]> {
        match self {
            Value::Text(octets) => Some(octets),
            _ => None,
        }
    }

    /// The number of an integer.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

fn read_value<'a>(rest: &mut &'a [u8], depth: usize) -> Option<Value<'a>> {
    match rest.first()? {
        b'0'..=b'9' => read_text(rest).map(Value::Text),
        b'i' => {
            *rest = &rest[1..];
            read_number(rest, b'e').map(Value::Integer)
        }
        b'l' => read_list(rest, depth.checked_sub(1)?).map(Value::List),
        b'd' => read_dictionary(rest, depth.checked_sub(1)?).map(Value::Dictionary),
        _ => None,
    }
}

fn read_list<'a>(rest: &mut &'a [u8], depth: usize) -> Option<Vec<Value<'a>>> {
    *rest = &rest[1..];
    let mut values = Vec::new();
    while !ends(rest)? {
        values.push(read_value(rest, depth)?);
    }
    Some(values)
}

fn read_dictionary<'a>(rest: &mut &'a [u8], depth: usize) -> Option<Vec<(&'a [u8], Value<'a>)>> {
    *rest = &rest[1..];
    let mut entries: Vec<(&[u8], Value)> = Vec::new();
    while !ends(rest)? {
        let key = read_text(rest)?;
        if entries.last().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        entries.push((key, read_value(rest, depth)?));
    }
    Some(entries)
}

/// Whether a list or dictionary ends here, and steps over its end.
fn ends(rest: &mut &[u8]) -> Option<bool> {
    let ends = *rest.first()? == b'e';
    if ends {
        *rest = &rest[1..];
    }
    Some(ends)
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_number(rest, b':')?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

/// A number in its only spelling, and what ends it.
fn read_number(rest: &mut &[u8], end: u8) -> Option<i64> {
    let length = rest.iter().position(|octet| *octet == end)?;
    let digits = str::from_utf8(&rest[..length]).ok()?;
    let number: i64 = digits.parse().ok()?;
    *rest = &rest[length + 1..];
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read() {
        let value = Value::parse(b"d1:ad1:xi-7ee1:bl0:3:abci0eee").unwrap();
        assert_eq!(value.get("a").unwrap().get("x").unwrap().integer(), Some(-7));
        let list = vec![Value::Text(b""), Value::Text(b"abc"), Value::Integer(0)];
        assert_eq!(value.get("b"), Some(&Value::List(list)));
        assert_eq!((value.get("c"), value.text(), value.integer()), (None, None, None));
    }

    #[test]
    fn there_is_one_way_to_write_a_value() {
        for bad in [
            &b""[..],
            b"i7",
            b"ie",
            b"i07e",
            b"i-0e",
            b"i+7e",
            b"i99999999999999999999e",
            b"3:ab",
            b"03:abc",
            b"-1:",
            b"99999999999999999999:a",
            b"l",
            b"li1e",
            b"d1:ae",
            b"di1ei2ee",
            b"d1:bi1e1:ai2ee",
            b"d1:ai1e1:ai2ee",
            b"i1ei2e",
            b"i1e\n",
            b"x",
        ] {
            assert_eq!(Value::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| [vec![b'l'; depth], vec![b'e'; depth]].concat();
        assert!(Value::parse(&nested(MAX_DEPTH)).is_some());
        assert_eq!(Value::parse(&nested(MAX_DEPTH + 1)), None);
        assert_eq!(Value::parse(&vec![b'l'; 1 << 20]), None);
    }
}
