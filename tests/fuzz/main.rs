//! Mutated input for every parser that strangers or editors feed: packets, sealed packets, certificates,
//! revocation lists, contacts, authorities, rules of access, links, names and key files; what overlays answer.
//!
//! Bounded and seeded, so it runs as an ordinary test. `P2P_FUZZ_SECONDS=600` runs each parser for so
//! long from a seed that it prints; `P2P_FUZZ_SEED` repeats one. The corpus in `tests/corpus/` has a
//! folder per parser: files that begin with `ok-` are accepted, with `bad-` refused. What a run finds
//! belongs there.

mod engine;
mod overlays;
mod random;

use std::time::Duration;

use p2p::{
    identity::{
        KeyPair, Name, PublicKey, PublicKeyFile, SecretKeyFile, Seed, ShareLink, SignatureFile,
        Timestamp,
    },
    registration::{
        Packet, Registration,
        presence::{PresenceBoard, SealedPacket, Seeker},
    },
    runtime::clock,
    service::AccessRules,
    trust::{
        Authorities, Authority, Certificate, CompactCertificate, Contacts, Ledger,
        SignedRevocations,
    },
};

use engine::fuzz;
use random::{Random, mutate};

/// The domain separator of packets.
const DOMAIN: &[u8] = b"p2p registration packet v1\0";
const SIGNATURE: usize = 64;

#[test]
fn packets() {
    let accepted = fuzz("packet", 6_000, mutate_packet, |bytes| {
        let Ok(packet) = Packet::decode(bytes) else { return false };
        let registration = packet.registration();
        assert_eq!(packet.as_bytes(), bytes, "bytes are kept as they came");
        let (content, signature) = bytes.split_last_chunk::<SIGNATURE>().unwrap();
        registration.key.verify(&[DOMAIN, content].concat(), signature).unwrap();
        let Some(pair) = pairs().into_iter().find(|pair| pair.public() == registration.key) else {
            panic!("a valid signature of an unknown key: {}", registration.key)
        };
        let again = Packet::sign(registration, &pair).unwrap();
        assert_eq!(Packet::decode(again.as_bytes()).unwrap().registration(), registration);
        if !has_unknown_fields(content) {
            assert_eq!(again.as_bytes(), bytes, "there is one way to write it");
        }
        true
    });
    assert!(accepted > 100, "the mutations reach beyond the signature check: {accepted}");
}

#[test]
fn sealed_packets() {
    let (publisher, reader) = (pairs()[0].public(), &pairs()[1]);
    let seeker = Seeker::new(reader, &publisher).unwrap();
    let letters = sealed();
    let places: Vec<PublicKey> = letters.iter().map(|letter| letter.keys().public()).collect();
    let mutate = |random: &mut Random, corpus: &[Vec<u8>]| mutate_sealed(&letters, random, corpus);
    let accepted = fuzz("sealed-packet", 3_000, mutate, |bytes| {
        places.iter().any(|place| {
            let presence = seeker.open_presence(place, bytes);
            let invitation = seeker.open_invitation(place, bytes);
            if let Ok(packet) = &presence {
                assert_eq!((packet.as_bytes(), packet.registration().key), (bytes, publisher));
            }
            let is_one = presence.is_ok() || invitation.is_ok();
            if is_one {
                assert!([512, Packet::MAX_LENGTH].contains(&bytes.len()), "another length tells");
                let (content, signature) = bytes.split_last_chunk::<SIGNATURE>().unwrap();
                place.verify(&[DOMAIN, content].concat(), signature).unwrap();
            }
            is_one
        })
    });
    assert!(accepted > 100, "the mutations reach beyond the signature check: {accepted}");
}

#[test]
fn contacts() {
    let accepted = fuzz("contacts", 20_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(contacts) = Contacts::parse(text) else { return false };
        assert!(contacts.len() <= Contacts::CAPACITY);
        assert_eq!(Contacts::parse(&contacts.to_text()), Ok(contacts));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn certificates() {
    let accepted = fuzz("certificate", 20_000, mutate, |bytes| {
        let subject = pairs()[0].public();
        if let Ok(compact) = CompactCertificate::decode(bytes, subject) {
            // whatever it says, only what the authority signed is rebuilt
            return match compact.rebuild(&authority().public()) {
                Ok(signed) => {
                    assert_eq!(signed.to_compact(), bytes, "there is one way to write it");
                    true
                }
                Err(_) => false,
            };
        }
        let Ok(text) = str::from_utf8(bytes) else { return false };
        if let Ok(certificate) = Certificate::parse(text) {
            assert_eq!(certificate.to_text(), text, "there is one way to write it");
            return true;
        }
        SignatureFile::parse(text).is_ok()
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn revocations() {
    let accepted = fuzz("revocations", 20_000, mutate, |bytes| {
        if let Ok(list) = SignedRevocations::decode(bytes) {
            assert_eq!(list.to_compact(), bytes, "there is one way to write it");
            let (text, signature) = (list.to_text(), list.signature_text());
            let again = SignedRevocations::parse(&text, &signature, &[*list.key()]);
            assert_eq!(again, Ok(list));
            return true;
        }
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let (list, signature) = text.split_once("untrusted").unwrap_or((text, ""));
        let signature = format!("untrusted{signature}");
        SignedRevocations::parse(list, &signature, &[authority().public()]).is_ok()
    });
    assert!(accepted > 10, "{accepted}");
}

#[test]
fn authorities() {
    let accepted = fuzz("authorities", 20_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        if let Some(authority) = Authority::parse(text, Timestamp::default()) {
            let again = Authority::parse(&authority.to_text(), Timestamp::default());
            assert_eq!(again, Some(authority));
            return true;
        }
        let Ok(book) = Authorities::parse(text) else { return false };
        let again = Authorities::parse(&book.to_text()).unwrap();
        assert_eq!(again.to_text(), book.to_text());
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn ledgers() {
    let accepted = fuzz("ledger", 20_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(ledger) = Ledger::parse(text) else { return false };
        assert_eq!(Ledger::parse(&ledger.to_text()), Ok(ledger));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn access_rules() {
    let accepted = fuzz("access", 20_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(rules) = AccessRules::parse(text) else { return false };
        assert_eq!(AccessRules::parse(&rules.to_text()), Ok(rules));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn share_links() {
    let accepted = fuzz("share-link", 40_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(link) = ShareLink::parse(text) else { return false };
        assert!(link.overlays.len() <= ShareLink::MAX_OVERLAYS);
        let printed = link.to_string();
        assert!(printed.is_ascii() && printed.len() <= ShareLink::MAX_LENGTH);
        assert_eq!(ShareLink::parse(&printed), Ok(link));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn names() {
    let accepted = fuzz("name", 60_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(name) = Name::parse(text) else { return false };
        assert_eq!(name.as_str(), text.to_ascii_lowercase());
        assert!(name.as_str().len() <= Name::MAX_LENGTH);
        assert_eq!(Name::parse(name.as_str()), Ok(name));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn key_files() {
    let accepted = fuzz("key-file", 20_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let public = PublicKeyFile::parse(text);
        if let Ok(file) = public {
            assert_eq!(PublicKeyFile::parse(&file.to_text()), Ok(file));
        }
        // without passphrase: scrypt has its own tests and takes its time
        let secret = SecretKeyFile::parse(text, None);
        if let Ok(file) = &secret {
            let again = SecretKeyFile::parse(&file.to_text(None), None).unwrap();
            assert_eq!((again.id, again.pair.seed()), (file.id, file.pair.seed()));
        }
        public.is_ok() || secret.is_ok()
    });
    assert!(accepted > 100, "{accepted}");
}

/// The authority of the corpus.
fn authority() -> SecretKeyFile {
    SecretKeyFile::new(KeyPair::from_seed(&Seed::new([9; 32])))
}

/// The keys of the corpus.
fn pairs() -> [KeyPair; 2] {
    [1, 2].map(|seed| KeyPair::from_seed(&Seed::new([seed; 32])))
}

/// Fields from 129 on are not part of a registration.
fn has_unknown_fields(content: &[u8]) -> bool {
    let mut rest = &content[5..];
    while let [kind, high, low, after @ ..] = rest {
        if *kind > 128 {
            return true;
        }
        rest = &after[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    false
}

/// A presence and an invitation of the first key for the second, in the places of the corpus.
fn sealed() -> Vec<SealedPacket> {
    let [publisher, reader] = pairs();
    let noon = Timestamp::from_secs(20_000 * 86_400 + 43_200);
    let registration = Registration {
        name: Name::parse("alice@example.com").ok(),
        key: publisher.public(),
        sequence: noon,
        ttl: Duration::from_secs(7200),
        locators: vec!["192.0.2.1:5050".parse().unwrap()],
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    let said = Packet::sign(&registration, &publisher).unwrap();
    let mut board = PresenceBoard::new(publisher, 1);
    board.turn(noon);
    board.set_readers(&[reader.public()]);
    board.letters(0, &said, None, clock::now(), [7; 32]).unwrap().put
}

/// Changes a sealed packet, half of the time in one octet; most are signed again in a place of the corpus, which
/// is that of the packet if it still has one.
fn mutate_sealed(letters: &[SealedPacket], random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).clone();
    if random.below(2) == 0 {
        bytes = mutate(random, corpus);
    } else {
        let at = random.below(bytes.len());
        bytes[at] = random.octet();
    }
    if random.below(8) == 0 || bytes.len() < SIGNATURE {
        return bytes;
    }
    let content = &bytes[..bytes.len() - SIGNATURE];
    let is_of =
        |letter: &&SealedPacket| content.get(8..40) == Some(letter.keys().public().as_bytes());
    let letter = letters.iter().find(is_of).unwrap_or(random.pick(letters));
    [content, &letter.keys().sign(&[DOMAIN, content].concat())].concat()
}

/// Changes a packet; most are signed again, or all would fail at the signature.
fn mutate_packet(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    if random.below(8) == 0 {
        return mutate(random, corpus);
    }
    let contents: Vec<Vec<u8>> = corpus
        .iter()
        .map(|bytes| bytes[..bytes.len().saturating_sub(SIGNATURE)].to_vec())
        .collect();
    let content = match random.below(3) {
        0 => mutate(random, &contents),
        _ => mutate_fields(random, &contents),
    };
    let pair = &pairs()[random.below(8) / 7];
    [&content[..], &pair.sign(&[DOMAIN, &content].concat())].concat()
}

/// Drops, repeats, swaps, borrows and changes whole fields, whose lengths stay right.
fn mutate_fields(random: &mut Random, contents: &[Vec<u8>]) -> Vec<u8> {
    let base = random.pick(contents);
    let mut fields = fields(base);
    for _ in 0..=random.below(3) {
        let at = random.below(fields.len().max(1));
        match random.below(6) {
            0 if at < fields.len() => drop(fields.remove(at)),
            1 if at < fields.len() => fields.insert(at, fields[at].clone()),
            2 if at + 1 < fields.len() => fields.swap(at, at + 1),
            3 => {
                let donor = self::fields(random.pick::<Vec<u8>>(contents));
                if !donor.is_empty() {
                    fields.push(random.pick(&donor).clone());
                    fields.sort_by_key(|(kind, _)| *kind);
                }
            }
            4 => {
                let value = vec![random.octet(); random.below(60)];
                fields.push((random.octet() | 0x80, value));
                fields.sort_by_key(|(kind, _)| *kind);
            }
            _ if at < fields.len() && !fields[at].1.is_empty() => {
                let place = random.below(fields[at].1.len());
                fields[at].1[place] = random.octet();
            }
            _ => {}
        }
    }
    let mut content = b"p2pr\x01".to_vec();
    for (kind, value) in fields {
        content.push(kind);
        content.extend_from_slice(&(value.len() as u16).to_be_bytes());
        content.extend_from_slice(&value);
    }
    content
}

fn fields(content: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut fields = Vec::new();
    let mut rest = content.get(5..).unwrap_or_default();
    while let [kind, high, low, after @ ..] = rest {
        let length = u16::from_be_bytes([*high, *low]).into();
        let Some((value, next)) = after.split_at_checked(length) else { break };
        fields.push((*kind, value.to_vec()));
        rest = next;
    }
    fields
}
