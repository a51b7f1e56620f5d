//! Listeners with a certificate for 127.0.0.1.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub(crate) struct Listener {
    inner: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener {
    /// Listens on a free port with a certificate of an authority of its own, both made by openssl; leaves the authority's
    /// certificate in the folder.
    pub(crate) async fn bind(folder: &Path) -> Result<Self> {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(folder, &format!("req -x509 {curve} -days 2 -subj /CN=ca -keyout ca.key -out ca.crt"))?;
        openssl(folder, &format!("req {curve} -subj /CN=server -keyout server.key -out server.csr"))?;
        let extensions =
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
        std::fs::write(folder.join("server.ext"), extensions)?;
        let issuer = "-CA ca.crt -CAkey ca.key -CAcreateserial -days 2";
        openssl(folder, &format!("x509 -req -in server.csr {issuer} -extfile server.ext -out server.crt"))?;
        Self::with(folder, None).await
    }

    /// Listens on a free port with the certificate in the folder, and lets in who has one of the authority there.
    pub(crate) async fn mutual(folder: &Path) -> Result<Self> {
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_file(folder.join("ca.crt"))?)?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider()).build()?;
        Self::with(folder, Some(verifier)).await
    }

    async fn with(folder: &Path, clients: Option<Arc<dyn ClientCertVerifier>>) -> Result<Self> {
        let chain = vec![CertificateDer::from_pem_file(folder.join("server.crt"))?];
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let config = match clients {
            Some(verifier) => config.with_client_cert_verifier(verifier),
            None => config.with_no_client_auth(),
        };
        let inner = TcpListener::bind("127.0.0.1:0").await?;
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key)?));
        Ok(Self { inner, acceptor })
    }

    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.inner.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let mut command = Command::new("openssl");
    let command = command.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null());
    let output = command.output().context("run openssl")?;
    ensure!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
