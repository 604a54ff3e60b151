//! The decision about a name that one or several keys claim.

use std::{fmt, str::FromStr};

use super::{
    contact::{Binding, Contact},
    contacts::Contacts,
};
use crate::identity::{Name, PublicKey};

/// What a person wants done with a name that is met for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstUse {
    /// Ask before anything is sent.
    Ask,
    /// Take the key and remember it.
    Accept,
    /// Talk to known contacts only.
    Refuse,
}

impl FirstUse {
    const ALL: [FirstUse; 3] = [FirstUse::Ask, FirstUse::Accept, FirstUse::Refuse];

    /// The word for it in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            FirstUse::Ask => "ask",
            FirstUse::Accept => "accept",
            FirstUse::Refuse => "refuse",
        }
    }
}

impl fmt::Display for FirstUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FirstUse {
    type Err = ();

    fn from_str(text: &str) -> Result<FirstUse, ()> {
        FirstUse::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(())
    }
}

/// Whether a key may be taken for a name's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The name is a contact, and nothing speaks against his key.
    Known(Contact),
    /// The name is new and one key claims it.
    FirstMeeting {
        /// The key that claims the name.
        key: PublicKey,
        /// Whether to ask the person before it is used, and remembered as [`Binding::FirstUse`].
        ask: bool,
    },
    /// Other keys claim the name than the one that is known, or several claim a new name. None of
    /// them may be used.
    Conflict {
        /// The contact whose key is not among the claimed ones.
        known: Option<Contact>,
        /// The keys that claim the name.
        claimed: Vec<PublicKey>,
    },
    /// The name is new, a key claims it, and strangers are not wanted.
    Refused(PublicKey),
    /// The name is new and no key claims it.
    Unknown,
}

/// Decides whose key a name's is, from what the person knows and which keys claim the name.
///
/// A known key is never exchanged for a claimed one, however many claim it. When the known key is
/// among the claimed ones, the others do not count: anybody can claim.
pub fn decide(
    name: &Name,
    contacts: &Contacts,
    claimed: &[PublicKey],
    policy: FirstUse,
) -> Decision {
    let mut claimed = claimed.to_vec();
    claimed.sort();
    claimed.dedup();
    match (contacts.get(name).cloned(), &claimed[..]) {
        (Some(known), keys) if keys.is_empty() || keys.contains(&known.key) => {
            Decision::Known(known)
        }
        (Some(known), _) => Decision::Conflict { known: Some(known), claimed },
        (None, []) => Decision::Unknown,
        (None, [key]) => match policy {
            FirstUse::Ask => Decision::FirstMeeting { key: *key, ask: true },
            FirstUse::Accept => Decision::FirstMeeting { key: *key, ask: false },
            FirstUse::Refuse => Decision::Refused(*key),
        },
        (None, _) => Decision::Conflict { known: None, claimed },
    }
}

impl Decision {
    /// The key that may be used without asking anybody.
    pub fn usable_key(&self) -> Option<PublicKey> {
        match self {
            Decision::Known(contact) => Some(contact.key),
            Decision::FirstMeeting { key, ask: false } => Some(*key),
            _ => None,
        }
    }

    /// The reason for the decision about `name`, in one sentence without a period.
    pub fn reason(&self, name: &Name) -> String {
        match self {
            Decision::Known(contact) => {
                let (key, since) = (contact.key.fingerprint(), contact.since.to_date_time());
                let ground = ground(contact.binding);
                format!("{name} is a contact since {since}: {ground} {key}")
            }
            Decision::FirstMeeting { key, ask: true } => {
                let key = key.fingerprint();
                format!("{name} is new here and has key {key}; compare it before you accept it")
            }
            Decision::FirstMeeting { key, ask: false } => {
                format!("{name} is new here; key {} is accepted on first use", key.fingerprint())
            }
            Decision::Conflict { known: Some(contact), claimed } => {
                let (known, claimed) = (contact.key.fingerprint(), list(claimed));
                format!(
                    "{name} is known with key {known}, but the name is now claimed by {claimed}"
                )
            }
            Decision::Conflict { known: None, claimed } => {
                let count = claimed.len();
                format!("{name} is new here and {count} keys claim the name: {}", list(claimed))
            }
            Decision::Refused(key) => {
                let key = key.fingerprint();
                format!("{name} is no contact, and strangers are refused; the key is {key}")
            }
            Decision::Unknown => format!("{name} is no contact, and no key claims the name"),
        }
    }
}

fn ground(binding: Binding) -> &'static str {
    match binding {
        Binding::Pinned => "you pinned key",
        Binding::Certified => "an authority you trust certified key",
        Binding::Domain => "the domain's web site vouched for key",
        Binding::FirstUse => "the first key to claim the name was",
    }
}

fn list(keys: &[PublicKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key.fingerprint().to_string()).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;
    use crate::identity::Timestamp;

    fn key(n: u8) -> PublicKey {
        PublicKey([n; 32])
    }

    fn alice() -> Name {
        Name::parse("alice@example.com").unwrap()
    }

    fn book(known: Option<(u8, Binding)>) -> Contacts {
        let mut contacts = Contacts::new();
        let since = Timestamp::from_secs(1_795_332_318);
        let bob = Name::parse("bob@example.com").unwrap();
        let entries = known.map(|(n, binding)| (alice(), n, binding));
        for (name, n, binding) in entries.into_iter().chain([(bob, 9, Binding::Pinned)]) {
            contacts.add(Contact { name, key: key(n), binding, since }).unwrap();
        }
        contacts
    }

    fn about_alice(known: Option<u8>, claimed: &[u8], policy: FirstUse) -> Decision {
        let claimed: Vec<PublicKey> = claimed.iter().copied().map(key).collect();
        decide(&alice(), &book(known.map(|n| (n, Binding::Pinned))), &claimed, policy)
    }

    #[test]
    fn a_contact_is_known_while_his_key_is_among_the_claimed() {
        for claimed in [&[1][..], &[2, 1, 3], &[]] {
            let decision = about_alice(Some(1), claimed, FirstUse::Refuse);
            assert_eq!(decision.usable_key(), Some(key(1)), "{claimed:?}");
            assert!(matches!(decision, Decision::Known(_)));
        }
    }

    #[test]
    fn a_changed_key_is_a_conflict_under_every_policy() {
        for policy in FirstUse::ALL {
            let decision = about_alice(Some(1), &[2], policy);
            let Decision::Conflict { known: Some(known), claimed } = &decision else {
                panic!("{decision:?}")
            };
            assert_eq!((known.key, &claimed[..]), (key(1), &[key(2)][..]));
            assert_eq!(decision.usable_key(), None);
        }
    }

    #[test]
    fn policies_have_words() {
        for policy in FirstUse::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!("always".parse::<FirstUse>(), Err(()));
    }

    #[test]
    fn a_stranger_is_met_as_the_person_wishes() {
        let met = |policy| about_alice(None, &[1, 1], policy);
        assert_eq!(met(FirstUse::Ask), Decision::FirstMeeting { key: key(1), ask: true });
        assert_eq!(met(FirstUse::Accept), Decision::FirstMeeting { key: key(1), ask: false });
        assert_eq!(met(FirstUse::Refuse), Decision::Refused(key(1)));
        assert_eq!(about_alice(None, &[], FirstUse::Accept), Decision::Unknown);
    }

    #[test]
    fn several_keys_for_a_new_name_are_a_conflict() {
        let claimed = vec![key(1), key(2)];
        for policy in FirstUse::ALL {
            let decision = about_alice(None, &[2, 1, 2], policy);
            assert_eq!(decision, Decision::Conflict { known: None, claimed: claimed.clone() });
        }
    }

    #[test]
    fn every_decision_says_why() {
        let reason = |decision: Decision| decision.reason(&alice());
        let [one, two, three] = [1, 2, 3].map(|n| key(n).fingerprint());
        assert_eq!(
            reason(about_alice(Some(1), &[1], FirstUse::Ask)),
            format!(
                "alice@example.com is a contact since 2026-11-22T07:25:18Z: you pinned key {one}"
            )
        );
        assert_eq!(
            reason(about_alice(Some(1), &[2, 3], FirstUse::Ask)),
            format!(
                "alice@example.com is known with key {one}, but the name is now claimed by {two}, {three}"
            )
        );
        assert_eq!(
            reason(about_alice(None, &[1, 2], FirstUse::Ask)),
            format!("alice@example.com is new here and 2 keys claim the name: {one}, {two}")
        );
        assert_eq!(
            reason(about_alice(None, &[1], FirstUse::Accept)),
            format!("alice@example.com is new here; key {one} is accepted on first use")
        );
        assert_eq!(
            reason(about_alice(None, &[1], FirstUse::Ask)),
            format!(
                "alice@example.com is new here and has key {one}; compare it before you accept it"
            )
        );
        assert_eq!(
            reason(about_alice(None, &[1], FirstUse::Refuse)),
            format!("alice@example.com is no contact, and strangers are refused; the key is {one}")
        );
        assert_eq!(
            reason(about_alice(None, &[], FirstUse::Refuse)),
            "alice@example.com is no contact, and no key claims the name"
        );
    }

    proptest! {
        #[test]
        fn no_claim_ever_makes_another_key_usable(
            known in option::of((0..4_u8, select(&Binding::ALL[..]))),
            claimed in vec(0..4_u8, 0..5),
            policy in select(&FirstUse::ALL[..]),
        ) {
            let keys: Vec<PublicKey> = claimed.iter().copied().map(key).collect();
            let decision = decide(&alice(), &book(known), &keys, policy);
            match (decision.usable_key(), known) {
                (Some(used), Some((n, _))) => prop_assert_eq!(used, key(n)),
                (Some(used), None) => {
                    prop_assert!(keys.iter().all(|key| *key == used));
                    prop_assert_eq!(policy, FirstUse::Accept);
                }
                (None, _) => {}
            }
            let reason = decision.reason(&alice());
            prop_assert!(reason.starts_with("alice@example.com is ") && !reason.ends_with('.'));
        }
    }
}
