//! What rendezvous answer to HELLOs, KEEPs and CARRYs, and what this host makes of it.

use std::{net::SocketAddr, time::Instant};

use super::super::{
    carrier::{Carrier, Transmit},
    message::{self, KEPT_LENGTH, Purpose, Refused, Welcome},
    refusal::RefusalReason,
    relay::{Relay, State, Stream},
};
use super::{Client, Event, registration};
use crate::link::{
    datagram::{REFUSED, WELCOME},
    seal,
    way::RelayId,
};

impl Client {
    /// Takes a WELCOME, a KEPT or a REFUSED.
    pub(in crate::link) fn handle_datagram(
        &mut self,
        from: Carrier,
        datagram: &[u8],
        now: Instant,
    ) {
        let Some(id) = self.relay_at(from) else { return };
        match datagram.first() {
            Some(&WELCOME) if datagram.len() == KEPT_LENGTH => self.handle_kept(id, datagram, now),
            Some(&WELCOME) => self.handle_welcome(id, from, datagram, now),
            Some(&REFUSED) => self.handle_refused(id, datagram, now),
            _ => None,
        };
        self.serve(id, now);
    }

    fn handle_welcome(
        &mut self,
        id: RelayId,
        from: Carrier,
        datagram: &[u8],
        now: Instant,
    ) -> Option<()> {
        let answered = seal::answered_id(datagram)?;
        let relay = self.relays.get_mut(&id)?;
        let pending = relay.pending.iter().find(|p| p.id == answered && p.carrier == from)?;
        let welcome = Welcome::decode(&pending.key.open(datagram)?)?;
        let by_tcp = from != relay.udp();
        if by_tcp && relay.carrier == relay.udp() && matches!(relay.state, State::Welcomed(_)) {
            return None; // UDP was there first
        }
        let sent = pending.sent;
        let round_trip = now.saturating_duration_since(sent);
        self.events.push_back(Event::RoundTrip { relay: id, round_trip });
        let before = registration(relay);
        relay.pending.retain(|pending| pending.id != answered);
        relay.welcome(from, &welcome, now);
        self.transmits.push_back(Transmit { to: from, datagram: message::keep(&welcome.token) });
        if !by_tcp && let Stream::Open(carrier) = relay.stream {
            relay.stream = Stream::Closed;
            self.by_carrier.remove(&carrier);
            self.events.push_back(Event::CloseStream { carrier });
        }
        if registration(relay) != before && relay.purpose == Purpose::Register {
            self.events.push_back(Event::Registration);
        }
        self.events.extend(welcome.observed.map(|address| seen(relay, address, sent)));
        Some(())
    }

    fn handle_kept(&mut self, id: RelayId, datagram: &[u8], now: Instant) -> Option<()> {
        let (mark, _lifetime) = message::parse_kept(datagram)?;
        let relay = self.relays.get_mut(&id)?;
        if let State::Welcomed(welcomed) = &mut relay.state
            && message::mark_of(&welcomed.token) == mark
        {
            let asked = welcomed.keeps > 0; // a copy says nothing
            welcomed.heard = now;
            welcomed.keeps = 0;
            let (observed, sent) = (welcomed.observed.filter(|_| asked), welcomed.latest);
            self.events.extend(observed.map(|address| seen(relay, address, sent)));
        }
        Some(())
    }

    /// Only a REFUSED with the right mark is believed; one without draws a HELLO at most.
    fn handle_refused(&mut self, id: RelayId, datagram: &[u8], now: Instant) -> Option<()> {
        let Refused { reason, mark, callee } = Refused::parse(datagram)?;
        let relay = self.relays.get_mut(&id)?;
        let of_session = relay.mark == Some(mark);
        let of_hello = relay.pending.iter().any(|pending| pending.id == mark);
        match reason {
            RefusalReason::NoSession => relay.greet_again(now),
            RefusalReason::Restarted if of_session => relay.greet_again(now),
            RefusalReason::NoChannel if of_session => relay.close_channels(),
            _ if reason.is_about_client() && (of_session || of_hello) => {
                relay.refuse(reason, now);
                self.events.push_back(Event::Refused { relay: id, callee: None, reason });
                if relay.purpose == Purpose::Register {
                    self.events.push_back(Event::Registration);
                }
            }
            _ if of_session && callee.is_some() => {
                self.events.push_back(Event::Refused { relay: id, callee, reason });
            }
            _ => {}
        }
        Some(())
    }
}

/// A rendezvous sees this host at an address, from which it sent something then.
fn seen(relay: &Relay, address: SocketAddr, sent: Instant) -> Event {
    let (by, chosen) = (relay.node.address, relay.purpose == Purpose::Register);
    Event::Observed { by, chosen, address, sent }
}
