//! Calls through a proxy: values that somebody listens to.
//!
//! | request | answer |
//! |---|---|
//! | `GET /key/SLOT/listen` | 200 and a JSON object a line, for each value that is there and each that comes, without end |
//!
//! A proxy gives no numbers to what comes, so this side does: a call that lies there is known again when the next
//! stream begins with it. Proxies without such streams pass no calls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{MAX_BODY, OpenDht, add, value};
use crate::identity::Slot;
use crate::overlay::http::{Answer, DEADLINE, Request};
use crate::overlay::{Calls, Heard, OverlayError};
use crate::registration::Call;
use crate::runtime::http::BoxFuture;
use crate::runtime::{clock, lock, random};

/// A stream is given up after this time, and a new one asked for: NATs forget a silent connection, bad ones after
/// five minutes (RFC 5382, REQ-5, asks for two hours).
const MAX_WAIT: Duration = Duration::from_secs(240);
/// As many calls are known again. A call lies for ten minutes in a node.
const MAX_KNOWN: usize = 256;

impl Calls for OpenDht {
    fn call(&self, slot: Slot, call: &Call) -> BoxFuture<Result<(), OverlayError>> {
        // a node tells nobody of a second value with the same number
        let value = value::encode(call.as_bytes(), random::number() | 1);
        Box::pin(add(self.post(slot, value)))
    }

    /// Gives one call at a time.
    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>> {
        let request = self.http.get(&self.url.join(&format!("key/{slot}/listen")));
        let (known, seen) = (self.known.clone(), seen.unwrap_or(0));
        Box::pin(async move {
            let heard = listen(request.lasting(MAX_WAIT), |call| {
                let mut known = lock(&known);
                let number = known.number(slot, &call);
                (number > seen).then(|| Heard { calls: vec![call], seen: number })
            });
            Ok(heard.await?.unwrap_or(Heard { calls: Vec::new(), seen }))
        })
    }
}

/// The calls that came, in the order of their numbers. Bounded: the oldest are forgotten, and are new when they
/// come again.
#[derive(Debug, Default)]
pub(super) struct KnownCalls {
    newest: u64,
    calls: VecDeque<(Slot, Call, u64)>,
}

/// Those of one overlay.
pub(super) type SharedCalls = Arc<Mutex<KnownCalls>>;

impl KnownCalls {
    /// The number of a call under a slot: the next one, if it was not known.
    fn number(&mut self, slot: Slot, call: &Call) -> u64 {
        let known = self.calls.iter().find(|(at, known, _)| *at == slot && known == call);
        if let Some((_, _, number)) = known {
            return *number;
        }
        self.newest += 1;
        if self.calls.len() >= MAX_KNOWN {
            self.calls.pop_front();
        }
        self.calls.push_back((slot, call.clone(), self.newest));
        self.newest
    }
}

/// Reads a stream until `take` has taken a call, or it has lasted long enough.
async fn listen<T>(
    request: Request,
    take: impl Fn(Call) -> Option<T>,
) -> Result<Option<T>, OverlayError> {
    let start = clock::now();
    let answer = request.send().await?;
    if [400, 404, 405, 501].contains(&answer.status()) {
        return Err(OverlayError::NoCalls);
    }
    answer.must_be(&[200])?;
    let mut lines = Lines { answer, read: Vec::new(), seen: 0, left: MAX_BODY };
    loop {
        let line = match lines.next().await {
            // asking again at once would ask all the time
            Ok(None) if clock::now() - start < DEADLINE => {
                return Err(OverlayError::Unreachable("the stream has ended".into()));
            }
            Ok(None) | Err(OverlayError::TimedOut) => return Ok(None),
            line => line?.unwrap_or_default(),
        };
        if !value::is_proxys(&line) {
            return Err(OverlayError::Malformed);
        }
        let call = value::decode(&line).and_then(|octets| Call::decode(&octets));
        if let Some(taken) = call.and_then(&take) {
            return Ok(Some(taken));
        }
    }
}

/// A stream by lines. All of it is bounded: values of others may follow one another without end.
struct Lines {
    answer: Answer,
    read: Vec<u8>,
    /// As many octets of that hold no end of a line.
    seen: usize,
    left: usize,
}

impl Lines {
    /// The next line, which may lack its end if it is the last; None behind that.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, OverlayError> {
        loop {
            let rest = &self.read[self.seen..];
            if let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
                let line = self.read.drain(..=self.seen + end).collect();
                self.seen = 0;
                return Ok(Some(line));
            }
            self.seen = self.read.len();
            if self.left == 0 {
                return Err(OverlayError::TooLarge);
            }
            let Some(octets) = self.answer.next().await? else {
                self.seen = 0;
                let last = std::mem::take(&mut self.read);
                return Ok(Some(last).filter(|last| !last.is_empty()));
            };
            let taken = &octets[..octets.len().min(self.left)];
            self.read.extend_from_slice(taken);
            self.left -= taken.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u16) -> Call {
        Call::new(&n.to_be_bytes()).unwrap()
    }

    #[test]
    fn a_call_keeps_its_number_until_many_others_came() {
        let mut known = KnownCalls::default();
        let (here, there) = (Slot([1; 20]), Slot([2; 20]));
        assert_eq!([0, 1, 0].map(|n| known.number(here, &call(n))), [1, 2, 1]);
        assert_eq!(known.number(there, &call(0)), 3, "the same octets for somebody else");
        for n in 2..1000 {
            known.number(here, &call(n));
            assert!(known.calls.len() <= MAX_KNOWN);
        }
        assert_eq!(known.number(here, &call(999)), 1001);
        assert_eq!(known.number(here, &call(0)), 1002, "new again");
    }
}
