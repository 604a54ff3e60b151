//! TLS 1.3 for QUIC with raw public keys (RFC 7250): both sides prove possession of an Ed25519 key,
//! and no certificate, name or clock takes part.
//!
//! rustls calls every verifier of one's own dangerous; here it is not: the signature check is rustls'
//! own, and keys are compared octet by octet.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    NamedGroup, PeerMisbehaved, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
        UnixTime,
    },
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};

use crate::identity::{KeyPair, PublicKey};
use crate::runtime::tls;

/// What the streams of a connection carry: see [`super::Preface`].
const ALPN: &[u8] = b"p2p/0";

/// QUIC wants a server name. It is not sent, so any valid one will do.
pub(super) const SERVER_NAME: &str = "peer";

/// The alert of a client that meets another key than the one it wants: access_denied (RFC 8446,
/// section 6.2).
pub(super) const WRONG_KEY_ALERT: u8 = 49;

/// DER around an Ed25519 public key (RFC 8410). It has one form, so a constant is enough.
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// DER around an Ed25519 seed (PKCS #8, version 1).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The key of a connection's other end. None before its handshake is complete, and for anything
/// that is not exactly one Ed25519 key.
pub(super) fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    match &identity[..] {
        [spki] => key_of(spki),
        _ => None,
    }
}

fn key_of(spki: &CertificateDer<'_>) -> Option<PublicKey> {
    spki.strip_prefix(&SPKI_PREFIX[..])?.try_into().ok().map(PublicKey)
}

/// This host's key in the form that TLS takes; made once.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
}

impl Credentials {
    /// # Errors
    /// When the key is not usable, which a pair made from a seed always is.
    pub(super) fn new(keys: &KeyPair) -> Result<Credentials, Error> {
        let provider = Arc::new(provider());
        let pkcs8 = [&PKCS8_PREFIX[..], &keys.seed()[..]].concat();
        let spki = [&SPKI_PREFIX[..], keys.public().as_bytes()].concat();
        let signer = provider
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8)))?;
        let key = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signer));
        Ok(Credentials { provider, key })
    }

    /// A client that talks to nobody but the owner of `peer`. Each connection has its own, without a
    /// store of tickets: tickets of different peers cannot mix.
    ///
    /// # Errors
    /// When TLS refuses the configuration, which is the same for all keys.
    pub(super) fn client(&self, peer: PublicKey) -> Result<QuicClientConfig, Error> {
        let config = self.client_config(peer)?;
        QuicClientConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
    }

    fn client_config(&self, peer: PublicKey) -> Result<ClientConfig, Error> {
        let verifier = RawKeyVerifier::new(Some(peer), &self.provider);
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                self.key.clone(),
            )));
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    /// A server that demands a key of every client and accepts all of them: who may do what is decided
    /// later, by the key.
    ///
    /// # Errors
    /// When TLS refuses the configuration.
    pub(super) fn server(&self) -> Result<QuicServerConfig, Error> {
        let config = self.server_config()?;
        QuicServerConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
    }

    fn server_config(&self) -> Result<ServerConfig, Error> {
        let verifier = RawKeyVerifier::new(None, &self.provider);
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.key.clone())));
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

/// One key exchange and two ciphers instead of everything that ring offers. AES-128-GCM stays in the
/// list in any case, because QUIC protects its first packets with it. The client's order decides.
fn provider() -> CryptoProvider {
    let suites = if has_aes() {
        [CipherSuite::TLS13_AES_128_GCM_SHA256, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256]
    } else {
        [CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, CipherSuite::TLS13_AES_128_GCM_SHA256]
    };
    let mut provider = tls::crypto();
    let rank = |suite: CipherSuite| suites.iter().position(|s| *s == suite);
    provider.cipher_suites.retain(|suite| rank(suite.suite()).is_some());
    provider.cipher_suites.sort_by_key(|suite| rank(suite.suite()));
    provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
    provider
}

/// Whether the processor has instructions for AES: with them AES-128-GCM takes clearly less time
/// than ChaCha20, without them it takes much more.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[derive(Debug)]
struct RawKeyVerifier {
    expected: Option<PublicKey>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl RawKeyVerifier {
    fn new(expected: Option<PublicKey>, provider: &CryptoProvider) -> RawKeyVerifier {
        RawKeyVerifier { expected, algorithms: provider.signature_verification_algorithms }
    }

    fn check_key(&self, spki: &CertificateDer<'_>) -> Result<(), Error> {
        let key = key_of(spki).ok_or(CertificateError::BadEncoding)?;
        match self.expected {
            Some(expected) if expected != key => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(()),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(spki.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// Both traits ask for TLS 1.2, which is not offered: this is never called, and refuses.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
}

impl ServerCertVerifier for RawKeyVerifier {
    fn verify_server_cert(
        &self,
        spki: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_key(spki)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _spki: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    /// Without this rustls does not offer raw public keys at all.
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for RawKeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        spki: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check_key(spki)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _spki: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{AlertDescription, ClientConnection, ServerConnection};
    use zeroize::Zeroizing;

    fn keys(seed: u8) -> KeyPair {
        KeyPair::from_seed(&Zeroizing::new([seed; 32]))
    }

    /// A handshake in memory; gives the key that the server saw.
    fn handshake(expected: PublicKey, server: &Credentials) -> Result<PublicKey, Error> {
        let client = Credentials::new(&keys(1)).unwrap().client_config(expected).unwrap();
        let server = server.server_config().unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        for _ in 0..4 {
            let mut flight = Vec::new();
            client.write_tls(&mut flight).unwrap();
            server.read_tls(&mut &flight[..]).unwrap();
            server.process_new_packets()?;
            let mut flight = Vec::new();
            server.write_tls(&mut flight).unwrap();
            client.read_tls(&mut &flight[..]).unwrap();
            client.process_new_packets()?;
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok(key_of(&server.peer_certificates().unwrap()[0]).unwrap())
    }

    #[test]
    fn both_ends_learn_who_the_other_is() {
        let server = Credentials::new(&keys(2)).unwrap();
        assert_eq!(handshake(keys(2).public(), &server).unwrap(), keys(1).public());
    }

    #[test]
    fn another_key_is_refused() {
        let server = Credentials::new(&keys(3)).unwrap();
        let error = handshake(keys(2).public(), &server).unwrap_err();
        let refused = Error::from(CertificateError::ApplicationVerificationFailure);
        assert_eq!(error, refused);
        assert_eq!(u8::from(AlertDescription::AccessDenied), WRONG_KEY_ALERT);
    }

    #[test]
    fn a_public_key_without_its_secret_is_refused() {
        let (own, pretended) = (keys(3), keys(2).public());
        let mut server = Credentials::new(&own).unwrap();
        let spki = [&SPKI_PREFIX[..], pretended.as_bytes()].concat();
        let signer = server.key.key.clone();
        server.key = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signer));
        assert_eq!(
            handshake(pretended, &server).unwrap_err(),
            Error::from(CertificateError::BadSignature)
        );
    }

    #[test]
    fn only_a_bare_ed25519_key_is_one() {
        let spki = [&SPKI_PREFIX[..], keys(2).public().as_bytes()].concat();
        assert_eq!(key_of(&CertificateDer::from(spki.clone())), Some(keys(2).public()));
        for end in 0..spki.len() {
            assert_eq!(key_of(&CertificateDer::from(spki[..end].to_vec())), None);
        }
        assert_eq!(key_of(&CertificateDer::from([&spki[..], &[0]].concat())), None);
    }
}
