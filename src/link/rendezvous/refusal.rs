//! Why a rendezvous does not do what it was asked for.

use std::fmt;

/// The reason in a REFUSED datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// It does not know the sender, or no longer: the client says HELLO.
    NoSession,
    /// It has started again and wants to hear who is still there: the client says HELLO.
    Restarted,
    /// Nobody with the wanted tag is registered there.
    UnknownCallee,
    /// The client is not one of those whom its owner serves.
    NotPermitted,
    /// The octets of an introduction are used up, and more is carried for neither of the two.
    Quota,
    /// The client, or all clients together, send faster than the owner allows.
    RateLimited,
    /// It has no room for another client.
    Full,
    /// Its owner serves whom an authority certifies, and the client shows no certificate that counts.
    Uncertified,
    /// The client's certificate was revoked.
    Revoked,
    /// The client's certificate has expired or does not hold yet.
    Expired,
    /// It does not know whom the client means by a number: the client uses tags again.
    NoChannel,
}

impl RefusalReason {
    /// Whether it is about the client as a whole, whatever it wants carried to whom.
    pub(super) fn is_about_client(self) -> bool {
        use RefusalReason::*;
        matches!(self, NotPermitted | Full | Uncertified | Revoked | Expired)
    }

    pub(super) fn to_octet(self) -> u8 {
        match self {
            RefusalReason::NoSession => 1,
            RefusalReason::Restarted => 2,
            RefusalReason::UnknownCallee => 3,
            RefusalReason::NotPermitted => 4,
            RefusalReason::Quota => 5,
            RefusalReason::RateLimited => 6,
            RefusalReason::Full => 7,
            RefusalReason::Uncertified => 8,
            RefusalReason::Revoked => 9,
            RefusalReason::Expired => 10,
            RefusalReason::NoChannel => 11,
        }
    }

    pub(super) fn from_octet(octet: u8) -> Option<RefusalReason> {
        Some(match octet {
            1 => RefusalReason::NoSession,
            2 => RefusalReason::Restarted,
            3 => RefusalReason::UnknownCallee,
            4 => RefusalReason::NotPermitted,
            5 => RefusalReason::Quota,
            6 => RefusalReason::RateLimited,
            7 => RefusalReason::Full,
            8 => RefusalReason::Uncertified,
            9 => RefusalReason::Revoked,
            10 => RefusalReason::Expired,
            11 => RefusalReason::NoChannel,
            _ => return None,
        })
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusalReason::NoSession => "it does not know this host any more",
            RefusalReason::Restarted => "it has just started again",
            RefusalReason::UnknownCallee => "the peer is not registered there",
            RefusalReason::NotPermitted => "its owner does not serve this identity",
            RefusalReason::Quota => "it introduces, but its owner carries traffic for neither side",
            RefusalReason::RateLimited => "more traffic than its owner allows",
            RefusalReason::Full => "it has no room for another client",
            RefusalReason::Uncertified => {
                "its owner serves whom an authority certifies, and this identity shows no certificate \
                 that counts there"
            }
            RefusalReason::Revoked => "the certificate of this identity was revoked",
            RefusalReason::Expired => {
                "the certificate of this identity does not hold now, unless a clock is wrong"
            }
            RefusalReason::NoChannel => "it does not know any more who is meant",
        })
    }
}
