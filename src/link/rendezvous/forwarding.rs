//! What a rendezvous does with what its clients send each other: where it goes, at whose expense, or why not.

use std::time::Instant;

use crate::identity::Hit;

use super::{
    carrier::Carrier,
    message::{self, Purpose, REFUSED_LENGTH, Refused},
    refusal::RefusalReason,
    server::Server,
    session::Session,
};

/// Where a run of datagrams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Forward {
    pub(in crate::link) to: Carrier,
    /// Where the receiver says to be now, and how many octets of the run may go there as well.
    pub(in crate::link) also: Option<(Carrier, usize)>,
    /// Stands in the header from now on.
    pub(in crate::link) sender: Hit,
}

impl Server {
    /// Decides about a run of CARRYs from one carrier to one peer: `octets` in all, each of them `stride` long.
    pub(in crate::link) fn forward(
        &mut self,
        from: Carrier,
        to: Hit,
        octets: usize,
        stride: usize,
        now: Instant,
    ) -> Option<Forward> {
        let Some(session) = self.sessions.get_mut(&from).filter(|session| !session.is_over(now))
        else {
            self.refuse_unknown(from, octets, now);
            return None;
        };
        session.receive(octets, now);
        let sender = End::of(session);
        match self.place(sender, to, octets, now) {
            Ok(place) => {
                let also = self.claimed(to, octets, stride);
                // a client that has not shown its token yet will have it in a moment
                if !self.sessions.get_mut(&place)?.may_send(octets) {
                    return None;
                }
                self.counts.octets += octets as u64;
                Some(Forward { to: place, also, sender: sender.hit })
            }
            Err(reason) => {
                self.counts.refused += 1;
                self.refuse_carry(from, to, reason, octets, now);
                None
            }
        }
    }

    /// Where the receiver is, if so many octets may go there.
    fn place(
        &mut self,
        sender: End,
        to: Hit,
        octets: usize,
        now: Instant,
    ) -> Result<Carrier, RefusalReason> {
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
                allowed.then_some(place).ok_or(RefusalReason::RateLimited)
            }
            None => {
                let pair = (sender.hit, receiver.hit);
                let rate = &self.rules.introduction;
                let allowed = self.introductions.take(pair, rate, octets, now);
                allowed.then_some(place).ok_or(RefusalReason::Quota)
            }
        }
    }

    /// Where the receiver of a run says to be, which it has not proved, and what of the run may go there. The proof
    /// takes a round trip, in which somebody who has moved would hear of nobody.
    fn claimed(&mut self, to: Hit, octets: usize, stride: usize) -> Option<(Carrier, usize)> {
        let claimed = self.clients.get(&to)?.claimed?;
        let session = self.sessions.get_mut(&claimed).filter(|session| session.hit == to)?;
        let granted = session.may_send_some(octets, stride);
        (granted > 0).then_some((claimed, granted))
    }

    fn refuse_carry(
        &mut self,
        from: Carrier,
        to: Hit,
        reason: RefusalReason,
        octets: usize,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&from) else { return };
        if octets < REFUSED_LENGTH || !session.may_refuse(now) || !session.may_send(REFUSED_LENGTH)
        {
            return;
        }
        let mark = message::mark_of(&session.token);
        self.transmit(from, Refused { reason, mark, callee: Some(to) }.encode());
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
