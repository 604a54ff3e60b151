//! How QUIC is tuned, with the reasons.

use std::{sync::Arc, time::Duration};

use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout,
    MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt,
};
use ring::{hkdf, hmac};

use crate::identity::{KeyPair, PublicKey};
use crate::link::SelectedPath;
use crate::runtime::random;

use super::congestion::PerPathConfig;
use super::tls::Credentials;

/// How long connections live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// A connection whose other end is silent for so long is dead.
    ///
    /// A minute: longer than a change of network takes, or half a minute's sleep that begins when a keep-alive is
    /// due. People need not wait for it: the link knows of a silent path within seconds, and new requests ask it.
    pub silence: Duration,
    /// One that this host dialled is closed when it was unused for so long.
    ///
    /// Five minutes: whoever reads a page for a while finds the next one warm.
    pub dialled: Duration,
    /// The same for one that another host dialled.
    ///
    /// Six minutes: the end that pays for keeping it alive should decide.
    pub accepted: Duration,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes {
            silence: Duration::from_secs(60),
            dialled: Duration::from_secs(300),
            accepted: Duration::from_secs(360),
        }
    }
}

/// The end that dialled speaks up after so long a silence, or half of the one that ends a connection. Home routers
/// forget UDP after 30 seconds at the earliest (RFC 8085, section 3.5, asks for no less than 15), and a packet that
/// is lost is repeated twice before that. The other end need not speak, its acknowledgement is a sign of life too;
/// and both come before the path agent would probe, so that one keep-alive does for all layers, relays included:
/// two small packets, 5 octets a second. Where a router forgets sooner, the path agent sees it and probes more often.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// Streams that the other end may have open, each of them a request in progress. Further ones wait.
const MAX_STREAMS: u32 = 256;

/// What one stream may be ahead of its reader: 160 Mbit/s at 100 ms of round trip, 1 Gbit/s at 16 ms. A
/// slow reader costs up to three times as much memory, since each octet keeps the batch of packets it
/// came in. Twice as much was no faster on loopback, and the allocator gives little of it back.
const STREAM_WINDOW: u32 = 2 << 20;
/// The same for all streams of an accepted connection together: what a stranger can make us keep.
const ACCEPTED_WINDOW: u32 = 4 << 20;
/// The same for a connection that was dialled. Readers that stop, as a browser with paused films does,
/// keep their part of it, and when nothing is left all other streams wait for them. A browser opens six
/// connections to one origin; with all of them stopped there is still room for others.
const DIALLED_WINDOW: u32 = 8 * STREAM_WINDOW;
/// What may be sent and not acknowledged, kept for retransmission. As much as one stream takes.
pub(super) const SEND_WINDOW: u64 = 2 << 20;

/// Path MTU discovery ends where a relay's header of 21 octets still fits the 1492 octets of a line with
/// PPPoE, so that a path can change to a relay without packets getting lost: 1492 - 48 (IPv6 and UDP) - 21, and
/// six less, which over IPv4 fills 31 cells of an ADSL line and leaves nothing of a 32nd, also behind the three octets
/// by which a relay knows a peer.
const MAX_MTU: u16 = 1417;
/// Discovery asks once, for all of it: the probes of a search would be most of what a short visit costs.
const MTU_STEP: u16 = 150;
/// The link lets no such probe out before a connection carries much. Those of a short visit count as lost, and come
/// again so much later. What has been found out is not asked again.
const MTU_INTERVAL: Duration = Duration::from_secs(30);
/// Every path of QUIC carries this much (RFC 9000, section 14), more is found out.
const INITIAL_MTU: u16 = 1200;

/// A handshake takes two round trips, and a lost packet a second more.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How far a packet may be overtaken, in packets and in round trips, before it counts as lost. Time tells: the
/// three packets of RFC 9002 are passed within a millisecond on a fast line whose packets take two ways, where
/// they cost nine tenths of the goodput (measured at 5 % reordering by 10 ms). A loss is noticed two fifths of
/// a round trip later than its successors arrive.
const REORDERING: (u32, f32) = (1000, 1.4);

/// Octets of a connection id, which every packet carries. There are some hundred at a time, and addresses are
/// found out below QUIC, so they need not be long to be different. Quinn counts how many of four octets are left
/// in a `usize`, which overflows where that has 32 bits, and then there seems to be none.
const ID_LENGTH: usize = if usize::BITS > 32 { 4 } else { 5 };

/// Connection attempts that wait for acceptance, and octets kept for each and all of them.
const MAX_INCOMING: usize = 64;
const INCOMING_BUFFER: u64 = 8 << 10;
const INCOMING_BUFFER_TOTAL: u64 = 256 << 10;

/// For the socket that QUIC shares with control datagrams.
pub(super) fn endpoint(keys: &KeyPair) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(reset_key(keys)));
    config.grease_quic_bit(false); // or control datagrams cannot be told from packets
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// For dialling one peer.
///
/// # Errors
/// When TLS refuses the configuration, which is the same for all keys.
pub(super) fn client(
    credentials: &Credentials,
    peer: PublicKey,
    selected: SelectedPath,
    lifetimes: Lifetimes,
) -> Result<ClientConfig, rustls::Error> {
    let mut transport = transport(lifetimes, selected);
    transport
        // requests are short, and longer packets would save 1 % of the octets of those that are not
        .mtu_discovery_config(None)
        .keep_alive_interval(Some(KEEP_ALIVE.min(lifetimes.silence / 2)))
        // the answer to an early request
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .receive_window(VarInt::from_u32(DIALLED_WINDOW));
    let mut config = ClientConfig::new(Arc::new(credentials.client(peer)?));
    config.transport_config(Arc::new(transport));
    config.token_store(Arc::new(quinn::NoneTokenStore)); // addresses are proved below QUIC
    Ok(config)
}

/// For being dialled.
///
/// # Errors
/// When TLS refuses the configuration.
pub(super) fn server(credentials: &Credentials) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::with_crypto(Arc::new(credentials.server()?));
    config
        .migration(false) // virtual addresses stay
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    Ok(config)
}

/// For being dialled by one peer. `may_be_long`: packets there may be longer than everywhere, so that it is worth
/// asking how long.
pub(super) fn accepted(
    server: &ServerConfig,
    selected: SelectedPath,
    may_be_long: bool,
    lifetimes: Lifetimes,
) -> ServerConfig {
    let mut transport = transport(lifetimes, selected);
    if !may_be_long {
        transport.mtu_discovery_config(None);
    }
    let mut config = server.clone();
    config.transport_config(Arc::new(transport));
    config
}

fn transport(lifetimes: Lifetimes, selected: SelectedPath) -> TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MAX_MTU).minimum_change(MTU_STEP).interval(MTU_INTERVAL);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IdleTimeout::try_from(lifetimes.silence).ok())
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(ACCEPTED_WINDOW))
        .send_window(SEND_WINDOW)
        .initial_mtu(INITIAL_MTU)
        .mtu_discovery_config(Some(mtu))
        .packet_threshold(REORDERING.0)
        .time_threshold(REORDERING.1)
        .congestion_controller_factory(Arc::new(PerPathConfig { selected }));
    config
}

/// The key of stateless resets (RFC 9000, section 10.3) follows from the identity, so that a restarted
/// daemon can tell its peers that it has forgotten their connections.
fn reset_key(keys: &KeyPair) -> hmac::Key {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"p2p quic stateless reset");
    let secret = salt.extract(&keys.seed()[..]);
    match secret.expand(&[b"key"], hmac::HMAC_SHA256) {
        Ok(okm) => hmac::Key::from(okm),
        // too long an output would be refused; a random key only means slower news of a restart
        Err(_) => hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()),
    }
}

/// Connection ids that a restarted daemon does not take for malformed: quinn's own carry a checksum
/// under a key of the process, and an id with another checksum draws no stateless reset.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&random::bytes::<ID_LENGTH>())
    }

    fn cid_len(&self) -> usize {
        ID_LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
