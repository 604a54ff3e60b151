//! The cryptography that TLS has here, for QUIC and for web sites.
//!
//! It is ring's, without the keys that nobody has here: this host proves itself with Ed25519 alone. Certificates
//! of others are checked whatever they hold.

use std::sync::Arc;

use rustls::{
    Error,
    crypto::{CryptoProvider, KeyProvider, ring},
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};

/// All ciphers, key exchanges and signatures of others that ring knows.
pub fn crypto() -> CryptoProvider {
    // whoever asks ring for any kind of key takes RSA into the program
    CryptoProvider { key_provider: &Ed25519Only, ..ring::default_provider() }
}

#[derive(Debug)]
struct Ed25519Only;

impl KeyProvider for Ed25519Only {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        match &key {
            PrivateKeyDer::Pkcs8(key) => ring::sign::any_eddsa_type(key),
            _ => Err(Error::General("only a key in PKCS #8 is one".to_owned())),
        }
    }
}
