//! What the book takes, keeps and refuses.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::trust::Binding;

fn contact(user: &str, key: u8, binding: Binding) -> Contact {
    Contact {
        name: Name::parse(&format!("{user}@example.com")).unwrap(),
        key: PublicKey([key; 32]),
        binding,
        since: Timestamp::from_secs(1_800_000_000),
    }
}

#[test]
fn a_changed_key_is_never_taken_silently() {
    let mut contacts = Contacts::new();
    let known = contact("alice", 1, Binding::FirstUse);
    contacts.add(known.clone()).unwrap();
    let other = contact("alice", 2, Binding::Pinned);
    let error = contacts.add(other.clone()).unwrap_err();
    let change = KeyChanged { known: known.clone(), claimed: other.key };
    assert_eq!(error, ContactsError::KeyChanged(Box::new(change)));
    assert_eq!(contacts.get(&known.name), Some(&known));
    contacts.replace(other.clone()).unwrap();
    assert_eq!(contacts.get(&known.name), Some(&other), "an explicit word may");
}

#[test]
fn a_binding_only_gets_stronger() {
    let mut contacts = Contacts::new();
    let bindings = [Binding::Domain, Binding::FirstUse, Binding::Pinned, Binding::Certified];
    for binding in bindings {
        contacts.add(contact("alice", 1, binding)).unwrap();
    }
    assert_eq!(contacts.iter().map(|c| c.binding).collect::<Vec<_>>(), [Binding::Pinned]);
    let removed = contacts.remove(&contact("alice", 1, Binding::Pinned).name);
    assert!(removed.is_some() && contacts.is_empty());
}

#[test]
fn a_contact_is_followed_to_the_key_it_named_first() {
    let mut contacts = Contacts::new();
    let alice = contact("alice", 1, Binding::Pinned);
    contacts.add(alice.clone()).unwrap();
    let [next, thief] = [2, 3].map(|n| PublicKey([n; 32]));
    assert!(contacts.note_successor(&alice.name, Successor::of(&next)));
    assert!(!contacts.note_successor(&alice.name, Successor::of(&thief)), "the first counts");
    contacts.add(contact("alice", 1, Binding::Pinned)).unwrap();
    assert_eq!(Contacts::parse(&contacts.to_text()), Ok(contacts.clone()));
    assert!(!contacts.succeed(&alice.name, thief));
    assert!(contacts.succeed(&alice.name, next));
    let followed = contacts.get(&alice.name).unwrap();
    assert_eq!((followed.key, followed.binding), (next, Binding::Pinned));
    assert_eq!(contacts.successor_of(&alice.name), None);
    assert_eq!(contacts.with_key(&alice.key).count(), 0);
}

#[test]
fn one_key_may_have_several_names() {
    let mut contacts = Contacts::new();
    for (user, key) in [("zoe", 1), ("alice", 1), ("bob", 2)] {
        contacts.add(contact(user, key, Binding::Pinned)).unwrap();
    }
    let of_one: Vec<&str> = contacts.with_key(&PublicKey([1; 32])).map(|c| c.name.user()).collect();
    assert_eq!(of_one, ["alice", "zoe"]);
}

#[test]
fn the_book_is_bounded() {
    let mut contacts = Contacts::new();
    for number in 0..Contacts::CAPACITY {
        contacts.add(contact(&format!("u{number}"), 1, Binding::FirstUse)).unwrap();
    }
    let more = contact("more", 1, Binding::FirstUse);
    assert_eq!(contacts.add(more), Err(ContactsError::Full));
    contacts.add(contact("u7", 1, Binding::Pinned)).unwrap();
    assert!(Contacts::parse(&contacts.to_text()).is_ok_and(|read| read == contacts));
    let text = format!("{}{}", contacts.to_text(), "# more\n".repeat(1_000_000));
    assert!(Contacts::parse(&text) == Err(ContactsError::Full));
}

#[test]
fn people_may_edit_the_text() {
    let key = PublicKey([1; 32]);
    let text = format!(
        "# friends\n\n  \nBob@Example.com   {} \tpinned 2026-11-22T07:25:18Z\r\n",
        key.to_string().to_uppercase()
    );
    let contacts = Contacts::parse(&text).unwrap();
    let written = contacts.to_text();
    let bob = format!("bob@example.com {key} pinned 2026-11-22T07:25:18Z\n");
    assert_eq!(written, format!("# name  key  binding  since\n{bob}"));
    assert_eq!(Contacts::parse("").unwrap(), Contacts::new());
}

#[test]
fn says_which_line_is_wrong_and_why() {
    let key = PublicKey([1; 32]).to_string();
    let date = "2026-11-22T07:25:18Z";
    let good = format!("bob@example.com {key} pinned {date}");
    for (line, what) in [
        ("alice".to_owned(), LineError::Fields),
        (format!("{good} more"), LineError::Fields),
        (format!("alice {key} pinned {date}"), LineError::Name(NameError::NoAt)),
        (format!("alice@example.com {}x pinned {date}", &key), LineError::Key),
        (format!("alice@example.com {key} trusted {date}"), LineError::Binding),
        (format!("alice@example.com {key} pinned 2026-11-22"), LineError::Since),
        (good.clone(), LineError::Repeated),
    ] {
        let error = Contacts::parse(&format!("{good}\n\n{line}\n")).unwrap_err();
        assert_eq!(error, ContactsError::Line { number: 3, what });
        assert!(error.to_string().starts_with("line 3: "));
    }
}

fn any_contact() -> impl Strategy<Value = Contact> {
    let name = "[a-z0-9_+-]{1,20}@[a-z]{1,20}\\.[a-z]{2,3}";
    (name, any::<[u8; 32]>(), select(&Binding::ALL[..]), 0..250_000_000_000_u64).prop_filter_map(
        "a name",
        |(name, key, binding, since)| {
            let name = Name::parse(&name).ok()?;
            let since = Timestamp::from_secs(since);
            Some(Contact { name, key: PublicKey(key), binding, since })
        },
    )
}

proptest! {
    #[test]
    fn the_text_form_comes_back(list in vec(any_contact(), 0..20)) {
        let mut contacts = Contacts::new();
        for contact in list {
            contacts.replace(contact).unwrap();
        }
        prop_assert_eq!(Contacts::parse(&contacts.to_text()), Ok(contacts));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Contacts::parse(&text);
    }
}
