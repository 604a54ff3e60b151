//! What shares a UDP port: QUIC packets and the control datagrams of this layer.
//!
//! QUIC version 1 sets the bit 0x80 or 0x40 of the first octet (RFC 9000, section 17) as long as
//! neither end greases it, so everything below 0x40 can be ours, in the manner of RFC 9443:
//!
//! | first octet | meaning |
//! |---|---|
//! | 0x00 – 0x03 | [`Kind::Stun`] (RFC 8489) |
//! | 0x20 | [`PROBE`] |
//! | 0x21 | [`ANSWER`] |
//! | 0x22 | [`UPDATE`] |
//! | 0x24 – 0x26 | [`crate::registration::inquiry`] |
//! | 0x28 – 0x2b, 0x2d | [`super::rendezvous`] |
//! | 0x2c | [`EARLY`] |
//! | 0x40 – 0xff | QUIC |

use crate::registration::inquiry::INQUIRY;

/// A sealed question whether the sender's datagrams arrive: see [`super::seal`].
pub(super) const PROBE: u8 = 0x20;
/// The answer to a probe.
pub(super) const ANSWER: u8 = 0x21;

/// A sealed list of the sender's candidates: see [`super::locator_set`].
pub(super) const UPDATE: u8 = 0x22;
/// A client says to a rendezvous who it is, or that it is still there.
pub(super) const HELLO: u8 = 0x28;
/// What a rendezvous answers.
pub(super) const WELCOME: u8 = 0x29;
/// A datagram that a rendezvous shall carry to somebody.
pub(super) const CARRY: u8 = 0x2a;
/// A rendezvous does not do what it was asked for.
pub(super) const REFUSED: u8 = 0x2b;
/// A datagram that a rendezvous has carried from somebody.
pub(super) const CARRIED: u8 = 0x2d;
/// A sealed request beside the first packet of a handshake: see [`super::early`].
pub(super) const EARLY: u8 = 0x2c;

/// The first octet of a STUN message is at most this.
const LAST_STUN: u8 = 0x03;
/// The first octet of every QUIC packet is at least this.
const FIRST_QUIC: u8 = 0x40;
/// Set in packets with a long header, those of the handshake.
const LONG_HEADER: u8 = 0x80;

/// What a datagram is, by its first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message of this layer.
    Control,
    /// Something that this host shall carry to somebody.
    Carry,
    /// Something that a relay has carried to this host.
    Carried,
    /// A message of a STUN server.
    Stun,
    /// A QUIC packet with a long header.
    QuicLong,
    /// A QUIC packet with a short header, as in an established connection.
    QuicShort,
    /// Anything else.
    Unknown,
}

impl Kind {
    pub(super) fn of(datagram: &[u8]) -> Kind {
        match datagram.first() {
            Some(&(PROBE | ANSWER | UPDATE | INQUIRY | EARLY | HELLO | WELCOME | REFUSED)) => {
                Kind::Control
            }
            Some(&CARRY) => Kind::Carry,
            Some(&CARRIED) => Kind::Carried,
            Some(&first) if first <= LAST_STUN => Kind::Stun,
            Some(&first) if first & LONG_HEADER != 0 => Kind::QuicLong,
            Some(&first) if first >= FIRST_QUIC => Kind::QuicShort,
            _ => Kind::Unknown,
        }
    }
}
