//! What a client knows of one rendezvous: the session there, and what is to be said next.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::identity::Hit;
use crate::link::{
    seal::{AnswerKey, MessageId, Remote},
    way::RelayId,
};
use crate::registration::Rendezvous;

use super::{
    carrier::Carrier,
    channels::{Channel, Channels},
    header::Peer,
    message::{self, Mark, Purpose, Token, Welcome},
    refusal::RefusalReason,
};

/// Between two KEEPs: below the 30 seconds after which common NATs forget a mapping. What the rendezvous carries to
/// this host keeps the mapping as well.
pub(super) const KEEP_INTERVAL: Duration = Duration::from_secs(25);
/// Between two KEEPs in any case, for the session: one may get lost before anybody else gets the address.
const SESSION_INTERVAL: Duration = Duration::from_secs(50);
/// When a KEEP that is not answered is repeated, and then once more; after that a HELLO is said.
const KEEP_RETRY: Duration = Duration::from_secs(1);
const KEEP_RETRIES: u32 = 3;
/// When a HELLO that is not answered is repeated, counted from the one before. The last one counts for
/// all that follow.
const HELLO_RETRIES: [Duration; 8] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(10),
    Duration::from_secs(30),
];
/// So many HELLOs by UDP without an answer, and TCP is tried beside it: after 750 ms.
const HELLOS_BEFORE_TCP: usize = 2;
/// A session for calls is kept as long as something was sent over it so recently.
const CALL_IDLE: Duration = Duration::from_secs(60);
/// After a refusal that only its owner can undo, it is asked again then: whoever has just been let in does not wait
/// for long, and it costs a few octets a second.
const REFUSED_RETRY: Duration = Duration::from_secs(60);
/// After one that means "not now".
const FULL_RETRY: Duration = Duration::from_secs(30);
/// Over TCP, UDP is tried again so often.
const CLIMB_INTERVAL: Duration = Duration::from_secs(60);
/// Of two HELLOs that the other end asks for.
const HELLO_GAP: Duration = Duration::from_millis(500);

/// One rendezvous.
pub(super) struct Relay {
    pub(super) id: RelayId,
    pub(super) node: Rendezvous,
    pub(super) remote: Remote,
    pub(super) purpose: Purpose,
    /// What datagrams go over.
    pub(super) carrier: Carrier,
    pub(super) stream: Stream,
    pub(super) state: State,
    pub(super) last_used: Instant,
    /// The latest HELLOs, of which one may be answered.
    pub(super) pending: Vec<Pending>,
    /// Whether a registration holds, and with what right: traffic is carried, or introduced only. It
    /// outlasts a short silence.
    pub(super) accepted: Option<bool>,
    /// Of the latest session, which the other end may remember for longer.
    pub(super) mark: Option<Mark>,
    /// Whom this host has named there.
    channels: Channels,
    /// When it last carried something to this host.
    pub(super) carried: Instant,
    /// When UDP is tried again while TCP carries.
    climb: Instant,
    /// The latest HELLO.
    hello: Option<Instant>,
}

/// The TCP connection to a rendezvous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// There is none.
    Closed,
    /// It was asked for.
    Opening,
    /// It is there.
    Open(Carrier),
}

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody wants it.
    Idle,
    /// HELLOs were said by UDP, the latest at that time.
    Greeting {
        /// How many.
        hellos: usize,
        /// When.
        latest: Instant,
    },
    /// The rendezvous knows this host.
    Welcomed(Welcomed),
    /// It does not want this host.
    Refused {
        /// Why.
        reason: RefusalReason,
        /// When it may be asked again.
        retry: Instant,
    },
}

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcomed {
    pub(super) token: Token,
    /// Where the rendezvous sees this host, as long as it answers KEEPs: from elsewhere they show nothing.
    pub(super) observed: Option<SocketAddr>,
    /// When the rendezvous last answered.
    pub(super) heard: Instant,
    /// KEEPs since then, the latest at that time.
    pub(super) keeps: u32,
    pub(super) latest: Instant,
}

/// A HELLO that may be answered.
pub(super) struct Pending {
    pub(super) id: MessageId,
    pub(super) key: AnswerKey,
    pub(super) carrier: Carrier,
    pub(super) sent: Instant,
}

/// HELLOs whose answers are awaited.
const MAX_PENDING: usize = 8;

/// What a relay wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A HELLO over this carrier.
    Hello(Carrier),
    /// A KEEP over the carrier in use.
    Keep(Token),
    /// A TCP connection.
    OpenStream,
}

impl Relay {
    /// One to call somebody through.
    pub(super) fn new(id: RelayId, node: Rendezvous, remote: Remote, now: Instant) -> Relay {
        Relay {
            id,
            node,
            remote,
            purpose: Purpose::Call,
            carrier: Carrier::Udp(node.address),
            stream: Stream::Closed,
            state: State::Idle,
            last_used: now,
            pending: Vec::new(),
            accepted: None,
            mark: None,
            channels: Channels::new(None),
            carried: now,
            climb: now,
            hello: None,
        }
    }

    pub(super) fn udp(&self) -> Carrier {
        Carrier::Udp(self.node.address)
    }

    /// Whether somebody needs the session.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        self.purpose == Purpose::Register
            || now.saturating_duration_since(self.last_used) < CALL_IDLE
    }

    /// Says HELLO as soon as possible.
    pub(super) fn greet(&mut self, now: Instant) {
        self.state = State::Greeting { hellos: 0, latest: now };
    }

    /// The other end wants a HELLO. It may say so as often as it likes, and gets two a second at most.
    pub(super) fn greet_again(&mut self, now: Instant) {
        let recent = self.hello.is_some_and(|at| now.saturating_duration_since(at) < HELLO_GAP);
        if !recent && !matches!(self.state, State::Refused { .. }) {
            self.greet(now);
        }
    }

    pub(super) fn note_hello(&mut self, now: Instant) {
        self.hello = Some(now);
    }

    pub(super) fn expect(&mut self, pending: Pending) {
        if self.pending.len() == MAX_PENDING {
            self.pending.remove(0);
        }
        self.pending.push(pending);
    }

    /// The rendezvous has answered a HELLO that went over `carrier`.
    pub(super) fn welcome(&mut self, carrier: Carrier, welcome: &Welcome, now: Instant) {
        self.carrier = carrier;
        self.climb = now + CLIMB_INTERVAL;
        self.accepted = (self.purpose == Purpose::Register).then_some(welcome.carries);
        let Welcome { token, observed, .. } = *welcome;
        self.mark = Some(message::mark_of(&token));
        self.channels.begin(token);
        // the KEEP that follows at once proves the address
        self.state =
            State::Welcomed(Welcomed { token, observed, heard: now, keeps: 1, latest: now });
    }

    /// What to call a peer when something is to be carried there.
    pub(super) fn name(&mut self, peer: Hit, now: Instant) -> Peer {
        let welcomed = matches!(self.state, State::Welcomed(_)); // or a rendezvous may know nothing at all
        let channel = welcomed.then(|| self.channels.channel(peer, now)).flatten();
        channel.map(Peer::Channel).unwrap_or_else(|| {
            self.channels.name(peer, now);
            Peer::Tag(peer)
        })
    }

    /// Whom the rendezvous means; a HELLO will tell it that this host does not know.
    pub(super) fn named(&mut self, channel: Channel, now: Instant) -> Option<Hit> {
        let peer = self.channels.peer(channel, now);
        if peer.is_none() {
            self.greet_again(now);
        }
        peer
    }

    /// The rendezvous knows of no channels.
    pub(super) fn close_channels(&mut self) {
        self.channels.close();
    }

    pub(super) fn refuse(&mut self, reason: RefusalReason, now: Instant) {
        let again = if reason == RefusalReason::Full { FULL_RETRY } else { REFUSED_RETRY };
        self.state = State::Refused { reason, retry: now + again };
        self.accepted = None;
        self.pending.clear();
    }

    /// The stream has ended.
    pub(super) fn stream_closed(&mut self, now: Instant) {
        self.stream = Stream::Closed;
        if self.carrier != self.udp() {
            self.carrier = self.udp();
            self.greet(now);
        }
    }

    /// When something is due.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        if !self.is_wanted(now) {
            return None;
        }
        match self.state {
            State::Idle => None,
            State::Greeting { hellos: 0, latest } => Some(latest),
            State::Greeting { hellos, latest } => Some(latest + hello_retry(hellos)),
            State::Welcomed(welcomed) => {
                let keep = match welcomed.keeps {
                    0 => (welcomed.heard.max(self.carried) + KEEP_INTERVAL)
                        .min(welcomed.heard + SESSION_INTERVAL),
                    _ => welcomed.latest + KEEP_RETRY,
                };
                Some(if self.carrier == self.udp() { keep } else { keep.min(self.climb) })
            }
            State::Refused { retry, .. } => (self.purpose == Purpose::Register).then_some(retry),
        }
    }

    /// Goes on as far as `now`; call it until it gives None.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Due> {
        if self.next_due(now)? > now {
            return None;
        }
        let udp = self.udp();
        match &mut self.state {
            State::Idle => None,
            State::Greeting { hellos, .. }
                if *hellos == HELLOS_BEFORE_TCP && self.stream == Stream::Closed =>
            {
                self.stream = Stream::Opening;
                Some(Due::OpenStream)
            }
            State::Greeting { hellos, latest } => {
                *hellos += 1;
                *latest = now;
                if *hellos == HELLO_RETRIES.len() {
                    self.accepted = None;
                }
                Some(Due::Hello(udp))
            }
            State::Welcomed(_) if self.carrier != udp && self.climb <= now => {
                self.climb = now + CLIMB_INTERVAL;
                Some(Due::Hello(udp))
            }
            State::Welcomed(welcomed) if welcomed.keeps == KEEP_RETRIES => {
                self.greet(now);
                self.advance(now)
            }
            State::Welcomed(welcomed) => {
                welcomed.keeps += 1;
                welcomed.latest = now;
                Some(Due::Keep(welcomed.token))
            }
            State::Refused { .. } => {
                self.greet(now);
                self.advance(now)
            }
        }
    }
}

fn hello_retry(hellos: usize) -> Duration {
    HELLO_RETRIES[hellos.min(HELLO_RETRIES.len()) - 1]
}
