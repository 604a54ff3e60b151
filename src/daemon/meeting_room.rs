//! Where a person decides in the browser about somebody met for the first time.
//!
//! Each question has an address with 128 random bits, which only the browser that asked for the name is sent
//! to. It ends with the answer, or after an hour.

use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use hyper::{Method, StatusCode, header::HOST};

use super::books::ContactBook;
use crate::identity::{Name, PublicKey, SortedMap};
use crate::runtime::http::{self, Request, Response};
use crate::runtime::{clock, lock, random, unblock};
use crate::trust::{Binding, SafetyPhrase};
use crate::web::{Answer, Failure, Meeting, meeting_page, way_back};

/// The questions that are open.
pub(super) struct MeetingRoom {
    own: PublicKey,
    book: ContactBook,
    open: Mutex<SortedMap<String, (Meeting, Instant)>>,
}

/// Where the pages are on the daemon's own origin.
pub(super) const PATH: &str = "/meet/";
/// For how long a question stays open.
const LIFETIME: Duration = Duration::from_secs(3600);
/// More questions than anybody answers.
const MAX_OPEN: usize = 256;
/// The form is short.
const MAX_FORM: usize = 1024;

impl MeetingRoom {
    /// No question yet. `own` is the key of this home, for safety phrases.
    pub(super) fn new(own: PublicKey, book: ContactBook) -> MeetingRoom {
        MeetingRoom { own, book, open: Mutex::default() }
    }

    /// Opens a question; gives its path.
    pub(super) fn open(&self, name: &Name, key: PublicKey, sources: Vec<String>) -> String {
        let (now, mut open) = (clock::now(), lock(&self.open));
        open.retain(|_, (_, until)| *until > now);
        let same = open.iter().find(|(_, (known, _))| known.name == *name && known.key == key);
        if let Some((id, _)) = same {
            return format!("{PATH}{id}");
        }
        if open.len() >= MAX_OPEN {
            let oldest = open.iter().min_by_key(|(_, (_, until))| *until);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                open.remove(&id);
            }
        }
        let id = HEXLOWER.encode(&random::bytes::<16>());
        let meeting = Meeting { name: name.clone(), key, sources };
        open.insert(id.clone(), (meeting, now + LIFETIME));
        format!("{PATH}{id}")
    }

    fn find(&self, id: &str) -> Option<Meeting> {
        let open = lock(&self.open);
        let (meeting, until) = open.get(id)?;
        (*until > clock::now()).then(|| meeting.clone())
    }

    pub(super) async fn answer(&self, request: Request) -> Result<Response, Failure> {
        let path = request.uri().path().to_owned();
        let id = path.strip_prefix(PATH).unwrap_or_default();
        let meeting = self.find(id).ok_or(Failure::NothingHere)?;
        match *request.method() {
            Method::GET | Method::HEAD => {
                let (own, key) = (self.own, meeting.key);
                // a tenth of a second of scrypt
                let phrase = unblock(move || SafetyPhrase::of(&own, &key).to_string()).await;
                let action = request.uri().path_and_query().map_or(path.as_str(), |p| p.as_str());
                Ok(meeting_page(&meeting, &phrase, action))
            }
            Method::POST => self.take(id, meeting, request).await,
            _ => Err(Failure::NothingHere),
        }
    }

    /// Takes the answer to a question, which ends with it.
    async fn take(
        &self,
        id: &str,
        meeting: Meeting,
        request: Request,
    ) -> Result<Response, Failure> {
        let (head, body) = request.into_parts();
        let malformed = |reason: &str| Failure::Malformed { reason: reason.into() };
        let form = http::collect(body, MAX_FORM).await;
        let answer = form.as_deref().and_then(Answer::read);
        let answer = answer.ok_or_else(|| malformed("this is not an answer to the question"))?;
        lock(&self.open).remove(id);
        let Meeting { name, key, .. } = meeting;
        let Answer::Trust { compared } = answer else {
            let mut response = Response::new(http::full(CANCELLED));
            *response.status_mut() = StatusCode::OK;
            return Ok(response);
        };
        let binding = if compared { Binding::Pinned } else { Binding::FirstUse };
        self.book.accept(&name, key, binding).map_err(|error| Failure::Untrusted {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        log::warn!("first meeting: the key {} of {name} is trusted ({binding})", key.fingerprint());
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = head.uri.authority().map_or(host, |authority| authority.as_str());
        way_back(&name, head.uri.query().unwrap_or_default(), host)
            .ok_or_else(|| malformed("the way back is missing"))
    }
}

const CANCELLED: &str = "Nothing was changed. You can close this page.\n";

impl fmt::Debug for MeetingRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingRoom")
    }
}
