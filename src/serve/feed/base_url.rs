//! The beginning of the URLs that a client can use, as the client itself spelled it.
//!
//! Nothing of it is stored or configured: each access form gets feeds with its own URLs.

use std::{fmt, path::Path};

use hyper::{HeaderMap, header::HOST};

use crate::serve::path::encode;

/// Scheme, host and path prefix, with a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl(String);

const PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
const PREFIX: &str = "x-forwarded-prefix";

/// The request fields that [`BaseUrl::of`] looks at, for `Vary`.
pub(super) const VARY: &str =
    "Host, Forwarded, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Prefix";

/// Octets of a host or prefix that are believed.
const MAX_LENGTH: usize = 512;

impl BaseUrl {
    /// What the gateway says the client sees, else what `Host` says.
    ///
    /// The `X-Forwarded-*` fields are taken together or not at all, so that no part of an odd set gets
    /// into a feed. None when there is no host to speak of.
    pub(super) fn of(headers: &HeaderMap) -> Option<BaseUrl> {
        let forwarded = || {
            let host = only(headers, FORWARDED_HOST)?.filter(|host| is_host(host))?;
            let proto = only(headers, PROTO)?.unwrap_or("http");
            let prefix = only(headers, PREFIX)?.unwrap_or("").trim_end_matches('/');
            let proto = ["http", "https"].into_iter().find(|p| proto.eq_ignore_ascii_case(p))?;
            is_prefix(prefix).then(|| BaseUrl(format!("{proto}://{host}{prefix}/")))
        };
        let direct = || {
            let host = only(headers, HOST.as_str())?.filter(|host| is_host(host))?;
            Some(BaseUrl(format!("http://{host}/")))
        };
        forwarded().or_else(direct)
    }

    /// The URL of a file: each octet of its path that is not plain is escaped, so that different files
    /// have different URLs and all of them are ASCII.
    pub(super) fn file(&self, path: &Path) -> String {
        let names: Vec<_> = path.iter().map(encode).collect();
        self.join(&names.join("/"))
    }

    /// The URL of a resource with a plain name.
    pub(super) fn join(&self, name: &str) -> String {
        format!("{self}{name}")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a field; Some(None) where it is absent, None where it stands twice or is no text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().map(str::trim)).transpose().ok()?;
    values.next().is_none().then_some(first)
}

fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".:-[]_+".contains(&b);
    !host.is_empty() && host.len() <= MAX_LENGTH && host.bytes().all(plain)
}

/// Empty, or one or two segments of plain characters, as in `/alice@example.com/1000`.
fn is_prefix(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"/?#<>\"'\\`^{|}&".contains(&b);
    let Some(segments) = prefix.strip_prefix('/') else { return prefix.is_empty() };
    prefix.len() <= MAX_LENGTH
        && segments.split('/').count() <= 2
        && segments.split('/').all(|s| !["", ".", ".."].contains(&s) && s.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn base(fields: &[(&str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        BaseUrl::of(&headers).map(|base| base.to_string())
    }

    const DIRECT: (&str, &str) = ("host", "alice.at.example.com:1000");

    #[test]
    fn each_access_form_has_its_own() {
        let path = [
            DIRECT,
            (PROTO, "http"),
            (FORWARDED_HOST, "localhost:5050"),
            (PREFIX, "/alice@example.com/1000"),
        ];
        assert_eq!(base(&path).unwrap(), "http://localhost:5050/alice@example.com/1000/");
        let own = [DIRECT, (FORWARDED_HOST, "1000-alice-at-example-com.localhost:5050")];
        assert_eq!(base(&own).unwrap(), "http://1000-alice-at-example-com.localhost:5050/");
        assert_eq!(base(&[DIRECT]).unwrap(), "http://alice.at.example.com:1000/");
        let tls = [DIRECT, (PROTO, "HTTPS"), (FORWARDED_HOST, "[::1]:5050"), (PREFIX, "/")];
        assert_eq!(base(&tls).unwrap(), "https://[::1]:5050/");
    }

    #[test]
    fn odd_fields_are_not_believed() {
        let odd = [
            [(FORWARDED_HOST, "evil.test/x"), (PREFIX, "")],
            [(FORWARDED_HOST, "a, b"), (PREFIX, "")],
            [(FORWARDED_HOST, "user@evil.test"), (PREFIX, "")],
            [(FORWARDED_HOST, ""), (PREFIX, "")],
            [(FORWARDED_HOST, "\u{e9}vil.test"), (PREFIX, "")],
            [(FORWARDED_HOST, "evil.test"), (FORWARDED_HOST, "good.test")],
            [(FORWARDED_HOST, "evil.test"), (PROTO, "javascript")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "//evil.test")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/a/b/c")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/a/../b")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/..")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "evil")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/\"><script>")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/a b")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/a?b")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/a#b")],
            [(FORWARDED_HOST, "evil.test"), (PREFIX, "/\u{e9}")],
            [(PROTO, "https"), (PREFIX, "/x")],
        ];
        for fields in odd {
            let [a, b] = fields;
            assert_eq!(
                base(&[DIRECT, a, b]).unwrap(),
                "http://alice.at.example.com:1000/",
                "{fields:?}"
            );
        }
        for host in ["", "evil.test/", "a b", "a<b", "a\"b", "a@b", "a%b"] {
            assert_eq!(base(&[("host", host)]), None, "{host:?}");
        }
        assert_eq!(base(&[]), None);
        assert_eq!(base(&[DIRECT, ("host", "second.test")]), None);
    }

    #[test]
    fn files_have_urls_of_their_own() {
        let base = BaseUrl("http://h/".into());
        let url = |path: &[u8]| base.file(Path::new(OsStr::from_bytes(path)));
        assert_eq!(url(b"a/b c.mp3"), "http://h/a/b%20c.mp3");
        assert_eq!(url(b"#?%&'\"<>\n.mp3"), "http://h/%23%3F%25%26%27%22%3C%3E%0A.mp3");
        assert_eq!(url("\u{1f3b5}.mp3".as_bytes()), "http://h/%F0%9F%8E%B5.mp3");
        assert_eq!(url(b"\xff\xfe.mp3"), "http://h/%FF%FE.mp3");
        assert_ne!(url(b"%20.mp3"), url(b" .mp3"));
    }
}
