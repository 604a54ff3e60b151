//! Tells who is at this host's port to those who found it by an announced address: see
//! [`crate::registration::inquiry`].
//!
//! Silent unless this host has announced itself, so that nobody learns by asking whose an address is that its owner
//! has not made known.

use std::{net::SocketAddr, time::Instant};

use crate::identity::{Slot, Timestamp};
use crate::registration::{
    Packet,
    inquiry::{Inquiry, Introduction},
};
use crate::runtime::Tokens;

use super::{
    limit::{Limiter, Standing},
    way::Way,
};

/// What is said, and to whom.
pub(super) struct Introducing {
    introduced: Option<(Slot, Packet)>,
    tokens: Tokens,
    limiter: Limiter,
}

impl Introducing {
    /// Silent. Nobody makes its tokens who does not know the secret.
    pub(super) fn new(secret: &[u8; 32], now: Instant) -> Introducing {
        let (tokens, limiter) = (Tokens::new(secret), Limiter::new(now));
        Introducing { introduced: None, tokens, limiter }
    }

    /// What is said from now on; nothing for a withdrawal or a packet without a name.
    pub(super) fn introduce(&mut self, packet: &Packet) {
        let registration = packet.registration();
        let name = registration.name.as_ref().filter(|_| !registration.is_withdrawal());
        self.introduced = name.map(|name| (Slot::of_announcements(name), packet.clone()));
    }

    /// The answer to a datagram, if it is to have one.
    pub(super) fn answer(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        (now, wall): (Instant, Timestamp),
    ) -> Option<Vec<u8>> {
        let (swarm, packet) = self.introduced.as_ref()?;
        let Inquiry { id, swarm: asked, token } = Inquiry::decode(datagram)?;
        if asked != *swarm || packet.expires() <= wall {
            return None;
        }
        let seconds = u32::try_from(wall.as_secs()).unwrap_or(u32::MAX);
        let is_proved = self.tokens.is_of(&token, from.ip(), seconds);
        let standing = if is_proved { Standing::Proved } else { Standing::Unproved };
        if !self.limiter.allow(Way::Direct(from).source(), standing, now) {
            return None;
        }
        let answer = match is_proved {
            true => Introduction::Packet(packet.as_bytes().to_vec()),
            false => Introduction::Token(self.tokens.give(from.ip(), seconds)),
        };
        Some(answer.encode(&id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::{KeyPair, Name, Seed};
    use crate::registration::Registration;
    use crate::runtime::clock;

    const ID: [u8; 8] = *b"one of 8";
    const TTL: Duration = Duration::from_secs(3600);

    fn signed(ttl: Duration) -> Packet {
        let keys = KeyPair::from_seed(&Seed::new([1; 32]));
        let registration = Registration {
            key: keys.public(),
            name: Some(name()),
            sequence: Timestamp::from_secs(1000),
            ttl,
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &keys).unwrap()
    }

    fn name() -> Name {
        Name::parse("alice@example.com").unwrap()
    }

    /// One who asks at a time.
    struct Visitor {
        host: Introducing,
        now: Instant,
        wall: Timestamp,
    }

    impl Visitor {
        fn new() -> Visitor {
            let now = clock::now();
            let host = Introducing::new(&[3; 32], now);
            Visitor { host, now, wall: Timestamp::from_secs(1001) }
        }

        fn ask(&mut self, from: &str, swarm: Slot, token: [u8; 8]) -> Option<Introduction> {
            let inquiry = Inquiry { id: ID, swarm, token }.encode();
            let times = (self.now, self.wall);
            let answer = self.host.answer(from.parse().unwrap(), &inquiry, times)?;
            Introduction::decode(&answer, &ID)
        }
    }

    #[test]
    fn who_hears_what_is_sent_to_him_and_knows_the_name_gets_the_packet() {
        let (mut visitor, swarm) = (Visitor::new(), Slot::of_announcements(&name()));
        let home = "192.0.2.1:4000";
        assert_eq!(visitor.ask(home, swarm, [0; 8]), None, "nothing was announced");
        visitor.host.introduce(&signed(TTL));
        let Some(Introduction::Token(token)) = visitor.ask(home, swarm, [0; 8]) else {
            panic!("a token comes first");
        };
        let expected = Introduction::Packet(signed(TTL).as_bytes().to_vec());
        assert_eq!(visitor.ask(home, swarm, token), Some(expected));
        let elsewhere = visitor.ask("192.0.2.2:4000", swarm, token);
        assert!(matches!(elsewhere, Some(Introduction::Token(_))), "{elsewhere:?}");
        assert_eq!(visitor.ask(home, Slot([9; 20]), token), None, "of another name");
    }

    #[test]
    fn nobody_hears_of_who_has_gone() {
        let (mut visitor, swarm) = (Visitor::new(), Slot::of_announcements(&name()));
        visitor.host.introduce(&signed(TTL));
        visitor.wall = Timestamp::from_secs(1000 + TTL.as_secs());
        assert_eq!(visitor.ask("192.0.2.1:4000", swarm, [0; 8]), None, "it has expired");
        visitor.wall = Timestamp::from_secs(1001);
        visitor.host.introduce(&signed(Duration::ZERO));
        assert_eq!(visitor.ask("192.0.2.1:4000", swarm, [0; 8]), None, "it was withdrawn");
    }

    #[test]
    fn a_flood_of_questions_is_not_answered_for_ever() {
        let (mut visitor, swarm) = (Visitor::new(), Slot::of_announcements(&name()));
        visitor.host.introduce(&signed(TTL));
        let home = "192.0.2.1:4000";
        let Some(Introduction::Token(token)) = visitor.ask(home, swarm, [0; 8]) else {
            panic!("a token");
        };
        let answers = (0..100_000_u32)
            .filter(|n| {
                let [_, b, c, d] = n.to_be_bytes();
                visitor.ask(&format!("10.{b}.{c}.{d}:9"), swarm, [0; 8]).is_some()
            })
            .count();
        assert!((1..1000).contains(&answers), "{answers}");
        let answer = visitor.ask(home, swarm, token);
        assert!(matches!(answer, Some(Introduction::Packet(_))), "the flood hurts nobody known");
    }
}
