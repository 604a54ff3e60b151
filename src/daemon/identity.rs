//! The identity files of a home: made once, never overwritten.

use std::{fmt, io};

use zeroize::Zeroizing;

use super::home::{Home, HomeError, plain};
use crate::identity::{KeyFileError, KeyPair, Name, PublicKeyFile, SecretKeyFile, Seed};
use crate::runtime::{
    file::{self, Access},
    random,
};

/// Who this home belongs to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// None: a visitor that shows its key only.
    pub name: Option<Name>,
    /// The key pair.
    pub keys: KeyPair,
}

/// A secret text typed by a person; zeroed when dropped.
pub type Passphrase = Zeroizing<String>;

const SECRET: &str = "identity.key";
const PUBLIC: &str = "identity.pub";
const NAME: &str = "name";
/// Key files have a few hundred octets, a name at most 254.
const MAX_SIZE: usize = 4096;
