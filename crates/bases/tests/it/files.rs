//! Files over HTTP.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::response::Redirect;
use axum::routing::get;

use crate::built;

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\n";

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Answers with the object only if there are no credentials.
async fn guarded(headers: HeaderMap) -> Result<&'static str, StatusCode> {
    if headers.contains_key(AUTHORIZATION) { Err(StatusCode::IM_A_TEAPOT) } else { Ok(CONFIG) }
}

async fn authorized(headers: HeaderMap) -> Result<&'static str, StatusCode> {
    match headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        // "me:p@ss"
        Some("Basic bWU6cEBzcw==") => Ok(CONFIG),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

#[tokio::test]
async fn redirects_carry_credentials_to_the_same_server_only() {
    let other = serve(Router::new().route("/guarded.yaml", get(guarded))).await;
    let router = Router::new()
        .route("/plain.yaml", get(|| async { CONFIG }))
        .route("/authorized.yaml", get(authorized))
        .route("/here", get(|| async { Redirect::temporary("/authorized.yaml") }))
        .route(
            "/there",
            get(move || async move { Redirect::temporary(&format!("http://{other}/guarded.yaml")) }),
        );
    let server = serve(router).await;
    for path in ["plain.yaml", "authorized.yaml", "here", "there"] {
        let build = built(&format!("- http://me:p%40ss@{server}/{path}\n")).await.unwrap();
        assert_eq!(build.resources[0].name(), "fetched", "{path}");
        assert_eq!(build.fetched, [format!("http://***@{server}/{path}")]);
    }
    let error = built(&format!("- http://{server}/authorized.yaml\n")).await.unwrap_err();
    assert!(error.contains("401"), "{error}");
}

#[tokio::test]
async fn redirects_leave_neither_the_network_nor_http() {
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://me:pw@example.org/x",
        "/loop",
    ] {
        let router = Router::new().route("/loop", get(move || async move { Redirect::temporary(target) }));
        let server = serve(router).await;
        let error = built(&format!("- http://{server}/loop\n")).await.unwrap_err();
        assert!(error.contains("redirect") || error.contains("refused"), "{target}: {error}");
        assert!(!error.contains("pw@"), "{error}");
    }
    let error = built("- http://169.254.169.254/latest/meta-data\n").await.unwrap_err();
    assert!(error.contains("metadata address"), "{error}");
}

#[tokio::test]
async fn a_server_that_sends_without_end_is_cut_off() {
    let endless = || async {
        let chunk = axum::body::Bytes::from(vec![b'#'; 1 << 20]);
        axum::body::Body::from_stream(futures::stream::repeat_with(move || {
            Ok::<_, std::io::Error>(chunk.clone())
        }))
    };
    let server = serve(Router::new().route("/endless.yaml", get(endless))).await;
    let error = built(&format!("- http://{server}/endless.yaml\n")).await.unwrap_err();
    assert!(error.contains("larger than the"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let error = built("- http://127.0.0.1:1/f.yaml\n").await.unwrap_err();
    assert!(error.contains("connection refused"), "{error}");
}
