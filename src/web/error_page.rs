//! A [`Failure`] as a response: a page for people, JSON for programs that ask for it, else text.

use hyper::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, VARY},
};
use nanoserde::SerJson;

use crate::runtime::html::{self, Part};
use crate::runtime::http::{self, Response};
use crate::runtime::preference;

use super::failure::{Failure, Step};
use super::page;
use super::words::Words;

const TEMPLATE: &str = include_str!("error.html");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// The longest `details` of a `Proxy-Status` in octets.
const MAX_DETAILS: usize = 240;

/// What a client would like to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A page: browsers.
    Html,
    /// An object: programs that say so.
    Json,
    /// One line for each thing: everything else.
    Text,
}

impl Media {
    /// Reads `Accept` (RFC 9110, 12.5.1); ranges such as `*/*` mean text. Of what is wanted equally, the
    /// first in the order here.
    pub fn wanted(headers: &HeaderMap) -> Media {
        let weight = |name| preference(headers, ACCEPT, name).unwrap_or(0.0);
        let html = weight("text/html").max(weight("application/xhtml+xml"));
        let (json, text) = (weight("application/json"), weight("text/plain"));
        if html > 0.0 && html >= json && html >= text {
            Media::Html
        } else if json > 0.0 && json >= text {
            Media::Json
        } else {
            Media::Text
        }
    }
}

/// The response that tells a failure.
pub fn error_page(failure: &Failure, media: Media) -> Response {
    error_page_about(failure, None, media)
}

/// The response that tells a failure, and on what ground the peer's key is believed.
pub fn error_page_about(failure: &Failure, ground: Option<&str>, media: Media) -> Response {
    let words = failure.words();
    let (content_type, body) = match media {
        Media::Html => (html::MEDIA_TYPE, page_of(failure, &words, ground)),
        Media::Json => ("application/json", json(failure, words, ground)),
        Media::Text => ("text/plain; charset=utf-8", text(&words, ground)),
    };
    let mut response = Response::new(http::full(body));
    *response.status_mut() = failure.status();
    let headers = response.headers_mut();
    page::protect(headers, content_type);
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(PROXY_STATUS, proxy_status(failure));
    if let Some(after) = failure.retry_after() {
        headers.insert(RETRY_AFTER, after.as_secs().into());
    }
    if failure.closes() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 9209 with the strings of RFC 8941: printable ASCII, `"` and `\` escaped.
fn proxy_status(failure: &Failure) -> HeaderValue {
    let mut details = String::new();
    for c in failure.to_string().chars().take(MAX_DETAILS) {
        match c {
            '"' | '\\' => details.extend(['\\', c]),
            ' '..='~' => details.push(c),
            _ => details.push('?'),
        }
    }
    let value = format!("p2p; error={}; details=\"{details}\"", failure.error_type());
    HeaderValue::try_from(value).expect("all of it is printable ASCII")
}

fn text(Words { headline, explanation, advice }: &Words, ground: Option<&str>) -> String {
    let ground = ground.map(|ground| format!("trust: {ground}\n")).unwrap_or_default();
    format!("{headline}\n{explanation}\n{ground}hint: {advice}\n")
}

fn json(
    failure: &Failure,
    Words { headline, explanation, advice }: Words,
    ground: Option<&str>,
) -> String {
    #[derive(SerJson)]
    struct Report {
        status: u16,
        error: String,
        step: Option<String>,
        headline: String,
        explanation: String,
        trust: Option<String>,
        advice: String,
    }
    let report = Report {
        status: failure.status().as_u16(),
        error: failure.error_type().into(),
        step: failure.step().map(|step| step.label().into()),
        headline,
        explanation,
        trust: ground.map(str::to_owned),
        advice,
    };
    report.serialize_json() + "\n"
}

fn page_of(failure: &Failure, words: &Words, ground: Option<&str>) -> String {
    let status = failure.status();
    let label = format!("{} {}", status.as_u16(), reason(status));
    let main = html::fill(
        TEMPLATE,
        &[
            ("steps", Part::Markup(&steps(failure.step()))),
            ("headline", Part::Text(&capitalised(&words.headline))),
            ("explanation", Part::Markup(&explanation(failure, words))),
            ("ground", Part::Markup(&trusted(ground))),
            ("advice", Part::Markup(&advice(&words.advice))),
            ("status", Part::Text(&label)),
            ("error", Part::Text(failure.error_type())),
        ],
    );
    page::document(&capitalised(&words.headline), &main)
}

/// The way of the request with the step that failed; nothing when it did not set out.
fn steps(failed: Option<Step>) -> String {
    let Some(failed) = failed else { return String::new() };
    let mut list = String::from("<ol class=\"steps\" aria-label=\"The way of this request\">\n");
    for step in Step::ALL {
        let (class, mark, state) = match step.cmp(&failed) {
            std::cmp::Ordering::Less => ("done", "✓", "done"),
            std::cmp::Ordering::Equal => ("failed", "!", "failed here"),
            std::cmp::Ordering::Greater => ("ahead", "", "not reached"),
        };
        let label = step.label();
        list.push_str(&format!(
            "<li class=\"{class}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span>\
             {label}<span class=\"quiet\">: {state}</span>\n"
        ));
    }
    list + "</ol>\n"
}

/// The explanation with fingerprints set apart, as people compare them character by character.
fn explanation(failure: &Failure, words: &Words) -> String {
    let explanation = html::escape(&sentence(&words.explanation));
    let Failure::KeyConflict { known, claimed, .. } = failure else { return explanation };
    let keys = known.iter().map(|contact| contact.key).chain(claimed.iter().map(|c| c.key));
    keys.map(|key| key.fingerprint().to_string()).fold(explanation, |explanation, fingerprint| {
        explanation.replacen(&fingerprint, &format!("<code>{fingerprint}</code>"), 1)
    })
}

/// Why the key is believed, in a line of its own: it is never the reason for what went wrong.
fn trusted(ground: Option<&str>) -> String {
    let line = |ground| format!("<p class=\"ground\"><b>Trust</b> {}</p>\n", html::escape(ground));
    ground.map(line).unwrap_or_default()
}

/// The advice with its commands, `"p2p …"`, set apart.
fn advice(advice: &str) -> String {
    let advice = html::escape(&sentence(advice));
    let mut rest = advice.as_str();
    let mut markup = String::new();
    while let Some((before, (command, after))) = rest
        .split_once("&quot;p2p ")
        .and_then(|(before, rest)| Some((before, rest.split_once("&quot;")?)))
    {
        markup += &format!("{before}<code>p2p {command}</code>");
        rest = after;
    }
    markup + rest
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("")
}

/// A clause with a capital letter and a period.
fn sentence(clause: &str) -> String {
    let period = if clause.ends_with(['.', '?', '!']) { "" } else { "." };
    capitalised(clause) + period
}

/// A headline: a period behind a name would look like a part of it, and a name stays as it is.
fn capitalised(clause: &str) -> String {
    if clause.split(' ').next().is_some_and(|word| word.contains('@')) {
        return clause.to_owned();
    }
    let mut chars = clause.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
