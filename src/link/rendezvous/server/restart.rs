//! What a rendezvous keeps over a restart: who is registered. What they have shown is forgotten, so they are asked to
//! say HELLO again, one by one.

use std::time::{Duration, Instant};

use super::super::{
    carrier::Carrier,
    message::{self, Purpose, Refused},
    refusal::RefusalReason,
    rules::Group,
    saved::{self, Binding},
    session::{MAX_LIFETIME, Session},
};
use super::{Client, MAX_SESSIONS, Server};

/// Octets of the longest file of registrations.
pub(in crate::link) const MAX_SAVED: usize = saved::max_length(MAX_SESSIONS);

/// How long a registration from before a restart holds until its owner is heard of.
const RESTORED_LIFETIME: Duration = Duration::from_secs(60);
/// After a restart, clients are told one by one: as many HELLOs as one limiter lets pass.
const NOTICE_INTERVAL: Duration = Duration::from_millis(4);

impl Server {
    /// The registrations that a restart should not forget. Those over TCP end with their connection.
    pub(in crate::link) fn save(&self, now: Instant) -> Vec<u8> {
        saved::encode(self.sessions.iter().filter_map(|(carrier, session)| {
            let Carrier::Udp(address) = *carrier else { return None };
            let kept = session.purpose == Purpose::Register && session.is_proved();
            let binding = Binding { key: session.key, token: session.token, address };
            (kept && !session.is_over(now)).then_some(binding)
        }))
    }

    /// Takes up the registrations that [`Server::save`] gave, for a minute, and tells their owners to
    /// say HELLO.
    pub(in crate::link) fn restore(&mut self, octets: &[u8], now: Instant) {
        for Binding { key, token, address } in saved::decode(octets) {
            // members have shown what they are, and are asked for it again
            let may = |group: &Group| match group {
                Group::Nobody => false,
                Group::Anyone | Group::Members(_) => true,
                Group::Keys(keys) => keys.contains(&key),
            };
            if self.sessions.len() >= MAX_SESSIONS || !may(&self.rules.register) {
                continue;
            }
            let carrier = Carrier::Udp(address);
            let mut session = Session::new(key, token, true, now);
            session.grant(Purpose::Register, MAX_LIFETIME, may(&self.rules.relay), now);
            session.expires = now + RESTORED_LIFETIME;
            let hit = session.hit;
            self.sessions.insert(carrier, session);
            self.clients.insert(hit, Client::new(carrier, now));
            self.notices.push_back(carrier);
        }
        self.next_notice = now;
    }

    /// Tells the next of them, if it is time.
    pub(super) fn give_notice(&mut self, now: Instant) {
        while self.next_notice <= now
            && let Some(carrier) = self.notices.pop_front()
        {
            self.next_notice = now + NOTICE_INTERVAL;
            let Some(session) = self.sessions.get(&carrier) else { continue };
            let mark = message::mark_of(&session.token);
            let refused = Refused { reason: RefusalReason::Restarted, mark, callee: None };
            self.transmit(carrier, refused.encode());
        }
    }
}
