//! Why an overlay did not do what it was asked.

use std::fmt;

/// What went wrong with an overlay. None of these says anything about the packet's truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayError {
    /// No connection, no such host, no network; with what the system said.
    Unreachable(String),
    /// No complete answer within the deadline.
    TimedOut,
    /// The answer has a status that the interface does not give a meaning here.
    Status(u16),
    /// The packet is empty or too long to be put, or the answer is longer than any slot's content.
    TooLarge,
    /// The answer is not what the interface says.
    Malformed,
    /// All places of the slot or of the whole store are taken by others.
    Full,
    /// Too many requests from this address.
    RateLimited,
    /// It has too much to do, and takes the packet later.
    Busy,
    /// The overlay holds a newer packet of the same key.
    Outdated,
    /// There is no folder where packets would be put.
    NoFolder,
    /// It passes no calls: nobody can be called there.
    NoCalls,
    /// The registration has no address that could be announced, or the overlay none that could be asked.
    NoAddress,
    /// It is announced to under a name, and the registration has none.
    NoName,
    /// It is only read.
    ReadOnly,
    /// It keeps registrations only, nothing else that is signed.
    NoSlots,
    /// The overlay does not take this packet: its signature or slot is wrong, or the writer may not.
    Refused,
    /// It says no, for this reason.
    Denied(String),
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OverlayError::Unreachable(why) => write!(f, "cannot be reached: {why}"),
            OverlayError::TimedOut => f.write_str("no complete answer in time"),
            OverlayError::Status(status) => write!(f, "unexpected answer: status {status}"),
            OverlayError::TooLarge => {
                f.write_str("packet or answer of a size that cannot be right")
            }
            OverlayError::Malformed => f.write_str("the answer is not that of a packet store"),
            OverlayError::Full => f.write_str("no free place, all are taken by others"),
            OverlayError::RateLimited => f.write_str("too many requests from this address"),
            OverlayError::Busy => f.write_str("it has too much to do at the moment"),
            OverlayError::Outdated => f.write_str("it holds a newer packet of the same key"),
            OverlayError::NoFolder => f.write_str("there is no such folder: make it there first"),
            OverlayError::NoCalls => f.write_str("it passes no calls"),
            OverlayError::NoAddress => f.write_str("there is no address to announce or to ask"),
            OverlayError::NoName => f.write_str("there is no name to announce"),
            OverlayError::ReadOnly => f.write_str("it is only read"),
            OverlayError::NoSlots => f.write_str("it keeps registrations only"),
            OverlayError::Refused => f.write_str("it does not accept this packet"),
            OverlayError::Denied(reason) => write!(f, "it says no: {reason}"),
        }
    }
}

impl std::error::Error for OverlayError {}
