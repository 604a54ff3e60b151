//! What a rendezvous does with what its clients send each other: where it goes, at whose expense, or why not.

use std::time::Instant;

use crate::identity::Hit;

use super::{
    carrier::Carrier,
    header::{CARRY_HEADER, Direction, Header, Peer},
    message::{self, Purpose, Refused},
    refusal::RefusalReason,
    server::Server,
    session::Session,
};

/// Where a run of datagrams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Forward {
    pub(in crate::link) to: Carrier,
    /// What stands before the datagrams instead.
    pub(in crate::link) header: Header,
    /// Where the receiver says to be now, and how many octets may go there as well: whole datagrams with
    /// [`Forward::tag`] before them.
    pub(in crate::link) also: Option<(Carrier, usize)>,
    /// The header with the tag of the sender, which is understood everywhere.
    pub(in crate::link) tag: Header,
    /// The sender should slow down: what can be marked in the network's headers is to be marked so (RFC 3168).
    pub(in crate::link) congested: bool,
}

/// A run of CARRYs: datagrams with one header and of one length, but the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(in crate::link) struct Run {
    /// All of them, with their headers.
    pub(in crate::link) octets: usize,
    /// Each of them.
    pub(in crate::link) stride: usize,
    /// The header of each.
    pub(in crate::link) header: usize,
}

impl Run {
    /// The octets of the same datagrams behind other headers.
    fn behind(&self, header: usize) -> usize {
        let count = self.octets.div_ceil(self.stride.max(1));
        (self.octets + count * header).saturating_sub(count * self.header)
    }
}

impl Server {
    /// Decides about a run of CARRYs from one carrier to one peer.
    pub(in crate::link) fn forward(
        &mut self,
        from: Carrier,
        to: Peer,
        run: Run,
        now: Instant,
    ) -> Option<Forward> {
        let Some(session) = self.sessions.get_mut(&from).filter(|session| !session.is_over(now))
        else {
            self.refuse_unknown(from, run.octets, now);
            return None;
        };
        session.receive(run.octets, now);
        let sender = End::of(session);
        let named = match to {
            Peer::Tag(hit) => Some(hit),
            Peer::Channel(channel) => session.channels.peer(channel, now),
        };
        let Some(to) = named else {
            self.refuse_carry(from, RefusalReason::NoChannel, None, run, now);
            return None;
        };
        match self.place(sender, to, run.octets, now) {
            Ok((place, congested)) => {
                self.sessions.get_mut(&from)?.channels.open(to, now);
                let tag = Header::new(Direction::Down, Peer::Tag(sender.hit));
                let also = self.claimed(to, run);
                let receiver = self.sessions.get_mut(&place)?;
                // a client that has not shown its token yet will have it in a moment
                let channel = receiver.channels.channel(sender.hit, now);
                let channel = channel.filter(|_| receiver.is_proved()).map(Peer::Channel);
                let header = channel.map_or(tag, |peer| Header::new(Direction::Down, peer));
                if !receiver.may_send(run.behind(header.as_ref().len())) {
                    return None;
                }
                self.counts.octets += run.octets as u64;
                Some(Forward { to: place, header, also, tag, congested })
            }
            Err(reason) => {
                self.refuse_carry(from, reason, Some(to), run, now);
                None
            }
        }
    }

    /// Where the receiver is, if so many octets may go there, and whether it will soon be too many. A sender who hears
    /// of that slows down; one who only misses what was refused takes up to a sixth of it for noise of the line.
    fn place(
        &mut self,
        sender: End,
        to: Hit,
        octets: usize,
        now: Instant,
    ) -> Result<(Carrier, bool), RefusalReason> {
        let place = self.clients.get(&to).map(|client| client.carrier);
        let place = place.ok_or(RefusalReason::UnknownCallee)?;
        let receiver = self.sessions.get(&place).filter(|session| !session.is_over(now));
        let receiver = receiver.map(End::of).ok_or(RefusalReason::UnknownCallee)?;
        if !sender.registered && !receiver.registered {
            return Err(RefusalReason::UnknownCallee); // two callers have nobody to meet here
        }
        let payer = [sender, receiver].into_iter().find(|end| end.carries);
        match payer.and_then(|payer| self.clients.get_mut(&payer.hit)) {
            Some(payer) => {
                let allowed = payer.carried.take(&self.rules.client, octets, now)
                    && self.total.take(&self.rules.total, octets, now);
                let congested = payer.carried.is_strained(&self.rules.client, now)
                    || self.total.is_strained(&self.rules.total, now);
                allowed.then_some((place, congested)).ok_or(RefusalReason::RateLimited)
            }
            None => {
                let pair = (sender.hit, receiver.hit);
                let rate = &self.rules.introduction;
                let allowed = self.introductions.take(pair, rate, octets, now);
                allowed.then_some((place, false)).ok_or(RefusalReason::Quota)
            }
        }
    }

    /// Where the receiver of a run says to be, which it has not proved, and what of the run may go there. The proof
    /// takes a round trip, in which somebody who has moved would hear of nobody.
    fn claimed(&mut self, to: Hit, run: Run) -> Option<(Carrier, usize)> {
        let claimed = self.clients.get(&to)?.claimed?;
        let session = self.sessions.get_mut(&claimed).filter(|session| session.hit == to)?;
        let stride = run.stride + CARRY_HEADER - run.header;
        let granted = session.may_send_some(run.behind(CARRY_HEADER), stride);
        (granted > 0).then_some((claimed, granted))
    }

    fn refuse_carry(
        &mut self,
        from: Carrier,
        reason: RefusalReason,
        callee: Option<Hit>,
        run: Run,
        now: Instant,
    ) {
        self.counts.refused += 1;
        let Some(session) = self.sessions.get_mut(&from) else { return };
        let mark = message::mark_of(&session.token);
        let refused = Refused { reason, mark, callee }.encode();
        let amplifies = run.octets < refused.len();
        if amplifies || !session.may_refuse(now) || !session.may_send(refused.len()) {
            return;
        }
        self.transmit(from, refused);
    }
}

/// What counts of a session when something is carried.
#[derive(Clone, Copy)]
struct End {
    hit: Hit,
    registered: bool,
    carries: bool,
}

impl End {
    fn of(session: &Session) -> End {
        let registered = session.purpose == Purpose::Register;
        End { hit: session.hit, registered, carries: session.carries }
    }
}
