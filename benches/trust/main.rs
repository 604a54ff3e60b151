//! What a decision costs with a large book: 10,000 contacts, 100 authorities, every one with a revocation list.
//!
//! `cargo bench --bench trust` prints the time of each step and fails where a decision takes over 100 µs.

use std::{hint::black_box, time::Duration};

use p2p::identity::{KeyPair, Name, PublicKey, SecretKeyFile, Seed, Timestamp};
use p2p::runtime::clock;
use p2p::trust::{
    AccessList, Authorities, Authority, AuthorityName, Binding, Certificate, Claim, Contact,
    Contacts, FirstUse, Knowledge, Pattern, Revocations, SignedCertificate, SignedRevocations,
    decide, recognise,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_332_318);
const CONTACTS: usize = 10_000;
const AUTHORITIES: usize = 100;
/// What a decision may take.
const LIMIT: Duration = Duration::from_micros(100);

fn key(number: usize) -> SecretKeyFile {
    let mut seed = Seed::new([7; 32]);
    seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
    SecretKeyFile::new(KeyPair::from_seed(&seed))
}

fn name(number: usize) -> Name {
    Name::parse(&format!("u{number}@d{}.example.com", number % AUTHORITIES)).unwrap()
}

fn contacts() -> Contacts {
    let mut contacts = Contacts::new();
    for number in 0..CONTACTS {
        let key = PublicKey(*key(number).pair.public().as_bytes());
        let binding = Binding::ALL[number % 4];
        contacts.add(Contact { name: name(number), key, binding, since: NOW }).unwrap();
    }
    contacts
}

fn authorities() -> Authorities {
    let mut authorities = Authorities::new();
    for number in 0..AUTHORITIES {
        let key = key(1_000_000 + number);
        let authority = Authority {
            name: AuthorityName::parse(&format!("a{number}")).unwrap(),
            patterns: vec![Pattern::parse(&format!("d{number}.example.com")).unwrap()],
            keys: vec![key.public()],
            since: NOW,
        };
        authorities.add(authority).unwrap();
        let list = Revocations {
            authority: key.pair.public().fingerprint(),
            number: 1,
            issued: NOW,
            next: None,
            serials: (0..500).map(|n| n * 2).collect(),
        };
        authorities.revoke(SignedRevocations::sign(list, &key).unwrap()).unwrap();
    }
    authorities
}

fn certificate(number: usize) -> Vec<u8> {
    let certificate = Certificate {
        name: name(number),
        key: key(number).pair.public(),
        from: NOW.saturating_sub(Duration::from_secs(60)),
        until: NOW.saturating_add(Duration::from_secs(86_400)),
        serial: 77,
        authority: key(0).pair.public().fingerprint(),
    };
    let authority = key(1_000_000 + number % AUTHORITIES);
    SignedCertificate::sign(certificate, &authority).unwrap().to_compact()
}

/// The mean time of a step, after a warm-up.
fn measure(what: &str, rounds: u32, mut step: impl FnMut(u32)) -> Duration {
    (0..rounds / 10).for_each(&mut step);
    let start = clock::now();
    (0..rounds).for_each(&mut step);
    let mean = (clock::now() - start) / rounds;
    println!("{what:<44} {:>9.2} µs", mean.as_secs_f64() * 1e6);
    mean
}

fn main() {
    let (contacts, authorities) = (contacts(), authorities());
    let knowledge = Knowledge {
        contacts: &contacts,
        authorities: &authorities,
        vouched: None,
        first_use: FirstUse::Ask,
        now: NOW,
    };
    let compacts: Vec<Vec<u8>> = (0..64).map(|n| certificate(n * 150)).collect();
    let claim = |number: usize, compact: &[Vec<u8>]| {
        let key = key(number).pair.public();
        Claim { key, shown: authorities.read(&key, compact), sources: vec!["lan".into()] }
    };
    let known: Vec<[Claim; 1]> = (0..64).map(|n| [claim(n * 150, &compacts[n..=n])]).collect();
    let strangers: Vec<Vec<Claim>> =
        (0..64).map(|n| (0..16).map(|k| claim(20_000 + n * 16 + k, &[])).collect()).collect();
    let stranger = Name::parse("stranger@example.org").unwrap();

    println!("{CONTACTS} contacts, {AUTHORITIES} authorities with 500 revocations each\n");
    let decisions = [
        measure("decision about a certified contact", 20_000, |round| {
            let at = round as usize % 64;
            black_box(decide(&name(at * 150), &known[at], knowledge));
        }),
        measure("decision about a name that 16 keys claim", 20_000, |round| {
            black_box(decide(&stranger, &strangers[round as usize % 64], knowledge));
        }),
    ];
    measure("reading a certificate, two signatures", 2_000, |round| {
        let at = round as usize % 64;
        let key = known[at][0].key;
        black_box(authorities.read(&key, &compacts[at..=at]));
    });
    let list = AccessList::parse("contacts,*@d7.example.com,authority:a9").unwrap();
    measure("admitting a visitor without certificate", 20_000, |round| {
        let key = known[round as usize % 64][0].key;
        black_box(list.admits(&recognise(key, &[], &contacts, &authorities, NOW)));
    });
    measure("admitting a visitor with a certificate", 2_000, |round| {
        let at = round as usize % 64;
        let key = known[at][0].key;
        let shown = authorities.read(&key, &compacts[at..=at]);
        let visitor = recognise(key, &shown, &contacts, &authorities, NOW);
        black_box(list.admits(&visitor));
    });
    assert!(decisions.iter().all(|mean| *mean < LIMIT), "a decision takes over {LIMIT:?}");
}
