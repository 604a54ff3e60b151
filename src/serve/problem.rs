//! Refusals: what is wrong, in words for the person who reads them, as a page for browsers and as plain
//! text for programs.

use hyper::{
    Method, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
        RETRY_AFTER, VARY,
    },
    http::request::Parts,
};

use super::folder::Unavailable;
use super::page;
use crate::runtime::html::{self, escape};
use crate::runtime::http::{self, Response};

/// What a shared folder can be asked to do.
pub(super) const METHODS: &str = "GET, HEAD, OPTIONS";

/// Why a request does not get what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The target climbs or is malformed.
    BadTarget,
    /// The `Host` field, of which feeds make their URLs, is missing or malformed.
    BadHost,
    /// The file is there, but its owner's system keeps it closed.
    Forbidden,
    /// There is nothing, or nothing that is shown.
    Missing,
    /// A feed has fewer pages.
    NoSuchPage,
    /// A file has no picture in it, or none that may be shown.
    NoPicture,
    /// Neither GET nor HEAD nor OPTIONS.
    BadMethod,
    /// `If-Match` or `If-Unmodified-Since` named another state.
    Changed,
    /// A range beyond the end.
    OutsideOfFile {
        /// Octets that the file has.
        length: u64,
    },
    /// The disk failed, or descriptors ran out.
    Failed,
    /// Enough archives are being sent already.
    Busy,
}

impl Problem {
    /// The response that tells it, in the form that the request's `Accept` prefers.
    pub(super) fn response(&self, head: &Parts) -> Response {
        let (status, title, words) = self.told();
        let (media_type, content) = if page::prefers_html(&head.headers) {
            let main = format!(
                "<main class=\"problem\">\n<h1>{}</h1>\n<p>{}</p>\n\
                 <p class=\"back\"><a href=\"{}\">Go to the shared folder</a></p>\n\
                 <p class=\"status\">{status}</p>\n</main>",
                escape(title),
                escape(&words),
                folder(head.uri.path()),
            );
            (html::MEDIA_TYPE, page::frame(title, "", &main))
        } else {
            ("text/plain; charset=utf-8", format!("{} {title}: {words}\n", status.as_u16()))
        };
        let mut response = Response::new(http::empty());
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        fields.insert(CONTENT_LENGTH, content.len().into());
        fields.insert(CONTENT_SECURITY_POLICY, page::policy());
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        fields.insert(VARY, HeaderValue::from_static("Accept"));
        match self {
            Problem::BadMethod => {
                fields.insert(ALLOW, HeaderValue::from_static(METHODS));
            }
            Problem::Busy => {
                fields.insert(RETRY_AFTER, HeaderValue::from_static("30"));
            }
            _ => {}
        }
        if head.method != Method::HEAD {
            *response.body_mut() = http::full(content);
        }
        response
    }

    fn told(&self) -> (StatusCode, &'static str, String) {
        let (status, title, words) = match self {
            Problem::BadTarget => (
                StatusCode::BAD_REQUEST,
                "Not an address here",
                "This address is malformed, or tries to leave the shared folder.",
            ),
            Problem::BadHost => (
                StatusCode::BAD_REQUEST,
                "No host",
                "The request does not say by which host name this site was asked for.",
            ),
            Problem::Forbidden => (
                StatusCode::FORBIDDEN,
                "Not readable",
                "It exists, but the program that shares this folder is not allowed to read it. \
                 Its owner can change that.",
            ),
            Problem::Missing => (
                StatusCode::NOT_FOUND,
                "Nothing here",
                "There is no file or folder of this name. It may have been moved, renamed or deleted.",
            ),
            Problem::NoSuchPage => {
                (StatusCode::NOT_FOUND, "No such page", "The feed has fewer pages than that.")
            }
            Problem::NoPicture => {
                (StatusCode::NOT_FOUND, "No picture", "There is no picture inside of this file.")
            }
            Problem::BadMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Read only",
                "This folder can be looked at and downloaded from, but not changed from here.",
            ),
            Problem::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "Changed meanwhile",
                "The file is no longer the one that the request refers to. Start again without the old state.",
            ),
            Problem::OutsideOfFile { length } => {
                let words = format!(
                    "The file has only {length} bytes; the part asked for lies beyond its end."
                );
                return (StatusCode::RANGE_NOT_SATISFIABLE, "Beyond the end", words);
            }
            Problem::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Could not be read",
                "The disk or the system failed while reading this. Trying again may help.",
            ),
            Problem::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Busy",
                "Several archives are being downloaded already. Try again when one is done.",
            ),
        };
        (status, title, words.to_owned())
    }
}

/// The relative address of the shared folder itself: what is in front of the path is not known here.
fn folder(path: &str) -> String {
    let above = path.matches('/').count().saturating_sub(1);
    if above == 0 { "./".to_owned() } else { "../".repeat(above) }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Problem {
        match why {
            Unavailable::Missing => Problem::Missing,
            Unavailable::Forbidden => Problem::Forbidden,
            Unavailable::Failed => Problem::Failed,
        }
    }
}
