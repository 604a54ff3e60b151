//! The first octets of each stream: what it carries, and for which service.
//!
//! ```text
//! kind(1)  service port(2, big-endian)  length(2, big-endian)  extension(length)
//! ```
//!
//! The extension is a list of kind(1), length(1), value(length), of at most 1024 octets; what is not understood in
//! it is skipped. Kind 1 is a certificate of the asking side, opaque here: a service may be for those whom another
//! authority certifies than the next, so all are shown.

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
const LENGTH: usize = 5;
const CERTIFICATE: u8 = 1;
/// The longest extension that is read, in octets.
const MAX_EXTENSION: usize = 1024;
/// So many certificates are shown, and looked at: each costs a check of its signature.
const MAX_CERTIFICATES: usize = 4;

impl Preface {
    pub(super) fn encode(self) -> [u8; LENGTH] {
        let kind = match self.kind {
            StreamKind::Http => HTTP,
            StreamKind::Tunnel => TUNNEL,
        };
        let [high, low] = self.port.get().to_be_bytes();
        [kind, high, low, 0, 0]
    }

    /// The preface with certificates behind it, as far as there is room.
    pub(super) fn encode_with(self, certificates: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = self.encode().to_vec();
        for certificate in certificates.iter().take(MAX_CERTIFICATES) {
            let Ok(length) = u8::try_from(certificate.len()) else { continue };
            if octets.len() - LENGTH + 2 + certificate.len() <= MAX_EXTENSION {
                octets.extend_from_slice(&[CERTIFICATE, length]);
                octets.extend_from_slice(certificate);
            }
        }
        let extension = (octets.len() - LENGTH) as u16; // at most 1024
        octets[LENGTH - 2..LENGTH].copy_from_slice(&extension.to_be_bytes());
        octets
    }

    /// None for a kind or a port that does not exist.
    fn decode([kind, high, low, ..]: [u8; LENGTH]) -> Option<Preface> {
        let kind = match kind {
            HTTP => StreamKind::Http,
            TUNNEL => StreamKind::Tunnel,
            _ => return None,
        };
        let port = ServicePort::new(u16::from_be_bytes([high, low]))?;
        Some(Preface { kind, port })
    }

    /// Takes the preface, and the certificates in its extension, from the front of what has come already. None
    /// when it is not whole, or makes no sense.
    pub(super) fn take(octets: &mut Bytes) -> Option<(Preface, Vec<Vec<u8>>)> {
        let head = *octets.first_chunk::<LENGTH>()?;
        let length = LENGTH + extension_length(head)?;
        if octets.len() < length {
            return None;
        }
        let certificates = certificates_in(&octets[LENGTH..length]);
        octets.advance(length);
        Some((Preface::decode(head)?, certificates))
    }

    /// Reads the preface off a stream, and the certificates in its extension. None when the stream ends
    /// before, or it makes no sense.
    pub(super) async fn read(stream: &mut RecvStream) -> Option<(Preface, Vec<Vec<u8>>)> {
        let mut head = [0; LENGTH];
        stream.read_exact(&mut head).await.ok()?;
        let mut extension = vec![0; extension_length(head)?];
        stream.read_exact(&mut extension).await.ok()?;
        Some((Preface::decode(head)?, certificates_in(&extension)))
    }
}

/// None where it is longer than any that is read.
fn extension_length([.., high, low]: [u8; LENGTH]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    (length <= MAX_EXTENSION).then_some(length)
}

/// The certificates in an extension, as far as it makes sense.
fn certificates_in(mut extension: &[u8]) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    while let [kind, length, rest @ ..] = extension
        && let Some((value, rest)) = rest.split_at_checked(usize::from(*length))
        && certificates.len() < MAX_CERTIFICATES
    {
        if *kind == CERTIFICATE {
            certificates.push(value.to_vec());
        }
        extension = rest;
    }
    certificates
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
    fn certificates_travel_behind_it_as_far_as_there_is_room() {
        let preface = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
        let certificates = [vec![7; 255], vec![8; 250], vec![], vec![9; 255], vec![10; 1]];
        for count in 0..=certificates.len() {
            let octets = preface.encode_with(&certificates[..count]);
            let fit = count.min(MAX_CERTIFICATES);
            let taken = Preface::take(&mut [&octets[..], b"GET"].concat().into());
            assert_eq!(taken, Some((preface, certificates[..fit].to_vec())));
        }
        assert_eq!(preface.encode_with(&[vec![7; 256]]), preface.encode());
        let [one, other] = [vec![1; 255], vec![2; 255]];
        let full = vec![one.clone(), one.clone(), one.clone(), other];
        assert_eq!(certificates_in(&preface.encode_with(&full)[LENGTH..]), full[..3]);
    }

    #[test]
    fn nonsense_in_an_extension_is_passed_over() {
        assert_eq!(certificates_in(&[9, 1, 0, CERTIFICATE, 1, 5, CERTIFICATE, 9]), [vec![5]]);
        for bad in [&[][..], &[1], &[1, 2, 0], &[9, 0], &[9, 9, 9]] {
            assert!(certificates_in(bad).is_empty(), "{bad:?}");
        }
        let many = [CERTIFICATE, 0].repeat(MAX_EXTENSION / 2);
        assert_eq!(certificates_in(&many).len(), MAX_CERTIFICATES);
        let long = [&[HTTP, 0, 80, 4, 1][..], &[0; MAX_EXTENSION + 1]].concat();
        assert_eq!(Preface::take(&mut long.into()), None);
        assert_eq!(Preface::take(&mut vec![HTTP, 0, 80, 0, 2, 9].into()), None);
    }

    #[test]
    fn it_comes_back_and_nonsense_does_not() {
        for kind in [StreamKind::Http, StreamKind::Tunnel] {
            for port in [1, 80, 1000, 65535] {
                let preface = Preface { kind, port: ServicePort::new(port).unwrap() };
                assert_eq!(Preface::decode(preface.encode()), Some(preface));
            }
        }
        assert_eq!(Preface::decode([HTTP, 0x03, 0xe8, 0, 0]).unwrap().port.get(), 1000);
        assert_eq!(Preface::decode([HTTP, 0, 0, 0, 0]), None);
        assert_eq!(Preface::decode([0, 0, 80, 0, 0]), None);
        assert_eq!(Preface::decode([3, 0, 80, 0, 0]), None);
    }
}
