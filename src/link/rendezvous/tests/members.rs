//! A rendezvous for whom an authority certifies.

use std::sync::Arc;

use super::*;
use crate::identity::{Name, SecretKeyFile};
use crate::trust::{
    Authorities, Authority, AuthorityName, Certificate, Contacts, Pattern, Revocations,
    SignedCertificate, SignedRevocations,
};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn authority() -> SecretKeyFile {
    SecretKeyFile::new(keys(90))
}

/// The club, which has revoked these.
fn club(revoked: &[u32]) -> Group {
    let of = AuthorityName::parse("club").unwrap();
    let mut authorities = Authorities::new();
    let (patterns, keys) =
        (vec![Pattern::parse("*@example.com").unwrap()], vec![authority().public()]);
    let since = Timestamp::from_secs(NOW);
    authorities.add(Authority { name: of.clone(), patterns, keys, since }).unwrap();
    let list = Revocations {
        authority: authority().pair.public().fingerprint(),
        number: 1,
        issued: since,
        next: None,
        serials: revoked.to_vec(),
    };
    authorities.revoke(SignedRevocations::sign(list, &authority()).unwrap()).unwrap();
    Group::Members(Members {
        of,
        authorities: Arc::new(authorities),
        contacts: Arc::new(Contacts::new()),
    })
}

fn members(revoked: &[u32]) -> Rules {
    Rules::new(club(revoked), Group::Nobody, 1_000_000)
}

fn certificate(name: &str, host: u8, serial: u32) -> Vec<u8> {
    let certificate = Certificate {
        name: Name::parse(name).unwrap(),
        key: key(host),
        from: Timestamp::from_secs(NOW),
        until: Timestamp::from_secs(NOW + 30 * DAY),
        serial,
        authority: authority().pair.public().fingerprint(),
    };
    SignedCertificate::sign(certificate, &authority()).unwrap().to_compact()
}

impl World {
    /// A world with the rendezvous of the club, at which the hosts register with these certificates.
    fn of_members(rules: Rules, certificates: &[Vec<Vec<u8>>]) -> World {
        let mut world = World::new(rules, certificates.len() as u8);
        let now = world.now;
        for (host, shown) in world.hosts.iter_mut().zip(certificates) {
            host.client.set_certificates(shown.clone(), now);
            host.client.set_own(&[node()], now);
        }
        world.run(Duration::from_secs(1));
        world
    }

    fn standing(&self, host: usize) -> Registration {
        self.hosts[host].client.registrations()[0].1
    }
}

const WELCOME_TO_MEMBERS: Registration = Registration::Accepted { carries: false, tcp: false };

#[test]
fn members_are_served_and_others_learn_why_not() {
    let good = certificate("bob@example.com", 1, 1);
    let elsewhere = certificate("bob@example.org", 4, 4);
    let mut forged = certificate("dan@example.com", 5, 5);
    forged[100] ^= 1;
    let certificates = [
        vec![vec![9; 200], good.clone()],
        vec![],
        vec![good],
        vec![elsewhere],
        vec![forged],
        vec![certificate("erin@example.com", 6, 6)],
    ];
    let world = World::of_members(members(&[6]), &certificates);
    assert_eq!(world.standing(0), WELCOME_TO_MEMBERS);
    for (host, what) in [(1, "none"), (2, "another's"), (3, "outside its names"), (4, "forged")] {
        let refused = Registration::Refused(RefusalReason::Uncertified);
        assert_eq!(world.standing(host), refused, "{what}");
        assert_eq!(world.refusals(host), [RefusalReason::Uncertified], "{what}");
    }
    assert_eq!(world.standing(5), Registration::Refused(RefusalReason::Revoked));
    assert_eq!(world.server.counts(world.now).registered, 1);
}

#[test]
fn who_is_revoked_or_whose_time_is_over_is_told_at_the_next_sign_of_life() {
    let shown = || [vec![certificate("bob@example.com", 1, 1)]];
    let mut world = World::of_members(members(&[]), &shown());
    world.server.set_rules(members(&[1]));
    world.run(KEEP_INTERVAL);
    assert_eq!(world.standing(0), Registration::Refused(RefusalReason::Revoked));
    assert_eq!(world.server.counts(world.now).registered, 0);

    for date in [NOW + 31 * DAY, NOW - DAY] {
        let mut world = World::of_members(members(&[]), &shown());
        world.date = Timestamp::from_secs(date);
        world.run(KEEP_INTERVAL);
        assert_eq!(world.standing(0), Registration::Refused(RefusalReason::Expired));
    }
}

#[test]
fn a_new_certificate_is_shown_at_once() {
    let mut world = World::of_members(members(&[1]), &[vec![certificate("bob@example.com", 1, 1)]]);
    assert_eq!(world.standing(0), Registration::Refused(RefusalReason::Revoked));
    let now = world.now;
    let renewed = vec![certificate("bob@example.com", 1, 2)];
    world.hosts[0].client.set_certificates(renewed, now);
    world.run(Duration::from_secs(1));
    assert_eq!(world.standing(0), WELCOME_TO_MEMBERS);
}

#[test]
fn after_a_restart_members_show_their_certificates_again() {
    let mut world = World::of_members(members(&[]), &[vec![certificate("bob@example.com", 1, 1)]]);
    let saved = world.server.save(world.now);
    for (rules, standing) in [
        (members(&[]), WELCOME_TO_MEMBERS),
        (members(&[1]), Registration::Refused(RefusalReason::Revoked)),
    ] {
        let now = world.now;
        world.server = Server::new(&keys(100), rules, [101; 32], now).unwrap();
        world.server.restore(&saved, now);
        world.run(KEEP_INTERVAL);
        assert_eq!(world.standing(0), standing);
    }
}
