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
use hyper::{Method, header::HOST};

use super::books::ContactBook;
use crate::identity::{Name, PublicKey, SortedMap};
use crate::runtime::http::{self, Request, Response};
use crate::runtime::{SecretHash, clock, lock, random, secret_hash, unblock};
use crate::trust::{Binding, SafetyPhrase};
use crate::web::{Answer, Failure, Meeting, meeting_page, own_page, way_back};

/// The questions that are open.
pub(super) struct MeetingRoom {
    own: PublicKey,
    book: ContactBook,
    open: Mutex<SortedMap<SecretHash, Question>>,
}

/// One that waits for its answer.
struct Question {
    /// Leads to it, and is known to nobody else.
    id: String,
    meeting: Meeting,
    until: Instant,
}

/// Where the pages are on the daemon's own origin.
pub(super) const PATH: &str = "/meet/";
/// For how long a question stays open.
const LIFETIME: Duration = Duration::from_secs(3600);
/// More questions than anybody answers.
const MAX_OPEN: usize = 256;
/// The form is short.
const MAX_FORM: usize = 1024;
/// And there at once: the browser is on this machine.
const FORM_TIME: Duration = Duration::from_secs(10);

impl MeetingRoom {
    /// No question yet. `own` is the key of this home, for safety phrases.
    pub(super) fn new(own: PublicKey, book: ContactBook) -> MeetingRoom {
        MeetingRoom { own, book, open: Mutex::default() }
    }

    /// Opens a question; gives its path.
    pub(super) fn open(&self, name: &Name, key: PublicKey, sources: Vec<String>) -> String {
        let (now, mut open) = (clock::now(), lock(&self.open));
        open.retain(|_, question| question.until > now);
        let is_same = |meeting: &Meeting| meeting.name == *name && meeting.key == key;
        if let Some((_, same)) = open.iter().find(|(_, question)| is_same(&question.meeting)) {
            return format!("{PATH}{}", same.id);
        }
        if open.len() >= MAX_OPEN {
            let oldest = open.iter().min_by_key(|(_, question)| question.until);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                open.remove(&oldest);
            }
        }
        let id = HEXLOWER.encode(&random::bytes::<16>());
        let path = format!("{PATH}{id}");
        let meeting = Meeting { name: name.clone(), key, sources };
        open.insert(secret_hash(&id), Question { id, meeting, until: now + LIFETIME });
        path
    }

    fn find(&self, id: &str) -> Option<Meeting> {
        let open = lock(&self.open);
        let question = open.get(&secret_hash(id))?;
        (question.until > clock::now()).then(|| question.meeting.clone())
    }

    /// Answers a browser that was sent to a question.
    ///
    /// # Errors
    /// When it is not open, or what came is no answer to it.
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
            Method::POST => self.take(id, request).await,
            _ => Err(Failure::NothingHere),
        }
    }

    /// Takes the answer to a question, which ends with it.
    async fn take(&self, id: &str, request: Request) -> Result<Response, Failure> {
        let (head, body) = request.into_parts();
        let malformed = |reason: &str| Failure::Malformed { reason: reason.into() };
        let form = http::collect(body, MAX_FORM, FORM_TIME).await;
        let answer = form.as_deref().and_then(Answer::read);
        let answer = answer.ok_or_else(|| malformed("this is not an answer to the question"))?;
        // another answer may have come while this one was read
        let question = lock(&self.open).remove(&secret_hash(id));
        let Meeting { name, key, .. } = question.ok_or(Failure::NothingHere)?.meeting;
        let Answer::Trust { compared } = answer else { return Ok(cancelled()) };
        let binding = if compared { Binding::Pinned } else { Binding::FirstUse };
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = head.uri.authority().map_or(host, |authority| authority.as_str());
        let back = way_back(&name, head.uri.query().unwrap_or_default(), host);
        let back = back.ok_or_else(|| malformed("the way back is missing"))?;
        self.book.accept(&name, key, binding).map_err(|error| Failure::Untrusted {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        log::warn!("first meeting: the key {} of {name} is trusted ({binding})", key.fingerprint());
        Ok(back)
    }
}

/// The page after the other button.
fn cancelled() -> Response {
    let main = "<h1>Nothing was changed</h1>\n<p class=\"lead\">You can close this page.</p>\n";
    own_page("p2p", "", main)
}

impl fmt::Debug for MeetingRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingRoom")
    }
}
