//! The authorities that a person trusts, what they have revoked, and whether a certificate counts.
//!
//! The text form has a line for each authority:
//!
//! ```text
//! # name  for  keys  since
//! club *@example.com RWQ… 2026-11-22T07:25:18Z
//! ```

use std::{collections::HashMap, fmt, time::Duration};

use super::{
    CLOCK_SKEW,
    authority::{Authority, AuthorityName},
    certificate::{Certificate, CertificateError, CompactCertificate, SignedCertificate},
    pattern::Pattern,
    revocations::{RevocationsError, SignedRevocations},
};
use crate::identity::{KeyId, Name, PublicKey, PublicKeyFile, SortedMap, Timestamp, roughly};

/// A person's authorities, ordered by name.
#[derive(Clone, Debug, Default)]
pub struct Authorities {
    by_name: SortedMap<AuthorityName, Authority>,
    by_key: HashMap<KeyId, (AuthorityName, PublicKeyFile)>,
    revocations: SortedMap<AuthorityName, SignedRevocations>,
}

/// A certificate that a key shows, of an authority known here. Its signature has been checked, its dates
/// have not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whose certificate it is said to be.
    pub authority: AuthorityName,
    /// The certificate, or why it is none.
    pub outcome: Result<Certificate, CertificateError>,
}

/// A certificate that counts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Whose it is.
    pub authority: AuthorityName,
    /// Until when.
    pub until: Timestamp,
}

/// Why a certificate of a known authority does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Whose certificate it is said to be.
    pub authority: AuthorityName,
    /// What is wrong with it.
    pub why: Defect,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It is malformed, changed, signed by another key, or was made for another key.
    Forged(CertificateError),
    /// It is about another name.
    OtherName(Name),
    /// The authority is not trusted for the name, only for these.
    OutsideNames(String),
    /// It has been taken back.
    Revoked {
        /// The certificate's serial.
        serial: u32,
        /// The number of the list that says so.
        list: u32,
    },
    /// It begins to hold only later.
    NotYet(Duration),
    /// It ended so long ago.
    Expired(Duration),
}

const HEADER: &str = "# name  for  keys  since\n";

impl Authorities {
    /// How many there can be.
    pub const CAPACITY: usize = 256;
    /// The longest text form in octets that is read.
    pub const MAX_TEXT: usize = Authorities::CAPACITY * 8192;

    /// Nobody.
    pub fn new() -> Authorities {
        Authorities::default()
    }

    /// The authority of a name.
    pub fn get(&self, name: &AuthorityName) -> Option<&Authority> {
        self.by_name.get(name)
    }

    /// All authorities, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Authority> {
        self.by_name.values()
    }

    /// The newest known revocation list of an authority.
    pub fn revocations_of(&self, name: &AuthorityName) -> Option<&SignedRevocations> {
        self.revocations.get(name)
    }

    /// Trusts an authority for its patterns. One that is known by one of its keys gets the new keys and
    /// patterns in place of the old ones.
    ///
    /// # Errors
    /// When the name or a key is another authority's, or there is no room.
    pub fn add(&mut self, authority: Authority) -> Result<(), AuthoritiesError> {
        if !authority.is_whole() {
            return Err(AuthoritiesError::Incomplete);
        }
        let same_keys =
            |known: &Authority| known.keys.iter().any(|key| authority.keys.contains(key));
        match self.by_name.get(&authority.name) {
            Some(known) if !same_keys(known) => {
                return Err(AuthoritiesError::NameTaken(authority.name));
            }
            None if self.by_name.len() >= Authorities::CAPACITY => {
                return Err(AuthoritiesError::Full);
            }
            _ => {}
        }
        for key in &authority.keys {
            match self.by_key.get(&key.id) {
                Some((owner, known)) if *owner != authority.name || known.key != key.key => {
                    return Err(AuthoritiesError::KeyTaken(owner.clone()));
                }
                _ => {}
            }
        }
        self.remove_keys(&authority.name);
        for key in &authority.keys {
            self.by_key.insert(key.id, (authority.name.clone(), *key));
        }
        let since = Timestamp::from_secs(authority.since.as_secs());
        self.by_name.insert(authority.name.clone(), Authority { since, ..authority });
        Ok(())
    }

    /// Trusts an authority no longer; gives it.
    pub fn remove(&mut self, name: &AuthorityName) -> Option<Authority> {
        self.remove_keys(name);
        self.revocations.remove(name);
        self.by_name.remove(name)
    }

    fn remove_keys(&mut self, name: &AuthorityName) {
        self.by_key.retain(|_, (owner, _)| owner != name);
    }

    /// Takes a revocation list in; gives whose it is. A further key that it names is trusted as the one
    /// that signed it.
    ///
    /// # Errors
    /// When no authority here signed it, or one that is as new is known.
    pub fn revoke(&mut self, list: SignedRevocations) -> Result<AuthorityName, RevocationsError> {
        let owner = self.by_key.get(&list.key().id).filter(|(_, key)| key == list.key());
        let Some((name, _)) = owner.cloned() else {
            let other = crate::identity::SignatureFileError::OtherKey;
            return Err(RevocationsError::Signature(other));
        };
        let number = list.list().number;
        if let Some(known) = self.revocations.get(&name).map(|known| known.list().number)
            && number <= known
        {
            return Err(RevocationsError::Replayed { number, known });
        }
        if let Some(next) = list.list().next
            && !self.by_key.contains_key(&next.id)
            && let Some(authority) = self.by_name.get_mut(&name)
            && authority.keys.len() < Authority::MAX_KEYS
        {
            authority.keys.push(next);
            self.by_key.insert(next.id, (name.clone(), next));
        }
        self.revocations.insert(name.clone(), list);
        Ok(name)
    }

    /// What `key` shows of authorities known here, signatures checked; other certificates say nothing.
    pub fn read(&self, key: &PublicKey, certificates: &[Vec<u8>]) -> Vec<Shown> {
        let shown = certificates.iter().filter_map(|compact| {
            let certificate = CompactCertificate::decode(compact, *key).ok()?;
            let (authority, signer) = self.by_key.get(&certificate.key_id)?.clone();
            let outcome = certificate.rebuild(&signer).map(|signed| signed.certificate);
            Some(Shown { authority, outcome })
        });
        shown.collect()
    }

    /// Checks a certificate with its signature file.
    ///
    /// # Errors
    /// None when its authority is unknown here; else why it is no certificate of it.
    pub fn verify(
        &self,
        signed: &SignedCertificate,
    ) -> Option<Result<AuthorityName, CertificateError>> {
        let (name, signer) = self.by_key.get(&signed.key_id())?;
        Some(signed.verify(signer).map(|()| name.clone()))
    }

    /// Whether a certificate counts for `name` now.
    ///
    /// # Errors
    /// Why it does not.
    pub fn judge(&self, shown: &Shown, name: &Name, now: Timestamp) -> Result<Certified, Unfit> {
        let authority = shown.authority.clone();
        let unfit = |why| Err(Unfit { authority: authority.clone(), why });
        let certificate = match &shown.outcome {
            Ok(certificate) => certificate,
            Err(error) => return unfit(Defect::Forged(*error)),
        };
        if certificate.name != *name {
            return unfit(Defect::OtherName(certificate.name.clone()));
        }
        let Some(trusted) = self.by_name.get(&authority) else {
            return unfit(Defect::OutsideNames(String::new()));
        };
        if !trusted.is_for(name) {
            return unfit(Defect::OutsideNames(trusted.patterns_text()));
        }
        let serial = certificate.serial;
        if let Some(list) = self.revocations.get(&authority).map(SignedRevocations::list)
            && list.contains(serial)
        {
            return unfit(Defect::Revoked { serial, list: list.number });
        }
        let early = certificate.from.since(now);
        if early > CLOCK_SKEW {
            return unfit(Defect::NotYet(early));
        }
        let late = now.since(certificate.until);
        if late > CLOCK_SKEW {
            return unfit(Defect::Expired(late));
        }
        Ok(Certified { authority, until: certificate.until })
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for Authority { name, patterns, keys, since } in self.iter() {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let keys: Vec<String> = keys.iter().map(PublicKeyFile::to_line).collect();
            let (patterns, keys, since) =
                (patterns.join(","), keys.join(","), since.to_date_time());
            text.push_str(&format!("{name} {patterns} {keys} {since}\n"));
        }
        text
    }

    /// Reads the text form. Empty lines and lines that begin with `#` are skipped, and not kept.
    ///
    /// # Errors
    /// At the first line that is no authority.
    pub fn parse(text: &str) -> Result<Authorities, AuthoritiesError> {
        if text.len() > Authorities::MAX_TEXT {
            return Err(AuthoritiesError::Full);
        }
        let mut authorities = Authorities::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = AuthoritiesError::Line(index + 1);
            let authority = parse_line(line).ok_or(at.clone())?;
            if authorities.get(&authority.name).is_some() {
                return Err(at);
            }
            authorities.add(authority)?;
        }
        Ok(authorities)
    }
}

fn parse_line(line: &str) -> Option<Authority> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, patterns, keys, since] = fields[..] else { return None };
    let patterns = patterns.split(',').map(|text| Pattern::parse(text).ok());
    let keys = keys.split(',').map(|text| PublicKeyFile::parse(text).ok());
    let authority = Authority {
        name: AuthorityName::parse(name)?,
        patterns: patterns.collect::<Option<_>>()?,
        keys: keys.collect::<Option<_>>()?,
        since: Timestamp::parse_date_time(since)?,
    };
    authority.is_whole().then_some(authority)
}

/// Why an authority or a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthoritiesError {
    /// It has no key, nobody to count for, too many of either, or a key twice.
    Incomplete,
    /// An authority with other keys has the name.
    NameTaken(AuthorityName),
    /// A key of it, or one with the same id, is this authority's.
    KeyTaken(AuthorityName),
    /// There are [`Authorities::CAPACITY`] already, or the text is longer than theirs.
    Full,
    /// A line of the text form, counted from 1, is no authority.
    Line(usize),
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthoritiesError::Incomplete => {
                f.write_str("an authority has 1 to 4 different keys and 1 to 16 patterns of names")
            }
            AuthoritiesError::NameTaken(name) => {
                write!(f, "the authority {name} is known with other keys")
            }
            AuthoritiesError::KeyTaken(name) => {
                write!(f, "its key is known as that of the authority {name}")
            }
            AuthoritiesError::Full => {
                write!(f, "there is room for {} authorities only", Authorities::CAPACITY)
            }
            AuthoritiesError::Line(number) => {
                write!(f, "line {number}: an authority is a name, patterns, keys and a date")
            }
        }
    }
}

impl std::error::Error for AuthoritiesError {}

impl fmt::Display for Unfit {
    /// A clause about the certificate: "the certificate of club …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unfit { authority, why } = self;
        match why {
            Defect::Forged(error) => {
                write!(f, "the certificate said to be of {authority} does not count: {error}")
            }
            Defect::OtherName(name) => {
                write!(f, "the certificate of {authority} is about {name}")
            }
            Defect::OutsideNames(patterns) => {
                write!(f, "the authority {authority} is trusted for {patterns} only")
            }
            Defect::Revoked { serial, list } => {
                write!(f, "{authority} has revoked the certificate (serial {serial}, list {list})")
            }
            Defect::NotYet(early) => write!(
                f,
                "the certificate of {authority} begins to hold in {}, unless a clock is wrong",
                roughly(*early)
            ),
            Defect::Expired(late) => write!(
                f,
                "the certificate of {authority} expired {} ago, unless a clock is wrong",
                roughly(*late)
            ),
        }
    }
}
