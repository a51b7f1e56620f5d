//! What the tests share.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use sluice_chartrepo::{Access, Fetcher, Repositories};
use sluice_http::Tls;
use sluice_oci::Keychain;

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The client that pushes needs a provider.
pub(crate) fn provide_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

pub(crate) fn access() -> Access {
    Access {
        credentials: None,
        pass_credentials: false,
        tls: Tls::default(),
        plain_http: false,
        keychain: Keychain::default(),
        repositories: Repositories::default(),
        timeout: Duration::from_secs(30),
    }
}

pub(crate) fn fetcher() -> Fetcher {
    Fetcher::new(access())
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The fixtures, for those who say `me:secret` if `guarded`.
pub(crate) async fn charts(guarded: bool) -> SocketAddr {
    let file = move |headers: HeaderMap, UrlPath(name): UrlPath<String>| async move {
        let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if guarded && said != Some("Basic bWU6c2VjcmV0") {
            return Err(StatusCode::UNAUTHORIZED);
        }
        fs::read(fixtures().join(name)).map_err(|_| StatusCode::NOT_FOUND)
    };
    serve(Router::new().route("/charts/{name}", get(file))).await
}
