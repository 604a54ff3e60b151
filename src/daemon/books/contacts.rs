//! The contact book on disk: whose keys this person accepts.

use std::sync::Arc;

use super::private_contacts::PrivateContacts;
use super::{Book, BookError, Pages};
use crate::daemon::home::Home;
use crate::identity::{Name, PublicKey};
use crate::runtime::clock;
use crate::trust::{Binding, Contact, Contacts, ContactsError, Successor};

/// The contacts of a home.
#[derive(Debug)]
pub struct ContactBook {
    book: Book<Contacts>,
    private: PrivateContacts,
}

/// Why the contact book cannot be used or changed.
pub type ContactBookError = BookError<ContactsError>;

impl Pages for Contacts {
    const MAX_TEXT: usize = Contacts::MAX_TEXT;
    type Error = ContactsError;

    fn read(text: &str) -> Result<Contacts, ContactsError> {
        Contacts::parse(text)
    }

    fn write(&self) -> String {
        self.to_text()
    }
}

impl ContactBook {
    /// The book of a home, which need not exist yet.
    pub fn new(home: &Home) -> ContactBook {
        ContactBook { book: Book::new(home, "contacts"), private: PrivateContacts::new(home) }
    }

    /// The contacts as they are now; the file is read only when it has changed.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn contacts(&self) -> Result<Arc<Contacts>, ContactBookError> {
        self.book.pages()
    }

    /// Accepts a key because a person said so, and looks for its owner everywhere.
    ///
    /// # Errors
    /// When another key is known for this name, which only removing it can change.
    pub fn pin(&self, name: &Name, key: PublicKey) -> Result<(), ContactBookError> {
        self.private.forget(&key);
        self.accept(name, key, Binding::Pinned)
    }

    /// The same for the owner of a key who says to be there for contacts only: nobody is asked for him in the
    /// open.
    ///
    /// # Errors
    /// As [`ContactBook::pin`].
    pub fn pin_private(&self, name: &Name, key: PublicKey) -> Result<(), ContactBookError> {
        self.private.note(key, clock::wall()); // first: a daemon may look as soon as the contact is there
        self.accept(name, key, Binding::Pinned)
    }

    /// Whether the owner of a key is known to be there for contacts only.
    pub fn is_private(&self, key: &PublicKey) -> bool {
        self.private.holds(key, clock::wall())
    }

    /// Accepts a key for a name; one that is known already keeps the stronger of the two reasons.
    ///
    /// # Errors
    /// When another key is known for this name, or the file cannot be written.
    pub fn accept(
        &self,
        name: &Name,
        key: PublicKey,
        binding: Binding,
    ) -> Result<(), ContactBookError> {
        let contact = Contact { name: name.clone(), key, binding, since: clock::wall() };
        self.book.change(|contacts| contacts.add(contact))
    }

    /// Forgets a name. False when it was not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove(&self, name: &Name) -> Result<bool, ContactBookError> {
        self.book.change(|contacts| Ok(contacts.remove(name).is_some()))
    }

    /// Calls a contact by another name. False when there is none of the old name.
    ///
    /// # Errors
    /// When the new name is another contact's, or the file cannot be written.
    pub fn rename(&self, from: &Name, to: &Name) -> Result<bool, ContactBookError> {
        self.book.change(|contacts| contacts.rename(from, to))
    }

    /// Takes note of which key will follow that of a contact. False when it changes nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_successor(
        &self,
        name: &Name,
        successor: Successor,
    ) -> Result<bool, ContactBookError> {
        self.book.change(|contacts| Ok(contacts.note_successor(name, successor)))
    }

    /// Follows a contact to the key that was announced. False when it was not.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn succeed(&self, name: &Name, key: PublicKey) -> Result<bool, ContactBookError> {
        self.book.change(|contacts| Ok(contacts.succeed(name, key)))
    }

    /// Takes over the contacts of another book; how many were new. All or none.
    ///
    /// # Errors
    /// When a name is known with another key, or the file cannot be written.
    pub fn import(&self, others: &Contacts) -> Result<usize, ContactBookError> {
        self.book.change(|contacts| {
            let before = contacts.len();
            others.iter().try_for_each(|contact| contacts.add(contact.clone()))?;
            Ok(contacts.len() - before)
        })
    }
}
