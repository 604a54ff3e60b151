//! Why the other side did not want a stream, as a code that resets it.

use std::{error::Error, fmt, io};

use quinn::VarInt;

/// A stream was refused by the other side before it answered anything.
///
/// It travels as the application error code of RESET_STREAM and STOP_SENDING (RFC 9000, sections 19.4
/// and 19.5) and surfaces as the inner error of an [`io::Error`]; [`Refusal::find`] digs it out of the
/// errors that are wrapped around that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nothing is served at this port.
    NotServed,
    /// The service is there, but not for this visitor.
    AccessRefused,
    /// Too much is going on; another time may do.
    Busy,
    /// The serving side is broken.
    Internal,
    /// No direct way was found, and the relay carries no more for the two.
    Starved,
    /// The ground on which the two were connected is gone: a certificate was revoked, or a rule has changed.
    Revoked,
}

/// The stream was abandoned by its owner: what was sent of it is not the whole.
pub(super) const CANCELLED: VarInt = VarInt::from_u32(0x100);

impl Refusal {
    const ALL: [(Refusal, u32); 6] = [
        (Refusal::NotServed, 0x101),
        (Refusal::AccessRefused, 0x102),
        (Refusal::Busy, 0x103),
        (Refusal::Internal, 0x104),
        (Refusal::Starved, 0x105),
        (Refusal::Revoked, 0x106),
    ];

    /// The code on the wire.
    pub(super) fn code(self) -> VarInt {
        let (_, code) = Refusal::ALL[self as usize];
        VarInt::from_u32(code)
    }

    /// None for a code that is no refusal.
    pub(super) fn from_code(code: VarInt) -> Option<Refusal> {
        let known = Refusal::ALL.iter().find(|(_, known)| u64::from(*known) == code.into_inner());
        known.map(|(refusal, _)| *refusal)
    }

    /// Looks for a refusal in an error and everything that caused it.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Refusal> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Refusal>() {
                return Some(*refusal);
            }
            // io::Error names the cause of its inner error as its own, and so skips the inner error
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        let kind = match refusal {
            Refusal::NotServed => io::ErrorKind::ConnectionRefused,
            Refusal::AccessRefused => io::ErrorKind::PermissionDenied,
            Refusal::Busy => io::ErrorKind::ResourceBusy,
            Refusal::Internal => io::ErrorKind::Other,
            Refusal::Starved => io::ErrorKind::NetworkUnreachable,
            Refusal::Revoked => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotServed => "the peer serves nothing at this port",
            Refusal::AccessRefused => "the peer does not let you use this service",
            Refusal::Busy => "the peer is too busy",
            Refusal::Internal => "the peer's service is broken",
            Refusal::Revoked => "what let the two of you connect was taken back",
            Refusal::Starved => {
                "there is no direct way to the peer, and its rendezvous only introduces"
            }
        })
    }
}

impl Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapped(io::Error);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn codes_come_back() {
        for (refusal, _) in Refusal::ALL {
            assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
        }
        assert_eq!(Refusal::from_code(CANCELLED), None);
        assert_eq!(Refusal::from_code(VarInt::MAX), None);
    }

    #[test]
    fn it_is_found_below_other_errors() {
        let io = || io::Error::from(Refusal::Busy);
        assert_eq!(Refusal::find(&Refusal::Busy), Some(Refusal::Busy));
        assert_eq!(Refusal::find(&io()), Some(Refusal::Busy));
        assert_eq!(Refusal::find(&Wrapped(io())), Some(Refusal::Busy));
        assert_eq!(Refusal::find(&io::Error::other(Wrapped(io()))), Some(Refusal::Busy));
        assert_eq!(Refusal::find(&Wrapped(io::ErrorKind::BrokenPipe.into())), None);
    }
}
