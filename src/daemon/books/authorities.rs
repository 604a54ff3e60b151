//! The authorities of a home on disk, and the newest revocation list of each.
//!
//! The file `authorities` says whom this person lets vouch for others; the file `revocations` keeps the
//! lists, a line of base64 each, so that what was revoked once stays so without any overlay.

use std::{
    collections::HashMap,
    fmt, slice,
    sync::{Arc, Mutex},
};

use data_encoding::BASE64;

use super::{Book, BookError, Pages};
use crate::daemon::home::Home;
use crate::identity::{PublicKey, PublicKeyFile};
use crate::runtime::{clock, lock};
use crate::trust::{
    Authorities, AuthoritiesError, Authority, AuthorityName, RevocationsError, Shown,
    SignedRevocations,
};

/// Whom a person lets vouch for others.
#[derive(Debug)]
pub struct AuthorityBook {
    authorities: Book<Authorities>,
    revocations: Book<RevocationLists>,
    joined: Mutex<Joined>,
}

/// Authorities with their lists, and what they were made of.
#[derive(Debug, Default)]
struct Joined {
    authorities: Arc<Authorities>,
    lists: Arc<RevocationLists>,
    both: Arc<Authorities>,
    /// What certificates turned out to say: whoever shows one does so with each request.
    read: HashMap<(PublicKey, Vec<u8>), Option<Shown>>,
}

/// So many certificates are remembered, of about 300 octets each.
const MAX_READ: usize = 1024;

/// Why the authorities cannot be used or changed.
pub type AuthorityBookError = BookError<AuthoritiesError>;

/// The newest list that each key has signed, in the compact form.
#[derive(Debug, Default)]
struct RevocationLists(Vec<SignedRevocations>);

impl Pages for Authorities {
    const MAX_TEXT: usize = Authorities::MAX_TEXT;
    type Error = AuthoritiesError;

    fn read(text: &str) -> Result<Authorities, AuthoritiesError> {
        Authorities::parse(text)
    }

    fn write(&self) -> String {
        self.to_text()
    }
}

impl Pages for RevocationLists {
    const MAX_TEXT: usize = Authorities::CAPACITY * Authority::MAX_KEYS * 1300;
    type Error = RevocationsError;

    /// A line that makes no sense is passed over: the overlays have the list.
    fn read(text: &str) -> Result<RevocationLists, RevocationsError> {
        let lists = text.lines().filter_map(|line| {
            let compact = BASE64.decode(line.trim().as_bytes()).ok()?;
            SignedRevocations::decode(&compact).ok()
        });
        Ok(RevocationLists(lists.collect()))
    }

    fn write(&self) -> String {
        let line = |list: &SignedRevocations| BASE64.encode(&list.to_compact()) + "\n";
        self.0.iter().map(line).collect()
    }
}

impl AuthorityBook {
    /// The book of a home, which need not exist yet.
    pub fn new(home: &Home) -> AuthorityBook {
        AuthorityBook {
            authorities: Book::new(home, "authorities"),
            revocations: Book::new(home, "revocations"),
            joined: Mutex::default(),
        }
    }

    /// The authorities as they are now, with what they have revoked.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn authorities(&self) -> Result<Arc<Authorities>, AuthorityBookError> {
        let authorities = self.authorities.pages()?;
        // without the lists revoked certificates would count again
        let lists = self.revocations.pages().map_err(|error| match error {
            BookError::Unusable { path, error } => BookError::Unusable { path, error },
            BookError::Damaged { path, problem } => BookError::Damaged { path, problem },
            BookError::Content(error) => {
                let path = "revocations".into();
                BookError::Damaged { path, problem: error.to_string() }
            }
        })?;
        let mut joined = lock(&self.joined);
        let is_same =
            Arc::ptr_eq(&joined.authorities, &authorities) && Arc::ptr_eq(&joined.lists, &lists);
        if !is_same {
            let mut both = Authorities::clone(&authorities);
            for list in &lists.0 {
                let _ = both.revoke(list.clone()); // of one trusted no longer, or an older one
            }
            let read = HashMap::new();
            *joined = Joined { authorities, lists, both: Arc::new(both), read };
        }
        Ok(joined.both.clone())
    }

    /// What a key shows of authorities trusted here, signatures checked once; see [`Authorities::read`].
    /// Nothing while the files cannot be read.
    pub fn read(&self, key: &PublicKey, certificates: &[Vec<u8>]) -> Vec<Shown> {
        if certificates.is_empty() || self.authorities().is_err() {
            return Vec::new();
        }
        let mut joined = lock(&self.joined);
        let Joined { both, read, .. } = &mut *joined;
        if read.len() > MAX_READ {
            read.clear();
        }
        let shown = certificates.iter().filter_map(|compact| {
            let known = read.entry((*key, compact.clone()));
            known.or_insert_with(|| both.read(key, slice::from_ref(compact)).pop()).clone()
        });
        shown.collect()
    }

    /// Trusts an authority; one that is known gets new keys and patterns.
    ///
    /// # Errors
    /// When name or key is another authority's, or the file cannot be written.
    pub fn add(&self, authority: Authority) -> Result<(), AuthorityBookError> {
        let authority = Authority { since: clock::wall(), ..authority };
        self.authorities.change(|authorities| authorities.add(authority))
    }

    /// Trusts an authority no longer. False when it was not trusted.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove(&self, name: &AuthorityName) -> Result<bool, AuthorityBookError> {
        self.authorities.change(|authorities| Ok(authorities.remove(name).is_some()))
    }

    /// The newest list that this key signed, also if its successor has signed a newer one: who knows the
    /// old key only learns of the next one there.
    pub fn list_of(&self, key: &PublicKeyFile) -> Option<SignedRevocations> {
        let lists = self.revocations.pages().ok()?;
        lists.0.iter().find(|list| list.key() == key).cloned()
    }

    /// Takes a revocation list in; gives whose it is.
    ///
    /// # Errors
    /// When nobody trusted here signed it, or one that is as new is known; or a file cannot be used.
    pub fn revoke(&self, list: SignedRevocations) -> Result<AuthorityName, RevokeError> {
        let authorities = self.authorities().map_err(RevokeError::Authorities)?;
        let mut after = Authorities::clone(&authorities);
        let whose = after.revoke(list.clone()).map_err(RevokeError::List)?;
        // a further key counts from now on, also when the list of the old key is forgotten
        if let Some(authority) = after.get(&whose).filter(|a| Some(*a) != authorities.get(&whose)) {
            let authority = authority.clone();
            let added = self.authorities.change(|authorities| authorities.add(authority));
            added.map_err(RevokeError::Authorities)?;
        }
        let keep = |lists: &mut RevocationLists| {
            lists.0.retain(|known| {
                known.key() != list.key() || known.list().number > list.list().number
            });
            lists.0.push(list);
            Ok(())
        };
        self.revocations.change(keep).map_err(RevokeError::Revocations)?;
        Ok(whose)
    }
}

/// Why a revocation list is not taken in.
#[derive(Debug)]
pub enum RevokeError {
    /// It does not count.
    List(RevocationsError),
    /// The authorities cannot be read or written.
    Authorities(AuthorityBookError),
    /// The lists cannot be read or written.
    Revocations(BookError<RevocationsError>),
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevokeError::List(error) => error.fmt(f),
            RevokeError::Authorities(error) => error.fmt(f),
            RevokeError::Revocations(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RevokeError {}
