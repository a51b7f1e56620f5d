//! TLS with the system's authorities plus those of one remote, and that remote's client certificate.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// TLS settings of one remote. The system's authorities are always trusted as well.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// PEM bundle of additional authorities.
    pub ca: Option<Vec<u8>>,
    /// Certificate chain and private key, both PEM.
    pub client: Option<ClientCertificate>,
    /// Talks to whoever answers, whatever certificate they show.
    pub accept_any: bool,
}

/// An identity for mutual TLS.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    /// PEM chain, leaf first.
    pub certificate: Vec<u8>,
    /// PEM private key.
    pub key: Vec<u8>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("client", &self.client.is_some())
            .field("accept_any", &self.accept_any)
            .finish()
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(***)")
    }
}

/// Builds the configuration; the error says which PEM is bad.
pub fn client_config(tls: &Tls, alpn: &[&[u8]]) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if tls.accept_any {
        Arc::new(Verifier::of_anyone(provider.clone()))
    } else {
        let pinned = tls.ca.as_deref().map(authorities).transpose()?.unwrap_or_default();
        Arc::new(Verifier::new(pinned, provider.clone())?)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| err.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.client {
        Some(client) => {
            let (chain, key) = identity(client)?;
            builder.with_client_auth_cert(chain, key).map_err(|err| format!("client certificate: {err}"))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // Flux's words, which events and conditions repeat; the log says more.
    let failed = |cause: &dyn fmt::Display| {
        tracing::warn!(%cause, "a CA bundle can't be used");
        Err("failed to parse CA certificate".to_owned())
    };
    match certificates {
        Ok(certificates) if certificates.is_empty() => failed(&"it contains no PEM certificate"),
        Ok(certificates) => Ok(certificates),
        Err(error) => failed(&error),
    }
}

fn identity(
    client: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&client.certificate)
        .collect::<Result<_, _>>()
        .map_err(|err| format!("the client certificate is not PEM: {err}"))?;
    let key = PrivateKeyDer::from_pem_slice(&client.key)
        .map_err(|err| format!("the client key is not PEM: {err}"))?;
    Ok((chain, key))
}

/// The system's authorities, read once.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let loaded = rustls_native_certs::load_native_certs();
        for err in &loaded.errors {
            tracing::warn!(error = %err, "cannot load a system certificate authority");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        roots
    })
}

/// Checks chains as usual. In addition accepts a certificate that is itself in the remote's CA
/// bundle, as self-signed servers have it and Go's TLS does; webpki refuses an authority as a leaf.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    accept_any: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(pinned: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = system_roots().clone();
        for certificate in &pinned {
            // A pinned leaf need not be usable as an authority.
            if let Err(err) = roots.add(certificate.clone()) {
                tracing::debug!(error = %err, "certificate cannot serve as an authority");
            }
        }
        let chain = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            Some(builder.build().map_err(|err| err.to_string())?)
        };
        Ok(Self { chain, pinned, accept_any: false, provider })
    }

    fn of_anyone(provider: Arc<CryptoProvider>) -> Self {
        Self { chain: None, pinned: Vec::new(), accept_any: true, provider }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.accept_any {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let verdict = match &self.chain {
            Some(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(unknown),
        };
        // An expired certificate or a wrong name stays refused: only the chain is dispensable here.
        let chain_only = matches!(
            &verdict,
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)))
        );
        if chain_only && self.pinned.iter().any(|pinned| pinned == end_entity) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
