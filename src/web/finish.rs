//! Finishes a response whose connection was lost: asks for the rest, and the client notices a pause.
//!
//! Only what is certain to be the same is put together (RFC 9110, 13.1.5 and 14.2): the answer to a GET with a
//! strong entity tag and a known length, without a coding, whose rest comes as 206 with the same tag and
//! exactly the range that was asked for. In every other case the response stays broken, and looks it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    header::{
        CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    },
};

use crate::identity::Destination;
use crate::runtime::clock;
use crate::runtime::http::{BoxError, BoxFuture, Request};

use super::exchange::{Exchange, copy_of_head};
use super::failure::{Failure, Step};
use super::peers::Peers;
use super::settings::Settings;

/// How long the rest is asked for after the connection has ended. That may have taken most of a minute
/// already, if the peer fell silent.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause after a first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(4);
/// One response breaks so often at most; a service that always breaks off is not the network's fault.
const MAX_BREAKS: u32 = 16;

/// Conditions and ranges of the client's request, which has been answered; what is asked then is another.
const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// What is known before the response is: how to ask again.
pub(super) struct Again {
    pub(super) peers: Arc<dyn Peers>,
    pub(super) settings: Settings,
    pub(super) destination: Destination,
    /// The request as the service got it.
    head: hyper::Request<()>,
}

impl Again {
    /// None for a request that must not be repeated in part.
    pub(super) fn new(
        peers: &Arc<dyn Peers>,
        settings: &Settings,
        destination: &Destination,
        request: &Request,
    ) -> Option<Again> {
        if *request.method() != Method::GET || !request.body().is_end_stream() {
            return None;
        }
        let mut head = copy_of_head(request).map(drop);
        for condition in CONDITIONS {
            head.headers_mut().remove(condition);
        }
        let (peers, settings) = (peers.clone(), settings.clone());
        Some(Again { peers, settings, destination: destination.clone(), head })
    }
}

/// Octets of a representation: from the first to before the second, of as many as the third says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    next: u64,
    end: u64,
    total: Option<u64>,
}

/// The part of a response that has not come yet.
struct Rest {
    again: Arc<Again>,
    tag: HeaderValue,
    extent: Extent,
    breaks: u32,
}

impl Rest {
    /// None where it would not be certain that two parts belong together.
    fn new(again: Again, response: &hyper::Response<Incoming>) -> Option<Rest> {
        let headers = response.headers();
        let tag = strong_tag(headers)?.clone();
        let length = response.body().size_hint().exact().filter(|length| *length > 0)?;
        let extent = match response.status() {
            StatusCode::OK => Extent { next: 0, end: length, total: Some(length) },
            StatusCode::PARTIAL_CONTENT => content_range(headers)?,
            _ => return None,
        };
        if headers.contains_key(CONTENT_ENCODING) || extent.end - extent.next != length {
            return None;
        }
        Some(Rest { again: Arc::new(again), tag, extent, breaks: 0 })
    }

    /// Asks until the rest comes, or there is no hope.
    fn ask(&self) -> BoxFuture<Option<Incoming>> {
        let (again, tag, extent) = (self.again.clone(), self.tag.clone(), self.extent);
        Box::pin(async move {
            let Again { destination, .. } = &*again;
            log::info!("the response from {destination} broke off at octet {}", extent.next);
            let rest = clock::timeout(PATIENCE, rest(&again, &tag, extent)).await.flatten();
            match &rest {
                Some(_) => log::info!("the rest of the response from {destination} comes"),
                None => log::info!("the rest of the response from {destination} is not to be had"),
            }
            rest
        })
    }
}

async fn rest(again: &Again, tag: &HeaderValue, extent: Extent) -> Option<Incoming> {
    let Extent { next, end, .. } = extent;
    let range = HeaderValue::try_from(format!("bytes={next}-{}", end - 1)).ok()?;
    let exchange = Exchange {
        peers: &*again.peers,
        settings: &again.settings,
        destination: &again.destination,
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let mut request = copy_of_head(&again.head);
        request.headers_mut().insert(RANGE, range.clone());
        request.headers_mut().insert(IF_RANGE, tag.clone());
        match exchange.run(request, false).await {
            Ok(response) if continues(&response, tag, extent) => return Some(response.into_body()),
            // the service may be just starting
            Ok(response) if response.status().is_server_error() => {}
            Ok(_) => return None, // it is another thing by now
            Err(failure) if is_final(&failure) => return None,
            Err(_) => {}
        }
        clock::sleep(pause).await;
        pause = (2 * pause).min(LAST_PAUSE);
    }
}

/// Whether a response is exactly what was asked for.
fn continues(response: &hyper::Response<Incoming>, tag: &HeaderValue, extent: Extent) -> bool {
    let headers = response.headers();
    let Some(range) = content_range(headers) else { return false };
    let same_total = match (range.total, extent.total) {
        (Some(is), Some(was)) => is == was,
        _ => true,
    };
    response.status() == StatusCode::PARTIAL_CONTENT
        && strong_tag(headers) == Some(tag)
        && !headers.contains_key(CONTENT_ENCODING)
        && (range.next, range.end) == (extent.next, extent.end)
        && same_total
        && response.body().size_hint().exact().is_none_or(|size| size == extent.end - extent.next)
}

/// What another attempt would not change.
fn is_final(failure: &Failure) -> bool {
    matches!(failure.step(), None | Some(Step::Name | Step::Trust | Step::Access))
}

/// The entity tag, if it changes with every octet (RFC 9110, 8.8.1).
fn strong_tag(headers: &HeaderMap) -> Option<&HeaderValue> {
    let tag = headers.get(ETAG).filter(|_| headers.get_all(ETAG).iter().count() == 1)?;
    tag.as_bytes().starts_with(b"\"").then_some(tag)
}

/// Reads `bytes 0-4/10` or `bytes 0-4/*` (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<Extent> {
    let value = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (next, end) = (number(first)?, number(last)?.checked_add(1)?);
    let total = if total == "*" { None } else { Some(number(total)?) };
    let fits = next < end && total.is_none_or(|total| end <= total);
    fits.then_some(Extent { next, end, total })
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The body of a response, which goes on after a break where that is possible.
pub(super) struct FinishedBody {
    body: Incoming,
    rest: Option<Rest>,
    /// Asks for the rest; the error is told if there is none.
    asking: Option<(BoxFuture<Option<Incoming>>, BoxError)>,
}

impl FinishedBody {
    /// Takes the body of a response to the request of `again`.
    pub(super) fn new(
        response: hyper::Response<Incoming>,
        again: Option<Again>,
    ) -> hyper::Response<FinishedBody> {
        let rest = again.and_then(|again| Rest::new(again, &response));
        response.map(|body| FinishedBody { body, rest, asking: None })
    }

    /// What to do about an error: ask for the rest, or tell it.
    fn broken(&mut self, error: BoxError) -> Option<BoxError> {
        let Some(rest) = self.rest.as_mut().filter(|rest| rest.breaks < MAX_BREAKS) else {
            return Some(error);
        };
        let Again { peers, destination, .. } = &*rest.again;
        if let Some(failure) = peers.diagnose(destination, &*error).filter(is_final) {
            log::warn!("the response from {destination} broke off: {failure}");
            self.rest = None;
            return Some(error);
        }
        rest.breaks += 1;
        self.asking = Some((rest.ask(), error));
        None
    }
}

impl HttpBody for FinishedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some((asking, _)) = &mut self.asking {
                let found = ready!(asking.as_mut().poll(cx));
                let error = self.asking.take().map(|(_, error)| error);
                match (found, error) {
                    (Some(body), _) => self.body = body,
                    (None, error) => {
                        self.rest = None;
                        return Poll::Ready(error.map(Err));
                    }
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Err(error)) => {
                    if let Some(error) = self.broken(error.into()) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    if let Some(rest) = &mut self.rest {
                        rest.extent.next += length;
                        if rest.extent.next >= rest.extent.end {
                            self.rest = None; // complete, or more than was said
                        }
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.asking.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Some(rest) => SizeHint::with_exact(rest.extent.end - rest.extent.next),
            None => self.body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn ranges_are_read_strictly() {
        let read = |text| content_range(&headers(CONTENT_RANGE, text));
        assert_eq!(read("bytes 0-4/10"), Some(Extent { next: 0, end: 5, total: Some(10) }));
        assert_eq!(read("bytes 5-9/*"), Some(Extent { next: 5, end: 10, total: None }));
        for wrong in [
            "bytes */10",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes +0-4/10",
            "bytes 0-4",
            "0-4/10",
            "bytes -4/10",
            "bytes 0-18446744073709551615/*",
            "items 0-4/10",
            "bytes 0-4/+10",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_one_strong_tag_will_do() {
        assert!(strong_tag(&headers(ETAG, "\"a\"")).is_some());
        assert!(strong_tag(&headers(ETAG, "W/\"a\"")).is_none());
        assert!(strong_tag(&HeaderMap::new()).is_none());
        let mut two = headers(ETAG, "\"a\"");
        two.append(ETAG, HeaderValue::from_static("\"b\""));
        assert!(strong_tag(&two).is_none());
    }
}
