//! How notifications are sent, whatever the service.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use sluice_apis::notification::v1beta3::ProviderType;
use sluice_notify::Clients;

use crate::support::{Server, event, settings};

#[tokio::test]
async fn an_overloaded_service_is_asked_again_as_it_says() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|_| match SEEN.fetch_add(1, Ordering::Relaxed) {
        0 => (429, json!("later")),
        _ => (200, json!({})),
    })
    .await;
    let settings = settings(ProviderType::Slack, &server.url, "", &[]);
    Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn the_timeout_holds_for_all_attempts_together() {
    let server = Server::start(|_| (503, json!("busy"))).await;
    let mut settings = settings(ProviderType::Generic, &server.url, "", &[]);
    settings.timeout = Duration::from_secs(3);
    let began = Instant::now();
    let error = Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(4));
    assert!(error.is_transient() && error.to_string().contains("busy"), "{error}");
}

#[tokio::test]
async fn credentials_do_not_follow_redirects_to_others() {
    let other = Server::start(|_| (200, json!({}))).await;
    let target = other.url.clone();
    let (listener, url) = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        (listener, url)
    };
    let redirect = axum::Router::new().fallback(move || {
        let headers = [("location", target.clone())];
        async move { (axum::http::StatusCode::TEMPORARY_REDIRECT, headers) }
    });
    let task = tokio::spawn(async move { axum::serve(listener, redirect).await });
    let secret = [("token", "t0ken-secret"), ("headers", "X-Api-Key: k3y-secret\n")];
    for kind in [ProviderType::Slack, ProviderType::Generic] {
        let settings = settings(kind, &url, "", &secret);
        Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap();
    }
    task.abort();
    assert_eq!(other.received().len(), 2);
    for request in other.received() {
        assert!(!format!("{:?}", request.headers).contains("secret"), "{:?}", request.headers);
        assert_eq!(request.method, "POST");
    }
}

#[tokio::test]
async fn secrets_are_masked_in_errors() {
    let server = Server::start(|_| (400, json!("no: t0ken-secret p4ssword-secret h3ader-secret"))).await;
    let secret = [
        ("token", "t0ken-secret"),
        ("username", "u"),
        ("password", "p4ssword-secret"),
        ("headers", "X-Api-Key: h3ader-secret\n"),
    ];
    let settings = settings(ProviderType::Alertmanager, &server.url, "", &secret);
    let error = Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}
