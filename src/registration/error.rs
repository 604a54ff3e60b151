//! What can be wrong with a packet, coming and going.

use std::{fmt, net::SocketAddr, time::Duration};

/// Why bytes are no packet. Numbers are field types, as in the table at the head of `packet.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketError {
    /// Longer than 900 octets.
    TooLong,
    /// It ends within a field, or has no room for a signature.
    Truncated,
    /// It does not begin as packets do: something else lies in the slot.
    Magic,
    /// It is of a version that this program does not know.
    Version(u8),
    /// A field follows one of a higher type.
    Order,
    /// A field that stands once stands twice, or a list holds equal items.
    Repeated(u8),
    /// A list is longer than allowed.
    TooMany(u8),
    /// A field that every packet has is not there.
    Missing(u8),
    /// A field's value has the wrong length or is not allowed.
    Value(u8),
    /// A field that must be understood is not.
    Unknown(u8),
    /// Its signature is not one of its key.
    Signature,
    /// The signature is another form of a valid one, which only lenient programs take.
    Malleable,
    /// The key is of small order, so that anybody could sign.
    WeakKey,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PacketError::TooLong => f.write_str("the packet is longer than 900 octets"),
            PacketError::Truncated => f.write_str("the packet is cut off"),
            PacketError::Magic => f.write_str("this is no registration packet"),
            PacketError::Version(version) => {
                write!(f, "the packet has version {version}, this program knows version 1")
            }
            PacketError::Order => f.write_str("the packet's fields are out of order"),
            PacketError::Repeated(kind) => write!(f, "the packet repeats field {kind}"),
            PacketError::TooMany(kind) => write!(f, "the packet has too many fields {kind}"),
            PacketError::Missing(kind) => write!(f, "the packet lacks field {kind}"),
            PacketError::Value(kind) => write!(f, "field {kind} of the packet is malformed"),
            PacketError::Unknown(kind) => {
                write!(f, "the packet needs field {kind} understood; a newer version may know it")
            }
            PacketError::Signature => f.write_str("the packet's signature is not its key's"),
            PacketError::Malleable => {
                f.write_str("the packet's signature was rewritten by somebody else than its key")
            }
            PacketError::WeakKey => f.write_str("the packet's key is one that anybody signs with"),
        }
    }
}

impl std::error::Error for PacketError {}

/// Why a registration cannot become a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The key in it is not the one that shall sign.
    OtherKey,
    /// The time to live has fractions of a second or is over 30 days.
    Ttl(Duration),
    /// A list is longer than allowed.
    TooMany,
    /// An address that means nothing to others; `Registration::can_carry` tells.
    Address(SocketAddr),
    /// A list holds equal items.
    Repeated,
    /// A certificate of no octets.
    EmptyCertificate,
    /// The packet would have this many octets.
    TooLong(usize),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::OtherKey => f.write_str("the registration is of another key"),
            EncodeError::Ttl(ttl) => {
                write!(f, "a packet cannot live for {ttl:?}: whole seconds, at most 30 days")
            }
            EncodeError::TooMany => f.write_str("a packet has no room for that many entries"),
            EncodeError::Address(address) => {
                write!(f, "a packet cannot carry {address}: it means nothing to others")
            }
            EncodeError::Repeated => f.write_str("an entry stands twice in a list"),
            EncodeError::EmptyCertificate => f.write_str("a certificate is empty"),
            EncodeError::TooLong(length) => {
                write!(f, "the packet has {length} octets, 900 are allowed")
            }
        }
    }
}

impl std::error::Error for EncodeError {}
