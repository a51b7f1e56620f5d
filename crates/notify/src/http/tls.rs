//! TLS with a provider's certificates, for HTTP and NATS alike.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::settings::{ClientCertificate, Tls};

/// Reports what is wrong with certificates before they are used.
pub(crate) fn check(tls: &Tls) -> Result<(), String> {
    config(Some(tls), &[]).map(drop)
}

/// The configuration of a client that offers `protocols`. Without authorities the system's are trusted.
pub(crate) fn config(tls: Option<&Tls>, protocols: &[&[u8]]) -> Result<ClientConfig, String> {
    let roots = match tls.and_then(|tls| tls.ca.as_deref()) {
        Some(pem) => Arc::new(authorities(pem)?),
        None => system_roots(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match tls.and_then(|tls| tls.client.as_ref()) {
        Some(client) => {
            let fault =
                |error: &dyn std::fmt::Display| format!("failed to parse TLS certificate and key: {error}");
            let (chain, key) = identity(client).map_err(|error| fault(&error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| fault(&error))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    if roots.is_empty() { Err("failed to parse CA certificate".to_owned()) } else { Ok(roots) }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(client: &ClientCertificate) -> Result<Identity, rustls::pki_types::pem::Error> {
    let chain = CertificateDer::pem_slice_iter(&client.certificate).collect::<Result<Vec<_>, _>>()?;
    Ok((chain, PrivateKeyDer::from_pem_slice(&client.key)?))
}

/// The system's authorities, read once.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            tracing::warn!(%error, "cannot load a system certificate authority");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        Arc::new(roots)
    };
    ROOTS.get_or_init(load).clone()
}
