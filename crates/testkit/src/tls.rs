//! A listener with a certificate for 127.0.0.1, of an authority of its own; both are made by openssl.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub(crate) struct Listener {
    inner: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener {
    /// Listens on a free port; leaves the authority's certificate in the folder.
    pub(crate) async fn bind(folder: &Path) -> Result<Self> {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(folder, &format!("req -x509 {curve} -days 2 -subj /CN=ca -keyout ca.key -out ca.crt"))?;
        openssl(folder, &format!("req {curve} -subj /CN=server -keyout server.key -out server.csr"))?;
        let extensions =
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
        std::fs::write(folder.join("server.ext"), extensions)?;
        let issuer = "-CA ca.crt -CAkey ca.key -CAcreateserial -days 2";
        openssl(folder, &format!("x509 -req -in server.csr {issuer} -extfile server.ext -out server.crt"))?;
        let chain = vec![CertificateDer::from_pem_file(folder.join("server.crt"))?];
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let inner = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { inner, acceptor: TlsAcceptor::from(Arc::new(config)) })
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

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let mut command = Command::new("openssl");
    let command = command.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null());
    let output = command.output().context("run openssl")?;
    ensure!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
