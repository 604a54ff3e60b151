//! What a request tells the service about the client: which access form was used, and who asks.
//!
//! The proxy says which form; the gateway believes it only where it is one of the three forms of the
//! very destination, so that nobody can make a service write links to a host of their choice. Whatever
//! else looks like such a field is removed first, in every spelling: CGI and its successors cannot tell
//! `P2P_Peer` from `P2P-Peer`. RFC 7239 for `Forwarded`.

use hyper::{
    HeaderMap,
    header::{FORWARDED, HOST, HeaderName, HeaderValue},
};

use crate::identity::{AccessForm, Destination};

use super::target::Access;
use super::visitor::Visitor;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const P2P_PEER: HeaderName = HeaderName::from_static("p2p-peer");
const P2P_KEY: HeaderName = HeaderName::from_static("p2p-key");
const P2P_TRUST: HeaderName = HeaderName::from_static("p2p-trust");

/// Removes every field that could pass for one of ours.
pub(super) fn remove_all(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

/// Whether a program that knows only letters and digits in names would take `name` for ours.
fn is_ours(name: &HeaderName) -> bool {
    let begins = |prefix: &str| {
        let name = name.as_str().as_bytes();
        name.len() >= prefix.len()
            && name
                .iter()
                .zip(prefix.bytes())
                .all(|(is, wanted)| *is == wanted || wanted == b'-' && !is.is_ascii_alphanumeric())
    };
    begins("p2p-") || begins("x-forwarded-") || name == FORWARDED || begins("x-real-ip")
}

/// How the client of a request addresses the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Host and port that the client sees.
    host: HeaderValue,
    /// What it puts before every path; empty but in the path form.
    prefix: String,
}

impl Form {
    /// What the proxy tells.
    pub(super) fn of(access: &Access) -> Option<Form> {
        let host = HeaderValue::try_from(&access.authority).ok()?;
        Some(Form { host, prefix: access.prefix() })
    }

    /// Reads what the proxy told; the proxy form where that is not one of the forms of `destination`.
    pub(super) fn read(headers: &HeaderMap, destination: &Destination) -> Form {
        let form = || {
            let host = single(headers, &X_FORWARDED_HOST)?;
            let prefix = single(headers, &X_FORWARDED_PREFIX).unwrap_or_default();
            let http = single(headers, &X_FORWARDED_PROTO).is_none_or(|proto| proto == "http");
            let genuine = http
                && match form_of(host, destination)? {
                    AccessForm::Path => prefix == destination.path_prefix(),
                    AccessForm::OwnOrigin | AccessForm::Proxy => prefix.is_empty(),
                };
            let host = HeaderValue::try_from(host).ok()?;
            genuine.then(|| Form { host, prefix: prefix.into() })
        };
        form().unwrap_or_else(|| Form { host: canonical(destination), prefix: String::new() })
    }

    /// Writes what the gateway cannot know: nothing for the proxy form, which is what it takes for granted.
    pub(super) fn tell(&self, headers: &mut HeaderMap, destination: &Destination) {
        headers.insert(HOST, canonical(destination));
        if self.host != canonical(destination) {
            headers.insert(X_FORWARDED_HOST, self.host.clone());
            self.write_prefix(headers);
        }
    }

    /// Writes the fields that tell the form, and the `Host` that is the same in all of them.
    pub(super) fn write(&self, headers: &mut HeaderMap, destination: &Destination) {
        headers.insert(HOST, canonical(destination));
        headers.insert(X_FORWARDED_HOST, self.host.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        self.write_prefix(headers);
    }

    fn write_prefix(&self, headers: &mut HeaderMap) {
        if let Ok(prefix) = HeaderValue::try_from(&self.prefix)
            && !prefix.is_empty()
        {
            headers.insert(X_FORWARDED_PREFIX, prefix);
        }
    }

    /// Writes who asks. The visitor's address is nobody's business; its key stands for it.
    pub(super) fn write_visitor(&self, headers: &mut HeaderMap, visitor: &Visitor) {
        let fingerprint = visitor.key.fingerprint().to_string();
        let forwarded = format!(
            "by=_p2p;for=\"_peer-{}\";host=\"{}\";proto=http",
            fingerprint.get(..9).unwrap_or_default(),
            self.host.to_str().unwrap_or_default(),
        );
        let fields = [
            (FORWARDED, Some(forwarded)),
            (P2P_PEER, visitor.name.as_ref().map(ToString::to_string)),
            (P2P_KEY, Some(visitor.key.to_string())),
            (P2P_TRUST, Some(visitor.trust.into())),
        ];
        for (name, value) in fields {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
    }
}

/// The `Host` that a service sees in all forms.
fn canonical(destination: &Destination) -> HeaderValue {
    HeaderValue::try_from(destination.proxy_host()).expect("names are ASCII letters and digits")
}

/// In which form a client that sees `host` addresses `destination`, if in any.
fn form_of(host: &str, destination: &Destination) -> Option<AccessForm> {
    if host == destination.proxy_host() {
        return Some(AccessForm::Proxy);
    }
    let end = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let (name, port) = host.split_at(end.unwrap_or(host.len()));
    if port.len() > 6 || port.bytes().skip(1).any(|b| !b.is_ascii_digit()) {
        return None;
    }
    match name.strip_suffix(".localhost") {
        Some(label) => (label == destination.origin_label()).then_some(AccessForm::OwnOrigin),
        None => ["localhost", "127.0.0.1", "[::1]"].contains(&name).then_some(AccessForm::Path),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn forgeries_go_in_every_spelling() {
        let forged = [
            "p2p-peer",
            "p2p_peer",
            "p2p.peer",
            "p2p!key",
            "p2p~trust",
            "P2P-ANYTHING",
            "p2p-",
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_host",
            "x-forwarded_prefix",
            "x.forwarded.proto",
            "x-forwarded-user",
            "x-real-ip",
            "x_real_ip",
        ];
        let genuine = ["p2p", "p2pool", "x-p2p-peer", "x-forwarded", "forwarded-by", "host", "x"];
        let lines: Vec<_> = forged.iter().chain(&genuine).map(|name| (*name, "v")).collect();
        let mut headers = headers(&lines);
        remove_all(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        let mut genuine = genuine;
        genuine.sort_unstable();
        assert_eq!(left, genuine);
    }

    #[test]
    fn only_forms_of_the_destination_are_believed() {
        let destination =
            Destination::from_proxy_host("alice.at.example.com:1000").unwrap().unwrap();
        let prefix = "/alice@example.com/1000";
        let label = "1000-alice-at-example-com.localhost";
        let table = [
            ("alice.at.example.com:1000", "", true),
            ("localhost:5050", prefix, true),
            ("localhost", prefix, true),
            ("127.0.0.1:5050", prefix, true),
            ("[::1]:5050", prefix, true),
            ("1000-alice-at-example-com.localhost:5050", "", true),
            (label, "", true),
            ("evil.example", "", false),
            ("evil.example", prefix, false),
            ("localhost:5050", "", false),
            ("localhost:5050", "/bob@example.com/1000", false),
            ("localhost:5050", "//evil.example", false),
            ("1000-bob-at-example-com.localhost", "", false),
            (label, prefix, false),
            ("localhost:5050\"><script>", prefix, false),
            ("localhost:505050505", prefix, false),
        ];
        for (host, given, believed) in table {
            let mut lines = vec![("x-forwarded-host", host), ("x-forwarded-proto", "http")];
            if !given.is_empty() {
                lines.push(("x-forwarded-prefix", given));
            }
            let form = Form::read(&headers(&lines), &destination);
            let told = (form.host.to_str().unwrap(), form.prefix.as_str());
            let expected = if believed { (host, given) } else { ("alice.at.example.com:1000", "") };
            assert_eq!(told, expected, "{host} {given}");
        }
        let twice = headers(&[("x-forwarded-host", label), ("x-forwarded-host", label)]);
        assert_eq!(Form::read(&twice, &destination).host, "alice.at.example.com:1000");
        let https = headers(&[("x-forwarded-host", label), ("x-forwarded-proto", "https")]);
        assert_eq!(Form::read(&https, &destination).host, "alice.at.example.com:1000");
    }
}
