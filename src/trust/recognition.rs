//! Who a visitor is: the key is proved by the link; this says what that key means to this person.

use super::{
    authorities::{Authorities, Certified, Defect, Shown},
    authority::AuthorityName,
    contact::Binding,
    contacts::Contacts,
};
use crate::identity::{Name, PublicKey, Timestamp};

/// A key, and the names under which it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The key.
    pub key: PublicKey,
    /// Who that is, the best known first; nobody for a stranger.
    pub known_as: Vec<KnownAs>,
}

/// One name of a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAs {
    /// The name.
    pub name: Name,
    /// On what ground.
    pub binding: Binding,
    /// Whether the name is in the contact book.
    pub is_contact: bool,
    /// The authority that certifies it now, if one does.
    pub authority: Option<AuthorityName>,
}

impl Visitor {
    /// The name under which the visitor is known best.
    pub fn name(&self) -> Option<&Name> {
        self.known_as.first().map(|known| &known.name)
    }

    /// On what ground, in one word: `none` for a stranger.
    pub fn trust(&self) -> &'static str {
        self.known_as.first().map_or("none", |known| known.binding.as_str())
    }

    /// Whether the contact book has the key.
    pub fn is_contact(&self) -> bool {
        self.known_as.iter().any(|known| known.is_contact)
    }
}

/// Says who a key is that shows these certificates; see [`Authorities::read`].
///
/// A contact bound by a certificate must show one that counts; a key that an authority has revoked is
/// nobody's unless the person pinned it. A certificate for a name that the book knows with another key
/// says nothing.
pub fn recognise(
    key: PublicKey,
    shown: &[Shown],
    contacts: &Contacts,
    authorities: &Authorities,
    now: Timestamp,
) -> Visitor {
    let (certified, revoked) = certified(shown, authorities, now);
    let authority_for = |name: &Name| {
        let found = certified.iter().find(|(of, _)| of == name);
        found.map(|(_, certified)| certified.authority.clone())
    };
    let mut known_as = Vec::new();
    for contact in contacts.with_key(&key) {
        let (name, authority) = (contact.name.clone(), authority_for(&contact.name));
        let binding = match contact.binding {
            Binding::Pinned => Binding::Pinned,
            _ if revoked.contains(&name) => continue,
            _ if authority.is_some() => Binding::Certified,
            Binding::Certified => continue,
            other => other,
        };
        known_as.push(KnownAs { name, binding, is_contact: true, authority });
    }
    for (name, certified) in certified {
        if contacts.get(&name).is_none() && known_as.iter().all(|known| known.name != name) {
            let (binding, authority) = (Binding::Certified, Some(certified.authority));
            known_as.push(KnownAs { name, binding, is_contact: false, authority });
        }
    }
    known_as.sort_by_key(|known| Binding::ALL.iter().position(|b| *b == known.binding));
    Visitor { key, known_as }
}

/// The names that certificates give a key now, and those for which they have been revoked.
fn certified(
    shown: &[Shown],
    authorities: &Authorities,
    now: Timestamp,
) -> (Vec<(Name, Certified)>, Vec<Name>) {
    let (mut certified, mut revoked) = (Vec::new(), Vec::new());
    for shown in shown {
        let Ok(certificate) = &shown.outcome else { continue };
        match authorities.judge(shown, &certificate.name, now) {
            Ok(fit) => certified.push((certificate.name.clone(), fit)),
            Err(unfit) if matches!(unfit.why, Defect::Revoked { .. }) => {
                revoked.push(certificate.name.clone());
            }
            Err(_) => {}
        }
    }
    (certified, revoked)
}
