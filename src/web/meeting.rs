//! The page of a first meeting: a fingerprint to compare, and the question whether to trust it.
//!
//! It stands on the daemon's own origin, where no peer's page ever comes from, under an address that nobody
//! can guess: neither another site nor an old page of the same person can press its button.

use hyper::{
    StatusCode,
    header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION},
};

use crate::identity::{AccessForm, Destination, Name, PublicKey, ServicePort};
use crate::runtime::html::{self, Part};
use crate::runtime::http::{self, Response};

use super::page;

const TEMPLATE: &str = include_str!("meeting.html");

/// Whom a person is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The name.
    pub name: Name,
    /// The key that claims it.
    pub key: PublicKey,
    /// The overlays in which it was found.
    pub sources: Vec<String>,
}

/// What a person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Trust the key.
    Trust {
        /// Whether fingerprint or phrase were compared.
        compared: bool,
    },
    /// Do nothing.
    Cancel,
}

impl Answer {
    /// Reads the form (`application/x-www-form-urlencoded`); None for anything else.
    pub fn read(form: &[u8]) -> Option<Answer> {
        let fields: Vec<&[u8]> = form.split(|octet| *octet == b'&').collect();
        if fields.contains(&&b"answer=cancel"[..]) {
            return Some(Answer::Cancel);
        }
        let compared = fields.contains(&&b"compared=yes"[..]);
        fields.contains(&&b"answer=trust"[..]).then_some(Answer::Trust { compared })
    }
}

/// The page; `action` is where its form goes.
pub fn meeting_page(meeting: &Meeting, phrase: &str, action: &str) -> Response {
    let Meeting { name, key, sources } = meeting;
    let parts = [
        ("name", Part::Text(name.as_str())),
        ("fingerprint", Part::Text(&key.fingerprint().to_string())),
        ("phrase", Part::Text(phrase)),
        ("sources", Part::Text(&sources.join(", "))),
        ("action", Part::Text(action)),
    ];
    let title = format!("Who is {name}?");
    let body = page::document(&title, &html::fill(TEMPLATE, &parts));
    let mut response = Response::new(http::full(body));
    page::protect(response.headers_mut(), html::MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, page::form_policy());
    response
}

/// Where a person is asked: on the daemon's own origin, with the way back.
pub(super) fn address(port: u16, page: &str, destination: &Destination, path: &str) -> String {
    let path = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
    format!("http://p2p.localhost:{port}{page}?port={}&path={path}", destination.port)
}

/// Where a person goes after the answer: to the service asked for, in its own-origin form. `query` is that
/// of the page, `authority` the daemon's host and port as the browser sees them.
pub fn way_back(name: &Name, query: &str, authority: &str) -> Option<Response> {
    let field = |wanted: &str| {
        query.split('&').find_map(|field| field.strip_prefix(wanted)?.strip_prefix('='))
    };
    let port = ServicePort::parse(field("port")?)?;
    let path = percent_encoding::percent_decode_str(field("path")?).decode_utf8().ok()?;
    let daemon = authority.strip_prefix("p2p.")?;
    if !path.starts_with('/') {
        return None;
    }
    let destination = Destination { name: name.clone(), port };
    let url = destination.url(AccessForm::OwnOrigin, daemon, &path);
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(url).ok()?);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_buttons_are_answers() {
        for (form, answer) in [
            ("answer=trust", Some(Answer::Trust { compared: false })),
            ("compared=yes&answer=trust", Some(Answer::Trust { compared: true })),
            ("compared=yes&answer=cancel", Some(Answer::Cancel)),
            ("answer=trust&answer=cancel", Some(Answer::Cancel)),
            ("compared=yes", None),
            ("", None),
            ("answer=trusted", None),
        ] {
            assert_eq!(Answer::read(form.as_bytes()), answer, "{form}");
        }
    }

    #[test]
    fn the_way_back_leads_to_the_person_only() {
        let name = Name::parse("alice@example.com").unwrap();
        let destination = Destination { name: name.clone(), port: ServicePort::HTTP };
        let there = address(5050, "/meet/x", &destination, "/a b?c=d&e");
        let (page, query) = there.split_once('?').unwrap();
        assert_eq!(page, "http://p2p.localhost:5050/meet/x");
        let back = way_back(&name, query, "p2p.localhost:5050").unwrap();
        let to = back.headers()[LOCATION].to_str().unwrap();
        assert_eq!(to, "http://80-alice-at-example-com.localhost:5050/a b?c=d&e");
        for query in ["", "port=80", "port=80&path=x", "port=0&path=%2F", "port=80&path=%2F%0D%0Ax"]
        {
            assert!(way_back(&name, query, "p2p.localhost:5050").is_none(), "{query}");
        }
        assert!(way_back(&name, "port=80&path=%2F", "evil.example").is_none());
    }
}
