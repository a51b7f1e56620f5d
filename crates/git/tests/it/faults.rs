//! Servers that are slow, dead, broken or hostile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use sluice_git::{Cause, Error, Limits, Options, Remote, fetch, ls_remote};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::http::{Config, Server};
use crate::support::repo::Repo;
use crate::support::{branch, options, remote};

async fn get(remote: &Remote, options: &Options) -> Result<String, Error> {
    let store = tempfile::tempdir().unwrap();
    fetch(remote, &branch("main"), store.path(), options).await.map(|commit| commit.revision)
}

/// A server that reads a request and then does as told, for each connection.
async fn raw(answer: &'static [u8], hold: bool) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer).await;
                if hold {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                }
            });
        }
    });
    (address.to_string(), task)
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let (address, _server) = raw(b"", true).await;
    let auth = sluice_git::Auth::Ssh {
        identity: crate::support::ssh::KeyPair::generate("-t ed25519", "").private,
        password: None,
        known_hosts: Vec::new(),
    };
    for remote in [
        remote(&format!("http://{address}/app.git")),
        Remote { auth, ..remote(&format!("ssh://{address}/app.git")) },
    ] {
        let started = Instant::now();
        let err = get(&remote, &Options::timeout(Duration::from_millis(300))).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::Timeout(_))), "{err:?}");
        assert!(err.to_string().contains("context deadline exceeded"), "{err}");
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(ls_remote(&remote, &[], &Options::timeout(Duration::ZERO)).await.is_err());
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n";

#[tokio::test]
async fn broken_answers() {
    let cut: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 500\r\n\r\n001e# service=git-upload-pack\n0000";
    let closed: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n001e# service=git-upload-pack\n0000000eversion 2\n";
    let nonsense: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 5\r\n\r\nhello";
    let page: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<p>hi";
    for answer in [b"", cut, closed, nonsense, page, b"SSH-2.0-not-http\r\n"] {
        let (address, _server) = raw(answer, false).await;
        let err = get(&remote(&format!("http://{address}/app.git")), &options()).await.unwrap_err();
        assert!(
            matches!(err.cause(), Some(Cause::Protocol(_) | Cause::Connect { .. })),
            "{:?}: {err:?}",
            String::from_utf8_lossy(answer)
        );
    }
}

#[tokio::test]
async fn endless_listings_are_cut() {
    let repo = Repo::new();
    let intercept = Config {
        intercept: Some(Arc::new(|_, _| {
            let first = futures::stream::iter([Ok::<_, std::io::Error>(
                "001e# service=git-upload-pack\n0000".to_owned(),
            )]);
            let line = format!("{} refs/heads/{}\n", "a".repeat(40), "b".repeat(1000));
            let line = format!("{:04x}{line}", line.len() + 4);
            let lines = futures::stream::repeat_with(move || Ok(line.clone()));
            let body = Body::from_stream(futures::StreamExt::chain(first, lines));
            Response::builder().header("content-type", HEAD.trim_end().rsplit(' ').next()?).body(body).ok()
        })),
        ..Config::new(repo.root())
    };
    let server = Server::start(intercept).await;
    let small = Options { limits: Limits { listing_bytes: 1 << 20, ..Limits::default() }, ..options() };
    let err = get(&remote(&server.url()), &small).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::TooLarge(_))), "{err:?}");
}

#[tokio::test]
async fn packs_beyond_the_limits_are_refused() {
    let repo = Repo::new();
    let noise: Vec<u8> =
        (0..300_000_u64).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    repo.commit("noise", noise);
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    for limits in
        [Limits { pack_bytes: 1000, ..Limits::default() }, Limits { objects: 2, ..Limits::default() }]
    {
        let store = tempfile::tempdir().unwrap();
        let bounded = Options { limits, ..options() };
        let err = fetch(&remote(&server.url()), &branch("main"), store.path(), &bounded).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::TooLarge(_))), "{err:?}");
        // The store stays usable.
        fetch(&remote(&server.url()), &branch("main"), store.path(), &options()).await.unwrap();
    }
}

#[tokio::test]
async fn a_forged_pack_is_refused() {
    let repo = Repo::new();
    for pack in [
        &b"PACK\0\0\0\x02\0\0\0\x03garbage"[..],
        b"PACK\0\0\0\x02\xff\xff\xff\xff",
        b"JUNKJUNKJUNK",
        b"PACK\0\0\0\x02\0\0\0\0",
    ] {
        let body = [
            b"000dpackfile\n".to_vec(),
            format!("{:04x}\x01", pack.len() + 5).into_bytes(),
            pack.to_vec(),
            b"0000".to_vec(),
        ]
        .concat();
        let posts = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let config = Config {
            intercept: Some(Arc::new(move |method, _| {
                // The first POST lists references, the next ones fetch.
                let fetching =
                    method == "POST" && posts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
                fetching.then(|| {
                    Response::builder()
                        .header("content-type", "application/x-git-upload-pack-result")
                        .body(Body::from(body.clone()))
                        .unwrap()
                })
            })),
            ..Config::new(repo.root())
        };
        let server = Server::start(config).await;
        let err = get(&remote(&server.url()), &options()).await.unwrap_err();
        assert!(
            matches!(err.cause(), Some(Cause::Store(_) | Cause::Protocol(_) | Cause::TooLarge(_))),
            "{err:?}"
        );
    }
}

#[tokio::test]
async fn a_dropped_fetch_leaves_a_usable_store() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    for micros in [1, 500, 2_000, 8_000, 20_000] {
        let target = branch("main");
        let options = options();
        let attempt = fetch(&remote, &target, store.path(), &options);
        let _ = tokio::time::timeout(Duration::from_micros(micros), attempt).await;
    }
    // An abandoned thread may still finish its step; a fetch that meets it may fail, never hang, and the next goes well.
    let began = Instant::now();
    while let Err(error) = fetch(&remote, &branch("main"), store.path(), &options()).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
