//! The cryptography that TLS has here, for QUIC and for web sites.
//!
//! It is ring's, without the keys that nobody has here: this host proves itself with Ed25519 alone. Certificates
//! of others are checked whatever they hold.

mod stream;

use std::sync::{Arc, LazyLock};

use rustls::{
    ClientConfig, Error, RootCertStore,
    crypto::{CryptoProvider, KeyProvider, ring},
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};

pub use stream::TlsIo;

/// All ciphers, key exchanges and signatures of others that ring knows.
pub fn crypto() -> CryptoProvider {
    // whoever asks ring for any kind of key takes RSA into the program
    CryptoProvider { key_provider: &Ed25519Only, ..ring::default_provider() }
}

/// How web sites are asked, and prove who they are: by certificates of the web's own authorities.
///
/// # Errors
/// None with the cryptography that is here.
pub fn web_sites() -> Result<Arc<ClientConfig>, Error> {
    static CONFIG: LazyLock<Result<Arc<ClientConfig>, Error>> =
        LazyLock::new(|| believing(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));
    CONFIG.clone()
}

/// The same with authorities of one's own choice.
///
/// # Errors
/// As there.
pub fn believing(authorities: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(crypto()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities);
    Ok(Arc::new(config.with_no_client_auth()))
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
