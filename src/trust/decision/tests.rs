use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::identity::{KeyPair, SecretKeyFile, Seed};
use crate::trust::{Authority, AuthorityName, Certificate, Pattern, SignedCertificate};

fn pair(seed: u8) -> SecretKeyFile {
    SecretKeyFile::new(KeyPair::from_seed(&Seed::new([seed; 32])))
}

fn key(n: u8) -> PublicKey {
    pair(n + 1).pair.public()
}

fn alice() -> Name {
    Name::parse("alice@example.com").unwrap()
}

const NOW: Timestamp = Timestamp::from_secs(1_795_332_318);
const CLUB: u8 = 101;
const RIVAL: u8 = 102;

fn authorities() -> Authorities {
    let mut authorities = Authorities::new();
    for (name, seed, pattern) in
        [("club", CLUB, "example.com"), ("rival", RIVAL, "any-name"), ("far", 103, "example.org")]
    {
        let authority = Authority {
            name: AuthorityName::parse(name).unwrap(),
            patterns: vec![Pattern::parse(pattern).unwrap()],
            keys: vec![pair(seed).public()],
            since: NOW,
        };
        authorities.add(authority).unwrap();
    }
    authorities
}

/// The compact certificate of an authority about a name and a key; days from now.
fn certificate(authority: u8, name: &str, subject: PublicKey, from: i64, until: i64) -> Vec<u8> {
    let day = |days: i64| {
        let away = Duration::from_secs(days.unsigned_abs() * 86_400);
        if days < 0 { NOW.saturating_sub(away) } else { NOW.saturating_add(away) }
    };
    let certificate = Certificate {
        name: Name::parse(name).unwrap(),
        key: subject,
        from: day(from),
        until: day(until),
        serial: 7,
        authority: subject.fingerprint(),
    };
    SignedCertificate::sign(certificate, &pair(authority)).unwrap().to_compact()
}

/// A claim of alice's name with a certificate.
fn certified(n: u8, certificates: &[Vec<u8>]) -> Claim {
    let shown = authorities().read(&key(n), certificates);
    Claim { key: key(n), shown, sources: vec![format!("store {n}")] }
}

fn bare(n: u8) -> Claim {
    certified(n, &[])
}

fn book(known: Option<(u8, Binding)>) -> Contacts {
    let mut contacts = Contacts::new();
    let bob = Name::parse("bob@example.com").unwrap();
    let entries = known.map(|(n, binding)| (alice(), n, binding));
    for (name, n, binding) in entries.into_iter().chain([(bob, 9, Binding::Pinned)]) {
        contacts.add(Contact { name, key: key(n), binding, since: NOW }).unwrap();
    }
    contacts
}

fn decide_with(
    known: Option<(u8, Binding)>,
    claims: &[Claim],
    vouched: Option<u8>,
    first_use: FirstUse,
) -> Decision {
    let (contacts, authorities) = (book(known), authorities());
    let vouched = vouched.map(key);
    let knowledge =
        Knowledge { contacts: &contacts, authorities: &authorities, vouched, first_use, now: NOW };
    decide(&alice(), claims, knowledge)
}

fn about_alice(known: Option<u8>, claimed: &[u8], policy: FirstUse) -> Decision {
    let claims: Vec<Claim> = claimed.iter().copied().map(bare).collect();
    decide_with(known.map(|n| (n, Binding::Pinned)), &claims, None, policy)
}

fn good(n: u8) -> Vec<Vec<u8>> {
    vec![certificate(CLUB, "alice@example.com", key(n), -1, 30)]
}

#[test]
fn a_contact_is_known_while_his_key_is_among_the_claimed() {
    for claimed in [&[1][..], &[2, 1, 3], &[]] {
        let decision = about_alice(Some(1), claimed, FirstUse::Refuse);
        assert_eq!(decision.usable_key(), Some(key(1)), "{claimed:?}");
        assert!(matches!(decision, Decision::Known { is_new: false, .. }));
    }
}

#[test]
fn a_changed_key_is_a_conflict_whoever_vouches_for_the_new_one() {
    for policy in FirstUse::ALL {
        for binding in Binding::ALL {
            for claim in [bare(2), certified(2, &good(2))] {
                let decision = decide_with(Some((1, binding)), &[claim], Some(2), policy);
                let Decision::Conflict { known: Some(known), claimed } = &decision else {
                    panic!("{decision:?}")
                };
                assert_eq!((known.key, claimed[0].key), (key(1), key(2)));
                assert_eq!(decision.usable_key(), None);
            }
        }
    }
}

#[test]
fn a_stranger_is_met_as_the_person_wishes() {
    let met = |policy| about_alice(None, &[1, 1], policy);
    assert_eq!(met(FirstUse::Ask), Decision::FirstMeeting { key: key(1), ask: true });
    assert_eq!(met(FirstUse::Accept), Decision::FirstMeeting { key: key(1), ask: false });
    let refused = Decision::Refused { key: key(1), why: Refused::Stranger };
    assert_eq!(met(FirstUse::Refuse), refused);
    assert_eq!(about_alice(None, &[], FirstUse::Accept), Decision::Unknown);
}

#[test]
fn several_keys_for_a_new_name_are_a_conflict_with_their_sources() {
    for policy in FirstUse::ALL {
        let decision = about_alice(None, &[2, 1, 2], policy);
        let Decision::Conflict { known: None, claimed } = decision else { panic!("{decision:?}") };
        let sources = |n| claimed.iter().find(|c| c.key == key(n)).unwrap().sources.len();
        assert_eq!((claimed.len(), sources(1), sources(2)), (2, 1, 2));
    }
}

#[test]
fn grounds_have_an_order() {
    let refuse = FirstUse::Refuse;
    // a certificate beats squatters and the domain
    let claims = [bare(1), certified(2, &good(2)), bare(3)];
    let decision = decide_with(None, &claims, Some(1), refuse);
    assert_eq!(decision.usable_key(), Some(key(2)));
    let Decision::Known { contact, is_new: true, .. } = decision else { panic!("{decision:?}") };
    assert_eq!(contact.binding, Binding::Certified);
    // the domain beats squatters
    let decision = decide_with(None, &[bare(1), bare(3)], Some(3), refuse);
    let Decision::Known { contact, ground: Ground::Domain, is_new: true } = decision else {
        panic!("{decision:?}")
    };
    assert_eq!((contact.key, contact.binding), (key(3), Binding::Domain));
    // nobody claims what the domain vouches for
    assert!(matches!(decide_with(None, &[bare(1)], Some(3), refuse), Decision::Refused { .. }));
    // two authorities that disagree
    let rival = certificate(RIVAL, "alice@example.com", key(1), -1, 30);
    let claims = [certified(1, &[rival]), certified(2, &good(2))];
    let decision = decide_with(None, &claims, None, refuse);
    assert!(matches!(decision, Decision::Conflict { known: None, .. }), "{decision:?}");
}

#[test]
fn a_certificate_that_does_not_count_is_refused_in_its_own_words() {
    let name = "alice@example.com";
    let mut changed = certificate(CLUB, name, key(1), -1, 30);
    changed[40] ^= 1; // in the signature
    let mut comment = certificate(CLUB, name, key(1), -1, 30);
    comment[105] ^= 1; // in the signature of the trusted comment
    let mut malleable = certificate(CLUB, name, key(1), -1, 30);
    malleable[100] |= 0xe0; // the last octet of the scalar: beyond the order of the group
    for (compact, words) in [
        (malleable, "its signature was rewritten by somebody else"),
        (certificate(CLUB, name, key(1), -9, -2), "the certificate of club expired 2 days ago"),
        (certificate(CLUB, name, key(1), 3, 9), "the certificate of club begins to hold in 3 days"),
        (certificate(CLUB, "bob@example.com", key(1), -1, 9), "of club is about bob@example.com"),
        (
            certificate(103, name, key(1), -1, 9),
            "the authority far is trusted for *@example.org only",
        ),
        (certificate(CLUB, name, key(2), -1, 9), "it was made for another key"),
        (changed, "its text is not the one that was signed"),
        (comment, "its trusted comment is not the one that was signed"),
    ] {
        let claim = [certified(1, &[compact])];
        for vouched in [None, Some(1)] {
            let decision = decide_with(None, &claim, vouched, FirstUse::Accept);
            let reason = decision.reason(&alice());
            assert!(reason.contains(words), "{reason}");
            assert_eq!(decision.usable_key(), None, "{words}");
        }
        // who was certified before is refused too, others are known by themselves
        let certified = decide_with(Some((1, Binding::Certified)), &claim, None, FirstUse::Accept);
        assert_eq!(certified.usable_key(), None, "{words}");
        let met = decide_with(Some((1, Binding::FirstUse)), &claim, None, FirstUse::Refuse);
        assert_eq!(met.usable_key(), Some(key(1)), "{words}");
    }
}

#[test]
fn a_revoked_key_is_refused_unless_pinned() {
    let mut authorities = authorities();
    let list = crate::trust::Revocations {
        authority: key(1).fingerprint(),
        number: 4,
        issued: NOW,
        next: None,
        serials: vec![7],
    };
    let list = crate::trust::SignedRevocations::sign(list, &pair(CLUB)).unwrap();
    authorities.revoke(list.clone()).unwrap();
    let replayed = authorities.revoke(list).unwrap_err();
    assert_eq!(replayed.to_string(), "the revocation list has number 4, and number 4 is known");
    let claim = [certified(1, &good(1))];
    for (binding, usable) in [
        (None, false),
        (Some(Binding::Pinned), true),
        (Some(Binding::Certified), false),
        (Some(Binding::Domain), false),
        (Some(Binding::FirstUse), false),
    ] {
        let contacts = book(binding.map(|binding| (1, binding)));
        let knowledge = Knowledge {
            contacts: &contacts,
            authorities: &authorities,
            vouched: None,
            first_use: FirstUse::Accept,
            now: NOW,
        };
        let decision = decide(&alice(), &claim, knowledge);
        assert_eq!(decision.usable_key().is_some(), usable, "{binding:?}");
        let reason = decision.reason(&alice());
        let words = "club has revoked the certificate (serial 7, list 4)";
        assert_eq!(reason.contains(words), !usable, "{reason}");
    }
}

#[test]
fn a_contact_is_followed_to_the_announced_key() {
    for (binding, claims) in [
        (Binding::Pinned, vec![bare(2)]),
        (Binding::FirstUse, vec![bare(3), bare(2)]),
        (Binding::Certified, vec![bare(1), bare(2)]),
    ] {
        let mut contacts = book(Some((1, binding)));
        contacts.note_successor(&alice(), crate::trust::Successor::of(&key(2)));
        let authorities = authorities();
        let knowledge = Knowledge {
            contacts: &contacts,
            authorities: &authorities,
            vouched: None,
            first_use: FirstUse::Refuse,
            now: NOW,
        };
        let decision = decide(&alice(), &claims, knowledge);
        assert_eq!(decision.usable_key(), Some(key(2)));
        let reason = decision.reason(&alice());
        assert!(reason.contains(" was announced to be followed by "), "{reason}");
        let other = decide(&alice(), &[bare(3)], knowledge);
        assert!(matches!(other, Decision::Conflict { .. }), "{other:?}");
    }
}

#[test]
fn clocks_may_differ_a_little() {
    for (shift, counts) in [(-400_i64, false), (-200, true), (0, true), (200, true), (400, false)] {
        let from = NOW.saturating_sub(Duration::from_secs(1_000));
        let at =
            |seconds: i64| Timestamp::from_secs(NOW.as_secs().checked_add_signed(seconds).unwrap());
        let certificate = Certificate {
            name: alice(),
            key: key(1),
            from,
            until: NOW,
            serial: 1,
            authority: key(1).fingerprint(),
        };
        let certificate = SignedCertificate::sign(certificate, &pair(CLUB)).unwrap().to_compact();
        let authorities = authorities();
        let shown = &authorities.read(&key(1), &[certificate])[0];
        let now = if shift < 0 { at(shift - 1_000) } else { at(shift) };
        assert_eq!(authorities.judge(shown, &alice(), now).is_ok(), counts, "{shift}");
    }
}

#[test]
fn an_authority_of_small_order_certifies_nobody() {
    // the neutral element: lenient verifiers take (R = S·B) for a signature of anything
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let weak = crate::identity::PublicKeyFile::new(PublicKey(neutral));
    let authority = Authority {
        name: AuthorityName::parse("weak").unwrap(),
        patterns: vec![Pattern::AnyName],
        keys: vec![weak],
        since: NOW,
    };
    let mut authorities = Authorities::new();
    authorities.add(authority).unwrap();
    let mut compact = certificate(CLUB, "alice@example.com", key(1), -1, 30);
    compact[1..9].copy_from_slice(&weak.id.0);
    for signature in [37..101, 101..165] {
        compact[signature.clone()].fill(0);
        compact[signature.start] = 1;
    }
    let decision = Knowledge {
        contacts: &book(None),
        authorities: &authorities,
        vouched: None,
        first_use: FirstUse::Accept,
        now: NOW,
    };
    let shown = authorities.read(&key(1), &[compact]);
    let claim = Claim { key: key(1), shown, sources: Vec::new() };
    let decision = decide(&alice(), &[claim], decision);
    assert_eq!(decision.usable_key(), None);
    let reason = decision.reason(&alice());
    assert!(reason.contains("its key is one that anybody signs with"), "{reason}");
}

#[test]
fn certificates_of_nobody_known_say_nothing() {
    let foreign = certificate(120, "alice@example.com", key(1), -1, 9);
    let claim = certified(1, &[foreign, b"?".to_vec()]);
    assert_eq!(claim.shown, []);
    let decision = decide_with(None, &[claim], None, FirstUse::Accept);
    assert_eq!(decision, Decision::FirstMeeting { key: key(1), ask: false });
}

#[test]
fn every_decision_says_why() {
    let reason = |decision: Decision| decision.reason(&alice());
    let [one, two] = [1, 2].map(|n| key(n).fingerprint());
    for (decision, words) in [
        (
            about_alice(Some(1), &[1], FirstUse::Ask),
            format!(
                "alice@example.com is a contact since 2026-11-22T07:25:18Z: you pinned key {one}"
            ),
        ),
        (
            about_alice(Some(1), &[2], FirstUse::Ask),
            format!(
                "alice@example.com is known with key {one}, but the name is now claimed by {two} \
                 (from store 2)"
            ),
        ),
        (
            about_alice(None, &[1], FirstUse::Accept),
            format!("alice@example.com is new here; key {one} is accepted on first use"),
        ),
        (
            about_alice(None, &[1], FirstUse::Ask),
            format!(
                "alice@example.com is new here and has key {one}; compare it before you accept it"
            ),
        ),
        (
            about_alice(None, &[1], FirstUse::Refuse),
            format!("alice@example.com is no contact, and strangers are refused; the key is {one}"),
        ),
        (
            about_alice(None, &[], FirstUse::Refuse),
            "alice@example.com is no contact, and no key claims the name".into(),
        ),
        (
            decide_with(None, &[certified(1, &good(1))], None, FirstUse::Ask),
            format!(
                "alice@example.com is new here: the authority club certifies until \
                 2026-12-22T07:25:18Z key {one}"
            ),
        ),
        (
            decide_with(Some((1, Binding::Certified)), &[bare(1)], None, FirstUse::Ask),
            format!(
                "alice@example.com has key {one}, which was certified when you met and no authority \
                 that you trust certifies it now"
            ),
        ),
    ] {
        assert_eq!(reason(decision), words);
    }
    let several = reason(about_alice(None, &[1, 2], FirstUse::Ask));
    assert!(several.starts_with("alice@example.com is new here and 2 keys claim the name: "));
}

proptest! {
    #[test]
    fn no_claim_ever_makes_another_key_usable(
        known in option::of((0..4_u8, select(&Binding::ALL[..]))),
        claimed in vec((0..4_u8, any::<bool>()), 0..5),
        vouched in option::of(0..4_u8),
        policy in select(&FirstUse::ALL[..]),
    ) {
        let claims: Vec<Claim> = claimed
            .iter()
            .map(|(n, has)| if *has { certified(*n, &good(*n)) } else { bare(*n) })
            .collect();
        let decision = decide_with(known, &claims, vouched, policy);
        match (decision.usable_key(), known) {
            (Some(used), Some((n, _))) => prop_assert_eq!(used, key(n)),
            (Some(used), None) => prop_assert!(claims.iter().any(|claim| claim.key == used)),
            (None, _) => {}
        }
        let reason = decision.reason(&alice());
        prop_assert!(reason.starts_with("alice@example.com ") && !reason.ends_with('.'));
    }
}
