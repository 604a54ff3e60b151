//! Asks STUN servers what they see of this host's sockets, and keeps the answer fresh; sans-IO.
//!
//! All servers are asked at the beginning and when something has changed; from then on one for each IP
//! version, so that the NAT keeps the mapping and a change is noticed. Nothing is sent while nobody
//! needs to be reachable.
//!
//! ```text
//!            need            all answered             changed, or no answer
//!  Idle ───────────> asking ──────────────> Keeping ────────────────────────> asking
//!    <──────────────────────────────────────── nobody needs it any more
//! ```

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    message::{Builder, Class, Message, Method, TransactionId},
    reflexive::{Mapping, Observer, Reflexive},
    transaction::{Patience, Transactions, Transmit},
};
use crate::link::drbg::Drbg;

/// Servers that are asked, of both IP versions together.
const MAX_SERVERS: usize = 8;
/// Between two questions that keep a mapping alive: home routers forget UDP after 30 s of silence at the
/// earliest. A question with its answer is about 120 octets, so this costs 5 B/s.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// Between two questions where no NAT is between, or no server has answered.
const IDLE_CHECK: Duration = Duration::from_secs(5 * 60);
/// How long a visitor's wish to know its addresses keeps them fresh.
const PASSING_NEED: Duration = Duration::from_secs(60);

/// Why addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nobody wants to know.
    Idle,
    /// Until then: somebody was dialled.
    Until(Instant),
    /// Others dial this host.
    Lasting,
}

/// The STUN client of this host's sockets.
#[derive(Debug)]
pub(in crate::link) struct StunClient {
    servers: Vec<SocketAddr>,
    need: Need,
    transactions: Transactions<SocketAddr>,
    reflexive: Reflexive,
    /// When the next question is due.
    next: Option<Instant>,
    /// The server of each IP version that answered first: it is the nearest.
    nearest: [Option<SocketAddr>; 2],
}

impl StunClient {
    /// Without servers it asks nobody, and takes what peers tell.
    pub(in crate::link) fn new() -> StunClient {
        StunClient {
            servers: Vec::new(),
            need: Need::Idle,
            transactions: Transactions::default(),
            reflexive: Reflexive::default(),
            next: None,
            nearest: [None; 2],
        }
    }

    /// The servers to ask from now on.
    pub(in crate::link) fn set_servers(&mut self, servers: &[SocketAddr], now: Instant) {
        let mut servers = servers.to_vec();
        servers.truncate(MAX_SERVERS);
        if servers != self.servers {
            self.servers = servers;
            self.ask_all_anew(now);
        }
    }

    /// Whether others dial this host, so that its addresses must stay known and reachable.
    pub(in crate::link) fn set_serving(&mut self, serving: bool, now: Instant) {
        if serving && self.need != Need::Lasting {
            self.need = Need::Lasting;
            self.next = Some(now);
        } else if !serving && self.need == Need::Lasting {
            self.need = Need::Until(now + PASSING_NEED);
        }
    }

    /// The addresses are wanted for a while: somebody is being dialled.
    pub(in crate::link) fn touch(&mut self, now: Instant) {
        let idle = self.need == Need::Idle;
        if self.need != Need::Lasting {
            self.need = Need::Until(now + PASSING_NEED);
        }
        if idle {
            self.next = Some(now);
        }
    }

    /// This host has moved, or its NAT has: what was seen does not hold any more. `own` are the addresses
    /// of the sockets.
    pub(in crate::link) fn handle_network_change(&mut self, own: &[SocketAddr], now: Instant) {
        self.reflexive.reset(own);
        self.ask_all_anew(now);
    }

    /// Takes a datagram whose first octet is STUN's; true if the addresses to offer, or what is
    /// known of the NAT, are others now.
    pub(in crate::link) fn handle_datagram(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> bool {
        let Ok(message) = Message::decode(datagram) else { return false };
        let Some(answered) = self.transactions.handle_answer(from, &message) else { return false };
        let usable = message.class() == Class::Success
            && message.method() == Method::BINDING
            && !message.is_beyond_us();
        let mapped = message.mapped_address().filter(|_| usable);
        let Some(mapped) = mapped else { return false };
        self.nearest[usize::from(from.is_ipv6())].get_or_insert(from);
        let before = self.findings(now);
        let observer = Observer::Server(answered.purpose);
        if self.reflexive.seen_by(observer).is_some_and(|known| known != mapped) {
            // the NAT has forgotten us or is another one: what the others saw is of the past as well
            self.ask_all_anew(now);
        }
        self.reflexive.handle_observed(observer, mapped, answered.asked, now);
        self.note_change(&before, now)
    }

    /// Somebody other than a STUN server says where a datagram came from that left at `sent`; true if
    /// the addresses to offer, or what is known of the NAT, are others now.
    pub(in crate::link) fn handle_observed(
        &mut self,
        observer: Observer,
        mapped: SocketAddr,
        sent: Instant,
        now: Instant,
    ) -> bool {
        let before = self.findings(now);
        self.reflexive.handle_observed(observer, mapped, sent, now);
        self.note_change(&before, now)
    }

    /// The addresses to offer to peers.
    pub(in crate::link) fn candidates(&self, now: Instant) -> Vec<SocketAddr> {
        self.reflexive.candidates(now)
    }

    /// How the NAT of IPv4 chooses ports, as far as observers agree.
    pub(in crate::link) fn mapping(&self) -> Option<Mapping> {
        self.reflexive.mapping()
    }

    /// The servers of IPv4, those that are known to answer first.
    pub(in crate::link) fn answering(&self) -> Vec<SocketAddr> {
        let [nearest, _] = self.nearest;
        let others = self.servers.iter().copied().filter(|server| Some(*server) != nearest);
        nearest.into_iter().chain(others.filter(SocketAddr::is_ipv4)).collect()
    }

    /// Somebody wants to know the addresses.
    pub(in crate::link) fn is_needed(&self) -> bool {
        self.need != Need::Idle
    }

    /// No server has answered of late.
    pub(in crate::link) fn lacks_servers(&self) -> bool {
        self.nearest == [None; 2] && self.transactions.is_empty()
    }

    /// Asks who is due; `drbg` gives the ids of transactions. True if the addresses to offer are others
    /// now.
    pub(in crate::link) fn handle_timeout(&mut self, drbg: &mut Drbg, now: Instant) -> bool {
        while let Some(server) = self.transactions.poll_given_up(now) {
            let nearest = &mut self.nearest[usize::from(server.is_ipv6())];
            if *nearest == Some(server) {
                *nearest = None;
                self.next = Some(now); // another one may answer, or the network is gone
            }
        }
        let before = self.candidates(now);
        let expired = self.reflexive.expire(now) && before != self.candidates(now);
        if self.next.is_some_and(|next| next <= now) {
            self.next = None;
            self.ask_due(drbg, now);
        }
        expired
    }

    pub(in crate::link) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.transactions.poll_transmit(now)
    }

    pub(in crate::link) fn poll_timeout(&self) -> Option<Instant> {
        [self.transactions.poll_timeout(), self.next, self.reflexive.expires()]
            .into_iter()
            .flatten()
            .min()
    }

    fn ask_due(&mut self, drbg: &mut Drbg, now: Instant) {
        if self.need == Need::Idle || matches!(self.need, Need::Until(end) if end <= now) {
            self.need = Need::Idle;
            self.nearest = [None; 2];
            return;
        }
        let known: Vec<bool> = self.nearest.iter().map(Option::is_some).collect();
        let due = |server: &&SocketAddr| {
            let version = usize::from(server.is_ipv6());
            !known[version] || self.nearest[version] == Some(**server)
        };
        let due: Vec<SocketAddr> = self.servers.iter().filter(due).copied().collect();
        for server in due {
            if !self.transactions.purposes().any(|asked| *asked == server) {
                let request = request(drbg);
                self.transactions.start(server, request, server, Patience::STANDARD, now);
            }
        }
        self.next = Some(now + self.interval(now));
    }

    fn interval(&self, now: Instant) -> Duration {
        let natted = !self.candidates(now).is_empty();
        let unanswered = self.nearest == [None; 2] && !self.servers.is_empty();
        if natted || unanswered && self.transactions.is_empty() { KEEP_ALIVE } else { IDLE_CHECK }
    }

    /// What peers are told.
    fn findings(&self, now: Instant) -> (Vec<SocketAddr>, Option<Mapping>) {
        (self.candidates(now), self.mapping())
    }

    fn note_change(&mut self, before: &(Vec<SocketAddr>, Option<Mapping>), now: Instant) -> bool {
        let after = self.findings(now);
        if after == *before {
            return false;
        }
        if self.next.is_some() && !after.0.is_empty() {
            // from now on there is a mapping to keep
            self.next = self.next.map(|next| next.min(now + KEEP_ALIVE));
        }
        true
    }

    fn ask_all_anew(&mut self, now: Instant) {
        self.reflexive.clear();
        self.transactions.clear();
        self.nearest = [None; 2];
        self.next = (self.need != Need::Idle).then_some(now);
    }
}

fn request(drbg: &mut Drbg) -> (TransactionId, Vec<u8>) {
    let id = drbg.transaction_id();
    (id, Builder::new(Class::Request, Method::BINDING, id).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stun::message::attribute;
    use crate::runtime::clock;

    const SECOND: Duration = Duration::from_secs(1);

    /// A client, its time, and servers that answer as if they stood behind a NAT.
    struct Scene {
        client: StunClient,
        drbg: Drbg,
        now: Instant,
        mapped: Vec<(SocketAddr, SocketAddr)>,
        asked: Vec<SocketAddr>,
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    impl Scene {
        fn new(mapped: &[(&str, &str)]) -> Scene {
            let mapped: Vec<_> =
                mapped.iter().map(|(server, mapped)| (at(server), at(mapped))).collect();
            let now = clock::now();
            let mut client = StunClient::new();
            let servers: Vec<SocketAddr> = mapped.iter().map(|(server, _)| *server).collect();
            client.set_servers(&servers, now);
            Scene { client, drbg: Drbg::new([1; 32]), now, mapped, asked: Vec::new() }
        }

        /// Lets so much time pass; gives how many questions were asked.
        fn run(&mut self, time: Duration) -> usize {
            let (end, before) = (self.now + time, self.asked.len());
            loop {
                self.client.handle_timeout(&mut self.drbg, self.now);
                while let Some(Transmit { to, datagram }) = self.client.poll_transmit(self.now) {
                    self.asked.push(to);
                    let id = Message::decode(&datagram).unwrap().id();
                    let Some((_, mapped)) = self.mapped.iter().find(|(of, _)| *of == to) else {
                        continue;
                    };
                    let answer = Builder::new(Class::Success, Method::BINDING, id)
                        .xor_address(attribute::XOR_MAPPED_ADDRESS, *mapped)
                        .finish();
                    self.client.handle_datagram(to, &answer, self.now);
                }
                match self.client.poll_timeout() {
                    Some(due) if due <= end => self.now = self.now.max(due),
                    _ => break,
                }
            }
            self.now = end;
            self.asked.len() - before
        }
    }

    const A: &str = "192.0.2.1:3478";
    const B: &str = "192.0.2.2:3478";

    #[test]
    fn nobody_is_asked_until_addresses_are_needed() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:7"), (B, "11.1.0.1:7")]);
        assert_eq!(scene.run(3600 * SECOND), 0);
        scene.client.touch(scene.now);
        assert_eq!(scene.run(SECOND), 2, "every server once");
        assert_eq!(scene.client.candidates(scene.now), [at("11.1.0.1:7")]);
        let more = scene.run(3600 * SECOND);
        assert!((1..=3).contains(&more), "kept for a minute only: {more}");
    }

    #[test]
    fn while_serving_one_server_keeps_the_mapping() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:7"), (B, "11.1.0.1:7")]);
        scene.client.set_serving(true, scene.now);
        scene.run(SECOND);
        assert_eq!(scene.run(3600 * SECOND), 144, "one each 25 s");
        assert!(scene.asked[2..].iter().all(|asked| *asked == at(A)));
        assert_eq!(scene.client.candidates(scene.now), [at("11.1.0.1:7")]);
        scene.client.set_serving(false, scene.now);
        assert!(scene.run(3600 * SECOND) < 4);
    }

    #[test]
    fn it_is_news_that_a_nat_gives_out_ports_in_sequence() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:8")]);
        let rendezvous = Observer::Server(at("192.0.2.30:5050"));
        let seen = at("11.1.0.1:7");
        let (before, now) = (scene.now, scene.now + SECOND);
        assert!(scene.client.handle_observed(rendezvous, seen, now, now));
        let server = Observer::Server(at(A));
        assert!(scene.client.handle_observed(server, at("11.1.0.1:8"), before, now));
        assert_eq!(scene.client.candidates(now), [seen], "the same as before");
        let sequential = Some(Mapping::EndpointDependent { step: Some(-1) });
        assert_eq!(scene.client.mapping(), sequential);
    }

    #[test]
    fn a_host_without_nat_asks_seldom() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:7")]);
        scene.client.handle_network_change(&[at("11.1.0.1:7")], scene.now);
        scene.client.set_serving(true, scene.now);
        assert!(scene.run(3600 * SECOND) <= 13);
        assert!(scene.client.candidates(scene.now).is_empty());
    }

    #[test]
    fn a_new_address_is_noticed_and_all_are_asked_again() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:7"), (B, "11.1.0.1:7")]);
        scene.client.set_serving(true, scene.now);
        scene.run(10 * SECOND);
        for (_, mapped) in &mut scene.mapped {
            *mapped = at("11.1.0.2:9");
        }
        scene.run(30 * SECOND);
        assert_eq!(scene.client.candidates(scene.now), [at("11.1.0.2:9")]);
        assert_eq!(scene.asked.iter().filter(|asked| **asked == at(B)).count(), 2);
    }

    #[test]
    fn another_server_takes_over_when_the_nearest_is_gone() {
        let mut scene = Scene::new(&[(A, "11.1.0.1:7"), (B, "11.1.0.1:7")]);
        scene.client.set_serving(true, scene.now);
        scene.run(10 * SECOND);
        scene.mapped.remove(0);
        scene.run(120 * SECOND);
        assert_eq!(scene.client.candidates(scene.now), [at("11.1.0.1:7")]);
        scene.mapped.clear();
        scene.run(300 * SECOND);
        assert!(scene.client.candidates(scene.now).is_empty(), "nobody sees us");
    }

    #[test]
    fn answers_to_nobody_change_nothing() {
        let mut scene = Scene::new(&[]);
        scene.client.set_servers(&[at(A)], scene.now);
        scene.client.set_serving(true, scene.now);
        scene.run(SECOND);
        let forged = Builder::new(Class::Success, Method::BINDING, [0; 12])
            .xor_address(attribute::XOR_MAPPED_ADDRESS, at("203.0.113.66:53"))
            .finish();
        assert!(!scene.client.handle_datagram(at(A), &forged, scene.now));
        assert!(scene.client.candidates(scene.now).is_empty());
    }
}
