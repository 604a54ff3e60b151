//! A value as proxies spell it: an object of JSON in one line, of which only the octets matter.

use data_encoding::BASE64;

/// Octets as a value. A node keeps one value of each number.
pub fn encode(octets: &[u8], number: u64) -> String {
    let data = BASE64.encode(octets);
    format!("{{\"data\":\"{data}\",\"id\":\"{number}\",\"type\":0}}")
}

/// The octets of a value; None for a line that is none.
pub fn decode(line: &[u8]) -> Option<Vec<u8>> {
    let name = b"\"data\"";
    let at = line.windows(name.len()).position(|window| window == name)?;
    let rest = line[at + name.len()..].trim_ascii_start().strip_prefix(b":")?;
    let text = rest.trim_ascii_start().strip_prefix(b"\"")?;
    let end = text.iter().position(|octet| *octet == b'"')?;
    let text: Vec<u8> = text[..end].iter().copied().filter(|octet| *octet != b'\\').collect();
    BASE64.decode(&text).ok()
}

/// Whether octets begin as a proxy's answers do: with nothing, or an object.
pub(super) fn is_proxys(body: &[u8]) -> bool {
    body.trim_ascii().first().is_none_or(|first| *first == b'{')
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn values_come_back_and_rubbish_does_not() {
        assert_eq!(decode(encode(b"octets", 7).as_bytes()), Some(b"octets".to_vec()));
        assert_eq!(decode(b"{ \"data\" : \"AAAA\" }"), Some(vec![0; 3]));
        for line in ["", "{}", "{\"data\":17}", "{\"data\":\"%%%\"}", "{\"data\":\"AAAA", "data"] {
            assert_eq!(decode(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(line in vec(any::<u8>(), 0..400), behind in vec(any::<u8>(), 0..80)) {
            let _ = decode(&line);
            let _ = decode(&[b"{\"data\"", &behind[..]].concat());
        }
    }
}
