//! The file server as HTTP clients see it.

use std::net::SocketAddr;
use std::path::Path;

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MODIFIED_SINCE, LAST_MODIFIED, LOCATION, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{storage, store};

/// A client that does not follow redirects.
fn client() -> Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn start(root: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(sluice_artifact::serve(listener, root.to_owned(), std::future::pending()));
    address
}

#[tokio::test]
async fn files_come_whole_in_parts_and_only_if_newer() {
    let dir = TempDir::new().unwrap();
    let artifact = store(&storage(dir.path(), "h"), "app", "x.tar.gz", b"a: 1\n");
    let bytes = std::fs::read(dir.path().join(&artifact.path)).unwrap();
    let url = format!("http://{}/{}", start(dir.path()).await, artifact.path);
    let client = client();

    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().contains("gzip"));
    let modified = response.headers()[LAST_MODIFIED].clone();
    assert_eq!(response.bytes().await.unwrap(), bytes);

    let response = client.head(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_LENGTH], bytes.len().to_string());

    let response = client.get(&url).header(RANGE, "bytes=2-5").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()[CONTENT_RANGE], format!("bytes 2-5/{}", bytes.len()));
    assert_eq!(response.bytes().await.unwrap(), bytes[2..=5]);

    let response = client.get(&url).header(IF_MODIFIED_SINCE, modified).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn directories_are_listed() {
    let dir = TempDir::new().unwrap();
    let address = start(dir.path()).await;
    let client = client();
    let root = client.get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!(root.status(), StatusCode::OK, "readiness probes ask for the root of an empty storage");

    store(&storage(dir.path(), "h"), "app", "x&y.tar.gz", b"");
    let redirect = client.get(format!("http://{address}/gitrepository/ns/app")).send().await.unwrap();
    assert_eq!(
        (redirect.status(), &redirect.headers()[LOCATION]),
        (StatusCode::MOVED_PERMANENTLY, &"app/".parse().unwrap())
    );
    let listing = client.get(format!("http://{address}/gitrepository/ns/app/")).send().await.unwrap();
    assert!(listing.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    let listing = listing.text().await.unwrap();
    assert!(listing.contains(">x&amp;y.tar.gz</a>") && !listing.contains(".lock"), "{listing}");
}

#[tokio::test]
async fn what_is_not_an_artifact_is_not_found() {
    let dir = TempDir::new().unwrap();
    store(&storage(dir.path(), "h"), "app", "x.tar.gz", b"");
    let address = start(dir.path()).await;
    for path in [
        "/nope",
        "/gitrepository/ns/app/y.tar.gz",
        "/gitrepository/ns/app/x.tar.gz.lock",
        "/gitrepository/ns/nope/",
    ] {
        let status = client().get(format!("http://{address}{path}")).send().await.unwrap().status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Sends a request line as it is: clients would tidy the path.
async fn raw(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn no_path_leads_outside() {
    let outer = TempDir::new().unwrap();
    std::fs::write(outer.path().join("secret"), "top secret").unwrap();
    let root = outer.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let address = start(&root).await;
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/..%2fsecret",
        "/x/../../secret",
        "//../secret",
        "/..%5csecret",
        "/%00",
    ] {
        let response = raw(address, path).await;
        let status = response.split(' ').nth(1).unwrap();
        assert!(["400", "404"].contains(&status), "{path}: {response}");
        assert!(!response.contains("top secret"), "{path}");
    }
}

#[tokio::test]
async fn stopping_lets_a_download_finish() {
    let dir = TempDir::new().unwrap();
    // Too large for the socket buffers, so that the download is under way when the server stops.
    std::fs::write(dir.path().join("big"), vec![7; 32 << 20]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let server = tokio::spawn(sluice_artifact::serve(listener, dir.path().to_owned(), shutdown));
    let response = client().get(format!("http://{address}/big")).send().await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), 32 << 20);
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
