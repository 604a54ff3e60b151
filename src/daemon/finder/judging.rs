//! What the finder makes of the packets found: whose key may be used, and what is remembered of it.

use super::hearings::Hearing;
use super::{Answer, Failure, Finder, Found, Memory, Outcome, Packet, Wanted};
use crate::identity::{Name, PublicKey};
use crate::runtime::clock;
use crate::trust::{
    self, Authorities, Binding, Claim, Contact, Contacts, Decision, Ground, Knowledge, Successor,
};

impl Finder {
    /// The decision about what a look-up of a name found, in words; None if it found nobody or the books
    /// cannot be read. The domain is not asked.
    pub(in crate::daemon) fn reason(
        &self,
        wanted: &Wanted,
        name: &Name,
        outcome: &Outcome,
    ) -> Option<String> {
        let Outcome { found: packets, reports, .. } = outcome.clone();
        if packets.is_empty() {
            return None;
        }
        let (contacts, authorities) =
            (self.book.contacts().ok()?, self.authorities.authorities().ok()?);
        let sources = self.search.sources(wanted);
        let answer = Answer { packets, sources, reports, ..Answer::default() };
        let claims = self.claims(&answer);
        let knowledge = self.knowledge(&contacts, &authorities, None);
        Some(trust::decide(name, &claims, knowledge).reason(name))
    }

    /// The decision about a name now, from what was claimed of it last; None while the books cannot be read.
    pub(in crate::daemon) fn verdict(&self, name: &Name) -> Option<Decision> {
        let contacts = self.book.contacts().ok()?;
        let authorities = self.authorities.authorities().ok()?;
        let Hearing { claims, vouched, .. } = self.hearings.of(name).unwrap_or_default();
        Some(trust::decide(name, &claims, self.knowledge(&contacts, &authorities, vouched)))
    }

    /// The reason for that decision, which pages and commands print word for word; None where nothing is known
    /// of the name.
    pub(in crate::daemon) fn reason_now(&self, name: &Name) -> Option<String> {
        let verdict = self.verdict(name).filter(|verdict| *verdict != Decision::Unknown)?;
        Some(verdict.reason(name))
    }

    /// The names that were looked up, of which somebody claimed something.
    pub(in crate::daemon) fn heard(&self) -> Vec<Name> {
        self.hearings.names()
    }

    pub(super) fn hear(&self, name: &Name, claims: &[Claim], vouched: Option<PublicKey>) {
        let (claims, at) = (claims.to_vec(), clock::wall());
        self.hearings.note(name, Hearing { claims, vouched, at });
    }

    /// Whether a key that has shown this in its packet would no longer be taken for a name's. While the books
    /// cannot be read, what goes on goes on.
    pub(in crate::daemon) fn would_refuse(
        &self,
        name: &Name,
        key: PublicKey,
        shown: &[Vec<u8>],
    ) -> bool {
        let (Ok(contacts), Ok(authorities)) =
            (self.book.contacts(), self.authorities.authorities())
        else {
            return false;
        };
        let claim = Claim { key, shown: self.authorities.read(&key, shown), sources: Vec::new() };
        // for whom a domain vouched when he was met, it did so
        let known = contacts.get(name).map(|contact| contact.binding);
        let vouched = (known == Some(Binding::Domain)).then_some(key);
        let knowledge = self.knowledge(&contacts, &authorities, vouched);
        trust::decide(name, &[claim], knowledge).usable_key() != Some(key)
    }

    pub(super) fn knowledge<'a>(
        &self,
        contacts: &'a Contacts,
        authorities: &'a Authorities,
        vouched: Option<PublicKey>,
    ) -> Knowledge<'a> {
        let (first_use, now) = (self.first_use, clock::wall());
        Knowledge { contacts, authorities, vouched, first_use, now }
    }

    /// Decides whose packet counts, and remembers whom the person meets.
    pub(super) fn decide(
        &self,
        name: &Name,
        contacts: &Contacts,
        authorities: &Authorities,
        vouched: Option<PublicKey>,
        answer: Answer,
        memory: Memory,
    ) -> Result<Found, Failure> {
        let claims = self.claims(&answer);
        self.hear(name, &claims, vouched);
        let knowledge = self.knowledge(contacts, authorities, vouched);
        let decision = trust::decide(name, &claims, knowledge);
        let contact = match decision {
            Decision::Known { ref contact, ref ground, is_new } => {
                match ground {
                    _ if memory == Memory::Reads => {}
                    _ if is_new => self.remember_contact(&decision.reason(name), contact),
                    Ground::Succession { .. } => self.follow(&decision.reason(name), contact),
                    _ => {}
                }
                contact.clone()
            }
            Decision::FirstMeeting { key, ask: false } => {
                let (name, since) = (name.clone(), clock::wall());
                let contact = Contact { name, key, binding: Binding::FirstUse, since };
                if memory == Memory::Writes {
                    self.remember_contact(&decision.reason(&contact.name), &contact);
                }
                contact
            }
            decision => return Err(self.not_trusted(name, decision, claims)),
        };
        let packet = answer.packets.into_iter().find(|p| p.registration().key == contact.key);
        let packet = packet.ok_or_else(|| Failure::NameUnknown { name: name.clone() })?;
        if memory == Memory::Writes {
            self.note_successor(contacts, &contact, &packet);
        }
        Ok(Found { contact, packet, asked: answer.asked, flight: answer.flight })
    }

    /// Writes down whom the person meets, and says it loudly.
    fn remember_contact(&self, reason: &str, contact: &Contact) {
        let Contact { name, key, binding, .. } = contact;
        match self.book.accept(name, *key, *binding) {
            Ok(()) => log::warn!("first meeting: {reason}"),
            // a full disk must not keep people apart; the next meeting is a first one again
            Err(error) => log::warn!("cannot remember the key of {name}: {error}"),
        }
    }

    /// Follows a contact to the next key, and says it loudly.
    fn follow(&self, reason: &str, contact: &Contact) {
        match self.book.succeed(&contact.name, contact.key) {
            Ok(_) => log::warn!("a new key: {reason}"),
            Err(error) => log::warn!("cannot remember the key of {}: {error}", contact.name),
        }
    }

    /// Remembers which key a contact says will follow.
    fn note_successor(&self, contacts: &Contacts, contact: &Contact, packet: &Packet) {
        let name = &contact.name;
        let is_known = contacts.get(name).is_some_and(|known| known.key == contact.key);
        let said = Successor::among(&packet.registration().certificates);
        let Some(said) = said.filter(|_| is_known && contacts.successor_of(name).is_none()) else {
            return;
        };
        if let Err(error) = self.book.note_successor(name, said) {
            log::warn!("cannot remember which key of {name} will follow: {error}");
        }
    }

    /// Who claims the name, and where each claim was found.
    pub(super) fn claims(&self, answer: &Answer) -> Vec<Claim> {
        let claim = |packet: &Packet| {
            let registration = packet.registration();
            let key = registration.key;
            let heard = answer.sources.iter().zip(&answer.reports);
            let heard = heard.filter(|(_, report)| report.keys.contains(&key));
            let sources = heard.map(|(source, _)| source.to_string()).collect();
            let shown = self.authorities.read(&key, &registration.certificates);
            Claim { key, shown, sources }
        };
        answer.packets.iter().map(claim).collect()
    }

    /// Says why no key that was found may be used.
    fn not_trusted(&self, name: &Name, decision: Decision, claims: Vec<Claim>) -> Failure {
        let reason = decision.reason(name);
        let name = name.clone();
        match decision {
            Decision::Conflict { known, claimed } => {
                Failure::KeyConflict { name, known: known.map(Box::new), claimed }
            }
            Decision::FirstMeeting { key, .. } => {
                let sources = claims.into_iter().flat_map(|claim| claim.sources).collect();
                let page = self.meetings.open(&name, key, sources);
                Failure::FirstMeeting { name, reason, page }
            }
            _ => Failure::Untrusted { name, reason },
        }
    }
}
