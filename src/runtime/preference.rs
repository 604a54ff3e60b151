//! What a client would rather have (RFC 9110, section 12.5): `Accept`, `Accept-Encoding` and their like.

use hyper::header::{HeaderMap, HeaderName};

/// The weight, above 0 and at most 1, that `field` gives to something by its name. None where it is not
/// named or refused. Wildcards do not count: who sends one wants to see what comes.
pub fn preference(fields: &HeaderMap, field: HeaderName, name: &str) -> Option<f32> {
    let values = fields.get_all(field).iter().filter_map(|value| value.to_str().ok());
    let mut weights = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().filter(|named| named.eq_ignore_ascii_case(name))?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        weight.map_or(Some(1.0), |weight| weight.parse().ok())
    });
    weights.next().filter(|weight| *weight > 0.0 && *weight <= 1.0)
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};

    use super::*;

    fn of(field: HeaderName, value: &'static str, name: &str) -> Option<f32> {
        let fields = HeaderMap::from_iter([(field.clone(), HeaderValue::from_static(value))]);
        preference(&fields, field, name)
    }

    #[test]
    fn reads_accept() {
        let browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
        assert_eq!(of(ACCEPT, browser, "text/html"), Some(1.0));
        assert_eq!(of(ACCEPT, browser, "application/xhtml+xml"), Some(0.9));
        assert_eq!(of(ACCEPT, browser, "application/json"), None);
        assert_eq!(of(ACCEPT, "Application/JSON; x=y; Q=0.5", "application/json"), Some(0.5));
        for refused in ["text/html;q=0", "text/html;q=0.000", "text/html;q=x", "text/html;q=-1"] {
            assert_eq!(of(ACCEPT, refused, "text/html"), None, "{refused}");
        }
        assert_eq!(of(ACCEPT, "text/html;q=NaN", "text/html"), None);
    }

    #[test]
    fn reads_accept_encoding() {
        assert_eq!(of(ACCEPT_ENCODING, "gzip, deflate, br", "br"), Some(1.0));
        assert_eq!(of(ACCEPT_ENCODING, "GZIP;q=0.5", "gzip"), Some(0.5));
        assert_eq!(of(ACCEPT_ENCODING, "gzip;q=0, br", "gzip"), None);
        assert_eq!(of(ACCEPT_ENCODING, "identity, *", "gzip"), None);
        assert_eq!(of(ACCEPT_ENCODING, "", "gzip"), None);
    }
}
