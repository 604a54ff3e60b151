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
    /// The authorities that certify it now.
    pub authorities: Vec<AuthorityName>,
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
/// A contact bound by a certificate must show one that counts; a key that an authority has revoked is nobody's
/// unless the person pinned it or another authority certifies it. A certificate for a name that the book knows
/// with another key says nothing.
pub fn recognise(
    key: PublicKey,
    shown: &[Shown],
    contacts: &Contacts,
    authorities: &Authorities,
    now: Timestamp,
) -> Visitor {
    let (certified, revoked) = certified(shown, authorities, now);
    let authorities_for = |name: &Name| -> Vec<AuthorityName> {
        let found = certified.iter().filter(|(of, _)| of == name);
        found.map(|(_, certified)| certified.authority.clone()).collect()
    };
    let mut known_as = Vec::new();
    for contact in contacts.with_key(&key) {
        let (name, authorities) = (contact.name.clone(), authorities_for(&contact.name));
        let binding = match contact.binding {
            Binding::Pinned => Binding::Pinned,
            _ if !authorities.is_empty() => Binding::Certified,
            _ if revoked.contains(&name) => continue,
            Binding::Certified => continue,
            other => other,
        };
        known_as.push(KnownAs { name, binding, is_contact: true, authorities });
    }
    for (name, _) in &certified {
        if contacts.get(name).is_none() && known_as.iter().all(|known| known.name != *name) {
            let (name, authorities) = (name.clone(), authorities_for(name));
            let binding = Binding::Certified;
            known_as.push(KnownAs { name, binding, is_contact: false, authorities });
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
