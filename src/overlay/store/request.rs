//! What a request of `p2pstore/1` says, or the status that tells what is wrong with it.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{StatusCode, header::HeaderName};

use super::places::{Seconds, Writer};
use super::{DEFAULT_TTL, MAX_TTL, MIN_SECRET_LENGTH, MIN_TTL, SECRET_FIELD, TTL_FIELD};
use crate::identity::Slot;
use crate::registration::Packet;
use crate::runtime::clock;
use crate::runtime::http::{Body, Request};

/// In what time a client must send its packet.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Which slot a path names.
pub(super) fn slot(path: &str) -> Result<Slot, StatusCode> {
    path.strip_prefix('/').and_then(Slot::from_hex).ok_or(StatusCode::BAD_REQUEST)
}

/// Whose places it is about.
pub(super) fn writer(request: &Request) -> Result<Writer, StatusCode> {
    let secret = request.headers().get(SECRET_FIELD).map(|field| field.as_bytes());
    let secret = secret.filter(|secret| secret.len() >= MIN_SECRET_LENGTH);
    secret.map(Writer::of).ok_or(StatusCode::UNAUTHORIZED)
}

/// What a field says, if that is a number.
pub(super) fn number(request: &Request, field: HeaderName) -> Option<u64> {
    request.headers().get(field)?.to_str().ok()?.trim().parse().ok()
}

/// How long a packet is to live, in seconds, whatever the client says: the default for what is no number.
pub(super) fn ttl(request: &Request) -> Seconds {
    clamp_ttl(number(request, TTL_FIELD).unwrap_or(DEFAULT_TTL.as_secs()))
}

/// As long as the store lets it live.
pub(super) fn clamp_ttl(seconds: u64) -> Seconds {
    seconds.clamp(MIN_TTL.as_secs(), MAX_TTL.as_secs()) as Seconds // at most a week
}

/// The packet, or what may be one.
pub(super) async fn read_packet(body: Body) -> Result<Vec<u8>, StatusCode> {
    let read = clock::timeout(BODY_TIME, read_at_most(body, Packet::MAX_LENGTH)).await;
    let packet = read.ok_or(StatusCode::REQUEST_TIMEOUT)??;
    if packet.is_empty() { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(packet) }
}

async fn read_at_most(mut body: Body, limit: usize) -> Result<Vec<u8>, StatusCode> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let data = frame.into_data().unwrap_or_default(); // trailers mean nothing here
        if bytes.len() + data.len() > limit {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
