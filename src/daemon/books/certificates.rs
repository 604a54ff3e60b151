//! The certificates of this identity, kept in the file `certificates`: a line of base64 each, in the form in
//! which they travel.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use data_encoding::BASE64;
use nanoserde::{DeJson, SerJson};

use super::{Book, BookError, Pages};
use crate::daemon::home::Home;
use crate::identity::{PublicKey, Timestamp};
use crate::registration::Registration;
use crate::runtime::lock;
use crate::trust::{Authorities, CompactCertificate, SignedCertificate};

/// What authorities say about this identity.
#[derive(Debug)]
pub struct CertificateBook {
    book: Book<Certificates>,
    /// What was presented last, for which key, and out of which.
    last: Mutex<Option<Presented>>,
}

#[derive(Debug)]
struct Presented {
    book: Arc<Certificates>,
    key: PublicKey,
    compact: Arc<[Vec<u8>]>,
}

/// Certificates in their compact form.
#[derive(Clone, Debug, Default)]
struct Certificates(Vec<Vec<u8>>);

/// How many octets of a packet certificates may take; the rest is for addresses.
const MAX_IN_PACKET: usize = 500;
/// From when on the end of a certificate is told.
const WARNING: Duration = Duration::from_secs(30 * 86_400);

impl Certificates {
    /// Those of a key.
    fn of(&self, key: PublicKey) -> Vec<Vec<u8>> {
        let own = |compact: &&Vec<u8>| {
            CompactCertificate::decode(compact, key).is_ok_and(|c| c.is_about_its_key())
        };
        self.0.iter().filter(own).cloned().collect()
    }
}

impl Pages for Certificates {
    const MAX_TEXT: usize = 4096;
    type Error = CertificateBookFull;

    fn read(text: &str) -> Result<Certificates, CertificateBookFull> {
        let lines = text.lines().filter_map(|line| BASE64.decode(line.trim().as_bytes()).ok());
        Ok(Certificates(lines.collect()))
    }

    fn write(&self) -> String {
        self.0.iter().map(|compact| BASE64.encode(compact) + "\n").collect()
    }
}

impl CertificateBook {
    /// The book of a home, which need not exist yet.
    pub fn new(home: &Home) -> CertificateBook {
        CertificateBook { book: Book::new(home, "certificates"), last: Mutex::default() }
    }

    /// Takes a certificate in, in place of an older one that the same key signed.
    ///
    /// # Errors
    /// When there are as many as a packet carries, or the file cannot be written.
    pub fn add(&self, signed: &SignedCertificate) -> Result<(), BookError<CertificateBookFull>> {
        let (key, compact) = (signed.certificate.key, signed.to_compact());
        self.book.change(|certificates| {
            certificates.0.retain(|known| {
                let known = CompactCertificate::decode(known, key);
                known.is_ok_and(|k| k.key_id != signed.key_id() && k.is_about_its_key())
            });
            let used: usize = certificates.0.iter().map(Vec::len).sum();
            // one place is for the successor
            let is_full = certificates.0.len() + 1 >= Registration::MAX_CERTIFICATES
                || used + compact.len() > MAX_IN_PACKET;
            if is_full {
                return Err(CertificateBookFull);
            }
            certificates.0.push(compact);
            Ok(())
        })
    }

    /// What packets and connections carry: the certificates of this key.
    pub fn shown(&self, key: PublicKey) -> Vec<Vec<u8>> {
        self.all().of(key)
    }

    /// The same for every request, which must not cost much: what is decided about each request rests on them.
    pub fn presented(&self, key: PublicKey) -> Arc<[Vec<u8>]> {
        let book = self.all();
        let mut last = lock(&self.last);
        if let Some(last) = &*last
            && Arc::ptr_eq(&last.book, &book)
            && last.key == key
        {
            return last.compact.clone();
        }
        let compact: Arc<[Vec<u8>]> = book.of(key).into();
        *last = Some(Presented { book, key, compact: compact.clone() });
        compact
    }

    fn all(&self) -> Arc<Certificates> {
        self.book.pages().unwrap_or_else(|error| {
            log::warn!("{error}");
            Arc::default()
        })
    }

    /// What is told about them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn statuses(
        &self,
        key: PublicKey,
        authorities: &Authorities,
        now: Timestamp,
    ) -> Result<Vec<CertificateStatus>, BookError<CertificateBookFull>> {
        self.book.pages()?; // says what is wrong with the file, if anything is
        let shown = self.shown(key);
        let status = |compact: &Vec<u8>| {
            let certificate = CompactCertificate::decode(compact, key).ok()?;
            let said = certificate.certificate();
            let shown = authorities.read(&key, std::slice::from_ref(compact)).pop();
            let problem = shown.as_ref().and_then(|shown| {
                authorities.judge(shown, &said.name, now).err().map(|unfit| unfit.to_string())
            });
            Some(CertificateStatus {
                name: said.name.to_string(),
                authority: shown.map(|shown| shown.authority.to_string()),
                serial: said.serial,
                until: said.until.to_date_time(),
                days: said.until.since(now).as_secs() / 86_400,
                warns: said.until.since(now) < WARNING,
                problem,
            })
        };
        Ok(shown.iter().filter_map(status).collect())
    }
}

/// One certificate of this identity.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct CertificateStatus {
    /// For which name.
    pub name: String,
    /// Whose it is, if that authority is trusted here.
    pub authority: Option<String>,
    /// Its serial.
    pub serial: u32,
    /// Until when, as RFC 3339 writes it.
    pub until: String,
    /// Whole days until then.
    pub days: u64,
    /// Whether it ends within 30 days, or has ended.
    pub warns: bool,
    /// Why it does not count, if this home can tell.
    pub problem: Option<String>,
}

impl CertificateStatus {
    /// One line for people.
    pub fn words(&self) -> String {
        let CertificateStatus { name, authority, serial, until, days, warns, problem } = self;
        let whose = authority.as_deref().unwrap_or("an authority not trusted here");
        let state = match problem {
            Some(problem) => format!("; {problem}"),
            None if *warns => {
                format!("; it ends in {days} days: ask {whose} to run p2p ca renew {name}")
            }
            None => String::new(),
        };
        format!("{name}  by {whose}, serial {serial}, until {until}{state}")
    }
}

/// Packets have no room for a further certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateBookFull;

impl fmt::Display for CertificateBookFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a registration packet has no room for another certificate")
    }
}

impl std::error::Error for CertificateBookFull {}
