//! Whether a key belongs to the members of an authority: whom it certifies now, for names that it is trusted for.

use std::fmt;

use super::{
    authorities::{Authorities, Defect, Shown},
    authority::AuthorityName,
    contacts::Contacts,
    recognition::recognise,
};
use crate::identity::{PublicKey, Timestamp};

/// Why a key is no member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoMember {
    /// It shows no certificate of the authority, or one that was never good.
    Uncertified,
    /// Its certificate was taken back.
    Revoked,
    /// Its certificate does not hold now: it has expired, begins later, or a clock is wrong.
    Expired,
}

/// Lets a member pass.
///
/// # Errors
/// Why it is none.
pub fn is_member(
    authority: &AuthorityName,
    key: PublicKey,
    shown: &[Shown],
    contacts: &Contacts,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<(), NoMember> {
    let visitor = recognise(key, shown, contacts, authorities, now);
    if visitor.known_as.iter().any(|known| known.authorities.contains(authority)) {
        return Ok(());
    }
    let defects = shown.iter().filter(|shown| shown.authority == *authority).filter_map(|shown| {
        let certificate = shown.outcome.as_ref().ok()?;
        authorities.judge(shown, &certificate.name, now).err().map(|unfit| unfit.why)
    });
    let reasons = defects.map(|why| match why {
        Defect::Revoked { .. } => NoMember::Revoked,
        Defect::Expired(_) | Defect::NotYet(_) => NoMember::Expired,
        Defect::Forged(_) | Defect::OtherName(_) | Defect::OutsideNames(_) => NoMember::Uncertified,
    });
    let mut reasons: Vec<NoMember> = reasons.collect();
    reasons.sort_by_key(|reason| *reason == NoMember::Uncertified); // what is nearer to being good tells more
    Err(reasons.first().copied().unwrap_or(NoMember::Uncertified))
}

impl fmt::Display for NoMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoMember::Uncertified => "it shows no certificate that counts",
            NoMember::Revoked => "its certificate was revoked",
            NoMember::Expired => "its certificate does not hold now, unless a clock is wrong",
        })
    }
}

impl std::error::Error for NoMember {}
