//! The fetcher against our file server and against servers that misbehave.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sluice_apis::source::v1::Artifact;
use sluice_archive::{Algorithm, Digest, Writer};
use sluice_artifact::{FetchError, Fetcher, FetcherConfig, HostOverrides};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{storage, store};

/// Answers every request with what `answer` makes of its number.
async fn start(
    answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let handler = move || {
        let n = counter.fetch_add(1, Ordering::SeqCst);
        let answer = answer.clone();
        async move { answer(n) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (address, count)
}

fn fetcher(dir: &Path, idle_bytes: u64) -> Fetcher {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Fetcher::new(FetcherConfig {
        dir: dir.to_owned(),
        retries: 2,
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(4),
        hosts: HostOverrides::default(),
        idle_bytes,
        ..FetcherConfig::default()
    })
    .unwrap()
}

/// An archive of one file, and its artifact at `address`.
fn archive(address: SocketAddr, content: &[u8]) -> (Bytes, Artifact) {
    let mut writer = Writer::new(Vec::new(), Algorithm::Sha256).unwrap();
    writer.file(b"a.yaml", false, content.len() as u64, content).unwrap();
    let (bytes, summary) = writer.finish().unwrap();
    let artifact = Artifact {
        path: "x".to_owned(),
        url: format!("http://{address}/x"),
        revision: "r".to_owned(),
        digest: summary.digest.to_string(),
        last_update_time: sluice_apis::meta::now(),
        size: Some(summary.size as i64),
        metadata: std::collections::BTreeMap::default(),
    };
    (bytes.into(), artifact)
}

fn dirs(dir: &Path) -> usize {
    let workspace = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(workspace).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count()
}

#[tokio::test]
async fn what_the_storage_serves_is_unpacked() {
    let (root, work) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storage = storage(root.path(), &listener.local_addr().unwrap().to_string());
    let artifact = store(&storage, "app", "x.tar.gz", b"a: 1\n");
    tokio::spawn(sluice_artifact::serve(listener, root.path().to_owned(), std::future::pending()));

    let unpacked = fetcher(work.path(), 0).get(&artifact).await.unwrap();
    assert_eq!(std::fs::read(unpacked.path().join("a.yaml")).unwrap(), b"a: 1\n");
    assert_eq!(unpacked.digest(), artifact.digest);

    storage.remove(&artifact).unwrap();
    let error = fetcher(work.path(), 0).get(&artifact).await.unwrap_err();
    assert!(matches!(error, FetchError::NotFound));
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_download() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"shared");
    let (address, count) = start(move |_| bytes.clone().into_response()).await;
    artifact.url = format!("http://{address}/x");
    let fetcher = fetcher(work.path(), 0);
    let calls = (0..20).map(|_| fetcher.get(&artifact));
    let results = futures::future::join_all(calls).await;
    let first = results[0].as_ref().unwrap();
    assert!(results.iter().all(|r| r.as_ref().unwrap().path() == first.path()));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // And so do later ones.
    fetcher.clone().get(&artifact).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_spoil_it_for_the_others() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"shared");
    let (address, count) = start(move |n| match n {
        0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => bytes.clone().into_response(),
    })
    .await;
    artifact.url = format!("http://{address}/x");
    let fetcher = fetcher(work.path(), 0);
    let impatient = tokio::time::timeout(Duration::ZERO, fetcher.get(&artifact)).await;
    assert!(impatient.is_err());
    fetcher.get(&artifact).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn server_errors_are_retried_and_other_refusals_are_not() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"x");
    let good = bytes.clone();
    let (address, count) = start(move |n| match n {
        0 => StatusCode::BAD_GATEWAY.into_response(),
        1 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => good.clone().into_response(),
    })
    .await;
    artifact.url = format!("http://{address}/x");
    fetcher(work.path(), 0).get(&artifact).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 3);

    let (address, count) = start(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    artifact.url = format!("http://{address}/x");
    let error = fetcher(work.path(), 0).get(&artifact).await.unwrap_err();
    assert!(matches!(error, FetchError::GaveUp { attempts: 3, .. }), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 3);

    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_IMPLEMENTED, StatusCode::NOT_FOUND] {
        let (address, count) = start(move |_| status.into_response()).await;
        artifact.url = format!("http://{address}/x");
        let error = fetcher(work.path(), 0).get(&artifact).await.unwrap_err();
        match status {
            StatusCode::NOT_FOUND => assert!(matches!(error, FetchError::NotFound)),
            _ => assert_eq!(
                error.to_string(),
                format!("failed to download archive from http://{address}/x (status: {status})")
            ),
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn connection_errors_are_retried() {
    let work = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (bytes, artifact) = archive(listener.local_addr().unwrap(), b"x");
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        // Closed before an answer, cut off in the middle, then good.
        drop(listener.accept().await.unwrap());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
        for end in [bytes.len() / 2, bytes.len()] {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&bytes[..end]).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    fetcher(work.path(), 0).get(&artifact).await.unwrap();

    let nobody = "127.0.0.1:1".parse().unwrap();
    let error = fetcher(work.path(), 0).get(&archive(nobody, b"x").1).await.unwrap_err();
    assert!(error.to_string().contains("giving up after 3 attempt(s): "), "{error}");
}

#[tokio::test]
async fn only_what_the_digest_names_is_unpacked() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"x");
    let (address, count) = start(move |_| bytes.clone().into_response()).await;
    artifact.url = format!("http://{address}/x");
    let right = artifact.digest.clone();
    let fetcher = fetcher(work.path(), 0);

    artifact.digest = Digest::of(Algorithm::Sha256, &b"other"[..]).unwrap().to_string();
    let error = fetcher.get(&artifact).await.unwrap_err();
    assert!(matches!(error, FetchError::DigestMismatch { .. }), "{error}");
    assert_eq!(dirs(work.path()), 0);

    for (digest, wanted) in [
        ("", "failed to verify archive: empty digest"),
        ("md5:0", "failed to verify archive: failed to parse digest 'md5:0': "),
        ("sha256:0", "failed to verify archive: failed to parse digest 'sha256:0': "),
    ] {
        artifact.digest = digest.to_owned();
        let error = fetcher.get(&artifact).await.unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1, "a digest that names nothing needs no download");

    artifact.digest = right.strip_prefix("sha256:").unwrap().to_owned();
    fetcher.get(&artifact).await.unwrap();
}

#[tokio::test]
async fn more_than_announced_is_not_spooled() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"x");
    // Never ends: without a bound this test would not either.
    let (address, _) = start(move |_| {
        let bytes = bytes.clone();
        let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(bytes.clone()));
        axum::body::Body::from_stream(endless).into_response()
    })
    .await;
    artifact.url = format!("http://{address}/x");
    let error = fetcher(work.path(), 0).get(&artifact).await.unwrap_err();
    assert!(matches!(error, FetchError::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn idle_artifacts_go_when_the_budget_is_spent() {
    let work = TempDir::new().unwrap();
    let made: Vec<_> = (0..4).map(|i| archive("127.0.0.1:1".parse().unwrap(), &[b'0' + i; 1000])).collect();
    let bodies: Vec<Bytes> = made.iter().map(|(bytes, _)| bytes.clone()).collect();
    let app = Router::new().fallback(move |uri: http::Uri| {
        let body = bodies[uri.path()[1..].parse::<usize>().unwrap()].clone();
        async move { body }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let artifacts: Vec<Artifact> = made
        .into_iter()
        .enumerate()
        .map(|(i, (_, a))| Artifact { url: format!("http://{address}/{i}"), ..a })
        .collect();

    let fetcher = fetcher(work.path(), 2000);
    let held = fetcher.get(&artifacts[0]).await.unwrap();
    for artifact in &artifacts[1..] {
        fetcher.get(artifact).await.unwrap();
    }
    fetcher.get(&artifacts[0]).await.unwrap();
    // Three are idle and two fit; the one in use does not count. Removal is on another thread.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while dirs(work.path()) > 3 {
        assert!(tokio::time::Instant::now() < deadline, "{} directories", dirs(work.path()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(held.path().join("a.yaml").exists());
}

#[tokio::test]
async fn hosts_can_be_replaced() {
    let work = TempDir::new().unwrap();
    let (bytes, mut artifact) = archive("127.0.0.1:1".parse().unwrap(), b"x");
    let (address, _) = start(move |_| bytes.clone().into_response()).await;
    let config =
        |hosts| FetcherConfig { dir: work.path().to_owned(), retries: 0, hosts, ..FetcherConfig::default() };
    let _ = rustls::crypto::ring::default_provider().install_default();
    artifact.url =
        "http://source-controller.flux-system.svc.cluster.local./gitrepository/a/b/c.tar.gz".to_owned();
    let hosts = HostOverrides { source_controller: Some(address.to_string()), source_watcher: None };
    Fetcher::new(config(hosts.clone())).unwrap().get(&artifact).await.unwrap();
    artifact.url = artifact.url.replace("source-controller", "source-watcher");
    let hosts = HostOverrides {
        source_controller: Some("127.0.0.1:1".into()),
        source_watcher: Some(address.to_string()),
    };
    Fetcher::new(config(hosts)).unwrap().get(&artifact).await.unwrap();
}

#[tokio::test]
async fn directories_of_dead_processes_are_removed_and_others_are_not() {
    let work = TempDir::new().unwrap();
    let dead = work.path().join("sluice-artifacts-dead");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    let other = work.path().join("something-else");
    std::fs::create_dir(&other).unwrap();
    let living = fetcher(work.path(), 0);
    let second = fetcher(work.path(), 0);
    assert!(!dead.exists() && other.exists());
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 3);
    drop((living, second));
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 1);
}
