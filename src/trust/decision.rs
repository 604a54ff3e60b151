//! The decision about a name that one or several keys claim.
//!
//! In this order: a key that the person pinned; one that an authority trusted for the name certifies; one
//! that the web site of the name's domain vouches for; the first one met. A known key is never exchanged
//! for another, whoever vouches for that one: this is a [`Decision::Conflict`], which only the person ends.
//!
//! Every decision has a [reason](Decision::reason), which pages, commands and logs print word for word.

use super::{
    authorities::{Authorities, Certified, Defect, Shown, Unfit},
    contact::{Binding, Contact},
    contacts::Contacts,
    first_use::FirstUse,
};
use crate::identity::{Name, PublicKey, Timestamp};

/// A key that claims a name: the signer of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key.
    pub key: PublicKey,
    /// What authorities known here say about it; see [`Authorities::read`].
    pub shown: Vec<Shown>,
    /// Where the claim was found, for people.
    pub sources: Vec<String>,
}

/// What a decision rests on besides the claims.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// Whom the person knows.
    pub contacts: &'a Contacts,
    /// Whom the person lets vouch for others.
    pub authorities: &'a Authorities,
    /// The key for which the web site of the name's domain vouches.
    pub vouched: Option<PublicKey>,
    /// What to do where nobody says anything.
    pub first_use: FirstUse,
    /// The time.
    pub now: Timestamp,
}

/// Whether a key may be taken for a name's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The key may be used.
    Known {
        /// Whose it is. The binding is the best that holds now.
        contact: Contact,
        /// On what ground, in detail.
        ground: Ground,
        /// Whether the name was unknown before, so that the contact is to be remembered.
        is_new: bool,
    },
    /// The name is new and one key claims it, for which nobody vouches.
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
        claimed: Vec<Claimed>,
    },
    /// A key claims the name and may not be used.
    Refused {
        /// The key.
        key: PublicKey,
        /// Why not.
        why: Refused,
    },
    /// The name is new and no key claims it.
    Unknown,
}

/// On what ground a key may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// What the contact book says.
    Book(Binding),
    /// A certificate that counts now.
    Certificate(Certified),
    /// The domain's web site.
    Domain,
    /// The contact said in advance that this key would follow the one known before.
    Succession {
        /// The key known before.
        before: PublicKey,
    },
}

/// One of several keys that claim a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The key.
    pub key: PublicKey,
    /// Who vouches for it.
    pub standing: Standing,
    /// Where the claim was found.
    pub sources: Vec<String>,
}

/// What authorities and the domain say about a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody says anything.
    Bare,
    /// An authority trusted for the name certifies it.
    Certified(Certified),
    /// The domain's web site vouches for it.
    Vouched,
    /// It shows a certificate that does not count.
    Unfit(Unfit),
}

/// Why a key may not be used although no other one contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The name is new, and strangers are not wanted.
    Stranger,
    /// It shows a certificate that does not count.
    Certificate(Unfit),
    /// The contact was known by a certificate, and shows none any more.
    NoCertificate,
}

/// Decides whose key a name's is, from which keys claim the name and what the person knows.
///
/// When the known key is among the claimed ones, the others do not count: anybody can claim.
pub fn decide(name: &Name, claims: &[Claim], knowledge: Knowledge<'_>) -> Decision {
    let claimed = judge(name, claims, knowledge);
    let Some(known) = knowledge.contacts.get(name).cloned() else {
        return about_stranger(name, claimed, knowledge);
    };
    if claimed.is_empty() {
        return Decision::known(known);
    }
    let successor = knowledge.contacts.successor_of(name);
    let is_heir = |claimed: &&Claimed| successor.is_some_and(|next| next.is(&claimed.key));
    if let Some(heir) = claimed.iter().find(is_heir) {
        return about_heir(known, heir);
    }
    match claimed.iter().find(|claimed| claimed.key == known.key) {
        Some(same) => about_contact(known, &same.standing),
        None => Decision::Conflict { known: Some(known), claimed },
    }
}

/// Each key that claims the name once, with what is said about it, in their order.
pub fn judge(name: &Name, claims: &[Claim], knowledge: Knowledge<'_>) -> Vec<Claimed> {
    let mut claimed: Vec<Claimed> = Vec::with_capacity(claims.len());
    for Claim { key, shown, sources } in claims {
        match claimed.iter_mut().find(|known| known.key == *key) {
            Some(known) => known.sources.extend(sources.iter().cloned()),
            None => {
                let standing = standing(name, *key, shown, knowledge);
                claimed.push(Claimed { key: *key, standing, sources: sources.clone() });
            }
        }
    }
    claimed.sort_by_key(|claimed| claimed.key);
    claimed
}

fn standing(name: &Name, key: PublicKey, shown: &[Shown], knowledge: Knowledge<'_>) -> Standing {
    let mut unfit = None;
    for shown in shown {
        match knowledge.authorities.judge(shown, name, knowledge.now) {
            Ok(certified) => return Standing::Certified(certified),
            Err(defect) => unfit = unfit.or(Some(defect)),
        }
    }
    match unfit {
        Some(unfit) => Standing::Unfit(unfit),
        None if knowledge.vouched == Some(key) => Standing::Vouched,
        None => Standing::Bare,
    }
}

/// About a contact whose key is the one known. What is pinned holds by itself; a binding by certificate
/// holds as long as there is one; the others hold unless an authority has revoked the key.
fn about_contact(known: Contact, standing: &Standing) -> Decision {
    let key = known.key;
    let refused = |why| Decision::Refused { key, why };
    match (known.binding, standing) {
        (Binding::Pinned, _) => Decision::known(known),
        (_, Standing::Certified(certified)) => Decision::Known {
            contact: Contact { binding: Binding::Certified, ..known },
            ground: Ground::Certificate(certified.clone()),
            is_new: false,
        },
        (_, Standing::Unfit(unfit @ Unfit { why: Defect::Revoked { .. }, .. })) => {
            refused(Refused::Certificate(unfit.clone()))
        }
        (Binding::Certified, Standing::Unfit(unfit)) => {
            refused(Refused::Certificate(unfit.clone()))
        }
        (Binding::Certified, _) => refused(Refused::NoCertificate),
        _ => Decision::known(known),
    }
}

/// About a contact who has moved to the key that was announced, and which no authority has revoked.
fn about_heir(known: Contact, heir: &Claimed) -> Decision {
    let Claimed { key, standing, .. } = heir;
    if let Standing::Unfit(unfit @ Unfit { why: Defect::Revoked { .. }, .. }) = standing {
        return Decision::Refused { key: *key, why: Refused::Certificate(unfit.clone()) };
    }
    let ground = Ground::Succession { before: known.key };
    Decision::Known { contact: Contact { key: *key, ..known }, ground, is_new: false }
}

fn about_stranger(name: &Name, claimed: Vec<Claimed>, knowledge: Knowledge<'_>) -> Decision {
    let with = |wanted: fn(&Standing) -> bool| -> Vec<&Claimed> {
        claimed.iter().filter(|claimed| wanted(&claimed.standing)).collect()
    };
    let contact = |key, binding| Contact { name: name.clone(), key, binding, since: knowledge.now };
    match with(|standing| matches!(standing, Standing::Certified(_)))[..] {
        [Claimed { key, standing: Standing::Certified(certified), .. }] => {
            return Decision::Known {
                contact: contact(*key, Binding::Certified),
                ground: Ground::Certificate(certified.clone()),
                is_new: true,
            };
        }
        [] => {}
        _ => return Decision::Conflict { known: None, claimed },
    }
    if let [Claimed { key, .. }] = with(|standing| *standing == Standing::Vouched)[..] {
        let contact = contact(*key, Binding::Domain);
        return Decision::Known { contact, ground: Ground::Domain, is_new: true };
    }
    match &claimed[..] {
        [] => Decision::Unknown,
        [Claimed { key, standing: Standing::Unfit(unfit), .. }] => {
            Decision::Refused { key: *key, why: Refused::Certificate(unfit.clone()) }
        }
        [Claimed { key, .. }] => match knowledge.first_use {
            FirstUse::Ask => Decision::FirstMeeting { key: *key, ask: true },
            FirstUse::Accept => Decision::FirstMeeting { key: *key, ask: false },
            FirstUse::Refuse => Decision::Refused { key: *key, why: Refused::Stranger },
        },
        _ => Decision::Conflict { known: None, claimed },
    }
}

impl Decision {
    fn known(contact: Contact) -> Decision {
        let ground = Ground::Book(contact.binding);
        Decision::Known { contact, ground, is_new: false }
    }

    /// The key that may be used without asking anybody.
    pub fn usable_key(&self) -> Option<PublicKey> {
        match self {
            Decision::Known { contact, .. } => Some(contact.key),
            Decision::FirstMeeting { key, ask: false } => Some(*key),
            _ => None,
        }
    }

    /// The reason for the decision about `name`, in one sentence without a period.
    pub fn reason(&self, name: &Name) -> String {
        match self {
            Decision::Known { contact, ground, is_new } => {
                let key = contact.key.fingerprint();
                let who = if *is_new {
                    format!("{name} is new here")
                } else {
                    format!("{name} is a contact since {}", contact.since.to_date_time())
                };
                format!("{who}: {} {key}", ground.words())
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
            Decision::Refused { key, why } => {
                let key = key.fingerprint();
                match why {
                    Refused::Stranger => {
                        format!("{name} is no contact, and strangers are refused; the key is {key}")
                    }
                    Refused::Certificate(unfit) => {
                        format!("{name} has key {key}, which is refused: {unfit}")
                    }
                    Refused::NoCertificate => format!(
                        "{name} has key {key}, which was certified when you met and no authority \
                         that you trust certifies it now"
                    ),
                }
            }
            Decision::Unknown => format!("{name} is no contact, and no key claims the name"),
        }
    }
}

impl Ground {
    /// A clause that ends before the key.
    fn words(&self) -> String {
        match self {
            Ground::Book(Binding::Pinned) => "you pinned key".into(),
            Ground::Book(Binding::Certified) => "an authority you trust certified key".into(),
            Ground::Book(Binding::Domain) | Ground::Domain => {
                "the domain's web site vouched for key".into()
            }
            Ground::Book(Binding::FirstUse) => "the first key to claim the name was".into(),
            Ground::Succession { before } => {
                format!("the key {} was announced to be followed by", before.fingerprint())
            }
            Ground::Certificate(Certified { authority, until }) => {
                format!("the authority {authority} certifies until {} key", until.to_date_time())
            }
        }
    }
}

impl Claimed {
    /// The fingerprint, who vouches, and where it was found: one line for people.
    pub fn words(&self) -> String {
        let key = self.key.fingerprint();
        let standing = match &self.standing {
            Standing::Bare => String::new(),
            Standing::Certified(certified) => format!(", certified by {}", certified.authority),
            Standing::Vouched => ", vouched for by the domain's web site".into(),
            Standing::Unfit(unfit) => format!(", but {unfit}"),
        };
        if self.sources.is_empty() {
            return format!("{key}{standing}");
        }
        format!("{key}{standing} (from {})", self.sources.join(" and "))
    }
}

fn list(claimed: &[Claimed]) -> String {
    claimed.iter().map(Claimed::words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
