//! The first octets of each stream: what it carries, and for which service.
//!
//! ```text
//! kind(1)  service port(2, big-endian)  length(1)  extension(length)
//! ```
//!
//! The extension is a list of kind(1), length(1), value(length); what is not understood in it is skipped.
//! Kind 1 is a certificate of the asking side, opaque here.

use std::fmt;

use bytes::{Buf, Bytes};
use quinn::RecvStream;

use crate::identity::ServicePort;

/// What travels on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// One HTTP/1.1 exchange, upgrades included.
    Http,
    /// The octets of a TCP connection.
    Tunnel,
}

/// How a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preface {
    /// What travels on it.
    pub kind: StreamKind,
    /// For which service of the other side.
    pub port: ServicePort,
}

const HTTP: u8 = 1;
const TUNNEL: u8 = 2;
const LENGTH: usize = 4;
const CERTIFICATE: u8 = 1;
/// The longest certificate that a preface carries, in octets.
pub(super) const MAX_CERTIFICATE: usize = u8::MAX as usize - 2;

impl Preface {
    pub(super) fn encode(self) -> [u8; LENGTH] {
        let kind = match self.kind {
            StreamKind::Http => HTTP,
            StreamKind::Tunnel => TUNNEL,
        };
        let [high, low] = self.port.get().to_be_bytes();
        [kind, high, low, 0]
    }

    /// The preface with a certificate behind it, unless that is too long.
    pub(super) fn encode_with(self, certificate: Option<&[u8]>) -> Vec<u8> {
        let mut octets = self.encode().to_vec();
        if let Some(certificate) = certificate.filter(|c| c.len() <= MAX_CERTIFICATE) {
            let length = certificate.len() as u8; // at most 253
            octets[LENGTH - 1] = length + 2;
            octets.extend_from_slice(&[CERTIFICATE, length]);
            octets.extend_from_slice(certificate);
        }
        octets
    }

    /// None for a kind or a port that does not exist.
    fn decode([kind, high, low, _]: [u8; LENGTH]) -> Option<Preface> {
        let kind = match kind {
            HTTP => StreamKind::Http,
            TUNNEL => StreamKind::Tunnel,
            _ => return None,
        };
        let port = ServicePort::new(u16::from_be_bytes([high, low]))?;
        Some(Preface { kind, port })
    }

    /// Takes the preface, and the certificate in its extension, from the front of what has come already. None
    /// when it is not whole, or makes no sense.
    pub(super) fn take(octets: &mut Bytes) -> Option<(Preface, Option<Vec<u8>>)> {
        let head = *octets.first_chunk::<LENGTH>()?;
        let length = LENGTH + usize::from(head[LENGTH - 1]);
        if octets.len() < length {
            return None;
        }
        let certificate = certificate_in(&octets[LENGTH..length]);
        octets.advance(length);
        Some((Preface::decode(head)?, certificate))
    }

    /// Reads the preface off a stream, and the certificate in its extension. None when the stream ends
    /// before, or it makes no sense.
    pub(super) async fn read(stream: &mut RecvStream) -> Option<(Preface, Option<Vec<u8>>)> {
        let mut head = [0; LENGTH];
        stream.read_exact(&mut head).await.ok()?;
        let mut extension = [0; u8::MAX as usize];
        let extension = &mut extension[..head[LENGTH - 1].into()];
        stream.read_exact(extension).await.ok()?;
        Some((Preface::decode(head)?, certificate_in(extension)))
    }
}

/// The certificate in an extension, if there is one.
fn certificate_in(mut extension: &[u8]) -> Option<Vec<u8>> {
    while let [kind, length, rest @ ..] = extension {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *kind == CERTIFICATE {
            return Some(value.to_vec());
        }
        extension = rest;
    }
    None
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StreamKind::Http => "http",
            StreamKind::Tunnel => "tunnel",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_travels_behind_it() {
        let preface = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
        let certificate = [7; MAX_CERTIFICATE];
        let octets = preface.encode_with(Some(&certificate));
        assert_eq!(usize::from(octets[LENGTH - 1]), octets.len() - LENGTH);
        assert_eq!(certificate_in(&octets[LENGTH..]), Some(certificate.to_vec()));
        assert_eq!(preface.encode_with(Some(&[7; MAX_CERTIFICATE + 1])), preface.encode());
        assert_eq!(certificate_in(&[9, 1, 0, CERTIFICATE, 1, 5]), Some(vec![5]));
        for bad in [&[][..], &[1], &[1, 2, 0], &[9, 0], &[9, 9, 9]] {
            assert_eq!(certificate_in(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn it_comes_back_and_nonsense_does_not() {
        for kind in [StreamKind::Http, StreamKind::Tunnel] {
            for port in [1, 80, 1000, 65535] {
                let preface = Preface { kind, port: ServicePort::new(port).unwrap() };
                assert_eq!(Preface::decode(preface.encode()), Some(preface));
            }
        }
        assert_eq!(Preface::decode([HTTP, 0x03, 0xe8, 0]).unwrap().port.get(), 1000);
        assert_eq!(Preface::decode([HTTP, 0, 0, 0]), None);
        assert_eq!(Preface::decode([0, 0, 80, 0]), None);
        assert_eq!(Preface::decode([3, 0, 80, 0]), None);
    }
}
