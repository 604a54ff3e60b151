//! The first request of a connection, sent before the handshake is complete.
//!
//! It travels in the link's early request (see [`crate::link::EarlyRequest`]) as the preface, with the
//! certificates that it shows, and the octets that a stream would have carried: what is decided about it rests
//! on nothing that comes later. Its answer comes on a stream that the answering end opens, behind one octet
//! that goes out at once, so that its coming says that the request was taken. Without that sign, the request is
//! sent again on a stream of its own.
//!
//! Early data can be repeated by the network, so only HTTP requests that have no effect come into question
//! (RFC 8470, section 2.1): `GET` and `HEAD` without a body.

use bytes::Bytes;

use super::preface::{Preface, StreamKind};

/// The first octet of the answering stream, which is sent before there is an answer.
pub(super) const SIGN: [u8; 1] = [1];

/// What an early request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) preface: Preface,
    /// The certificates that its sender shows, unchecked.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) request: Bytes,
}

/// What an early request carries, as octets. None if the request may not be sent early.
pub(super) fn encode(
    preface: Preface,
    certificates: &[Vec<u8>],
    request: &[u8],
) -> Option<Vec<u8>> {
    may_be_early(preface, request)
        .then(|| [&preface.encode_with(certificates)[..], request].concat())
}

/// Takes those octets apart. None if that is not what may be sent early, whatever its sender says.
pub(super) fn decode(carried: Vec<u8>) -> Option<Carried> {
    let mut request = Bytes::from(carried);
    let (preface, certificates) = Preface::take(&mut request)?;
    may_be_early(preface, &request).then_some(Carried { preface, certificates, request })
}

fn may_be_early(preface: Preface, request: &[u8]) -> bool {
    const HEAD_END: &[u8] = b"\r\n\r\n";
    let is_safe = request.starts_with(b"GET ") || request.starts_with(b"HEAD ");
    let head_end = request.windows(HEAD_END.len()).position(|part| part == HEAD_END);
    let is_only_a_head = head_end.is_some_and(|at| at + HEAD_END.len() == request.len());
    preface.kind == StreamKind::Http && is_safe && is_only_a_head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ServicePort;

    fn preface(kind: StreamKind) -> Preface {
        Preface { kind, port: ServicePort::HTTP }
    }

    #[test]
    fn a_request_without_effect_comes_back() {
        let http = preface(StreamKind::Http);
        for request in ["GET / HTTP/1.1\r\n\r\n", "HEAD /a HTTP/1.1\r\nhost: a\r\n\r\n"] {
            for certificates in [vec![], vec![vec![7; 220]], vec![vec![7; 220], vec![8; 200]]] {
                let carried = encode(http, &certificates, request.as_bytes()).unwrap();
                let whole = Carried { preface: http, certificates, request: request.into() };
                assert_eq!(decode(carried), Some(whole));
            }
        }
    }

    #[test]
    fn anything_else_is_neither_sent_nor_taken() {
        let http = preface(StreamKind::Http);
        for request in [
            "POST / HTTP/1.1\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx",
            "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
            "",
        ] {
            assert_eq!(encode(http, &[], request.as_bytes()), None, "{request}");
            let carried = [&http.encode()[..], request.as_bytes()].concat();
            assert_eq!(decode(carried), None, "{request}");
        }
        let get = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(encode(preface(StreamKind::Tunnel), &[], get), None);
        for carried in [&[1, 0, 80, 0][..], &[9, 0, 80, 0, 0], &[1, 0, 80, 0, 200, b'G']] {
            assert_eq!(decode(carried.to_vec()), None);
        }
    }
}
