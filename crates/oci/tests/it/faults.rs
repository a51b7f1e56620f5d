//! Registries that fail, lie or stall: each operation ends in bounded time, with what a person needs to know, and
//! goes on by itself where that is possible.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use sluice_oci::{Access, Client, Credentials, Descriptor, Error, Registries, Repository, Version};

use crate::misbehaving::{Asked, Manner, Misbehaving, Reply};

fn client_with(registries: &Registries, address: &str, credentials: Credentials) -> Client {
    let repository = Repository::parse(&format!("{address}/org/app"), true).unwrap();
    let access = Access { credentials, timeout: Duration::from_secs(5), ..Access::default() };
    Client::new(registries, repository, access).unwrap()
}

fn client(address: &str) -> Client {
    client_with(&Registries::default(), address, Credentials::Anonymous)
}

fn tag() -> Version {
    Version::Tag("1.0.0".to_owned())
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

fn blob(content: &[u8]) -> Descriptor {
    Descriptor { digest: digest(content), size: content.len() as u64, ..Descriptor::default() }
}

/// The greeting of an open registry, or what `other` says.
fn open(asked: &Asked, other: impl FnOnce() -> Reply) -> Reply {
    if asked.path == "/v2/" { Reply::new(200, "{}") } else { other() }
}

async fn downloaded(client: &Client, content: &[u8]) -> Result<Vec<u8>, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer");
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    client.download(&blob(content), &mut file).await?;
    Ok(std::fs::read(path).unwrap())
}

#[tokio::test]
async fn a_refusal_says_what_the_registry_says() {
    let server = Misbehaving::start(|asked, _| {
        open(asked, || Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"no entry"}]}"#))
    })
    .await;
    let error = client(&server.address).resolve(&tag()).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    assert!(error.to_string().contains("UNAUTHORIZED: no entry"), "{error}");
}

#[tokio::test]
async fn a_pause_is_kept_to_by_everybody_with_the_same_account() {
    let server =
        Misbehaving::start(|asked, _| open(asked, || Reply::new(429, "slow down").with("retry-after", "60")))
            .await;
    let registries = Registries::default();
    let first = client_with(&registries, &server.address, Credentials::Anonymous);
    let error = first.resolve(&tag()).await.unwrap_err();
    assert!(error.to_string().contains("the registry asks to wait 60s"), "{error}");
    let asked = server.asked().len();
    let second = client_with(&registries, &server.address, Credentials::Anonymous);
    let error = second.resolve(&tag()).await.unwrap_err();
    assert!(matches!(error, Error::Paused { .. }), "{error}");
    assert_eq!(server.asked().len(), asked, "nothing was asked during the pause");
    // Somebody else has a limit of his own.
    let user = Credentials::Basic { user: "u".to_owned(), password: "p".to_owned() };
    let third = client_with(&registries, &server.address, user);
    assert!(!matches!(third.resolve(&tag()).await.unwrap_err(), Error::Paused { .. }));
}

#[tokio::test]
async fn a_passing_error_passes() {
    let manifest = r#"{"schemaVersion":2,"layers":[]}"#;
    let server = Misbehaving::start(move |asked, before| {
        open(asked, || match (asked.method.as_str(), before) {
            // The HEAD and the first GET.
            (_, 0 | 1) => Reply::new(500, "oh no"),
            _ => Reply::new(200, manifest),
        })
    })
    .await;
    let found = client(&server.address).resolve(&tag()).await.unwrap();
    assert_eq!(found, digest(manifest.as_bytes()));
}

#[tokio::test]
async fn a_lasting_error_is_told() {
    let server = Misbehaving::start(|asked, _| open(asked, || Reply::new(503, "maintenance"))).await;
    let error = client(&server.address).resolve(&tag()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("unexpected status code 503 Service Unavailable: maintenance"),
        "{error}"
    );
}

#[tokio::test]
async fn a_transfer_that_breaks_is_resumed() {
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let kept = content.clone();
    let server = Misbehaving::start(move |asked, _| {
        open(asked, || {
            let range = asked.headers.get("range").and_then(|range| range.strip_prefix("bytes="));
            let from: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
            let status = if from > 0 { 206 } else { 200 };
            let rest = kept[from..].to_vec();
            let cut = 150_000;
            if rest.len() > cut {
                Reply::new(status, rest).given(Manner::Cut(cut))
            } else {
                Reply::new(status, rest)
            }
        })
    })
    .await;
    assert_eq!(downloaded(&client(&server.address), &content).await.unwrap(), content);
    assert_eq!(server.count("GET", "/blobs/"), 3);
}

#[tokio::test]
async fn a_transfer_that_breaks_again_and_again_fails() {
    let content = vec![7; 1000];
    let kept = content.clone();
    let server = Misbehaving::start(move |asked, _| {
        open(asked, || Reply::new(200, kept.clone()).given(Manner::Cut(10)))
    })
    .await;
    let since = Instant::now();
    let error = downloaded(&client(&server.address), &content).await.unwrap_err().to_string();
    assert!(error.contains("EOF"), "{error}");
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn other_content_than_asked_for_is_refused() {
    let server = Misbehaving::start(|asked, _| open(asked, || Reply::new(200, "evil"))).await;
    let client = client(&server.address);
    let error = downloaded(&client, b"good").await.unwrap_err().to_string();
    assert!(error.starts_with("error verifying sha256 checksum; got "), "{error}");
    let error = client.image(&digest(b"good")).await.unwrap_err().to_string();
    assert!(error.contains("does not match requested digest"), "{error}");
}

#[tokio::test]
async fn endless_content_is_cut_off() {
    let server = Misbehaving::start(|asked, _| {
        open(asked, || Reply::new(200, vec![b'x'; 1 << 16]).given(Manner::Endless))
    })
    .await;
    let client = client(&server.address);
    let error = downloaded(&client, &vec![b'x'; 1 << 20]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{error}");
    let error = client.image(&digest(b"x")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn trickling_content_is_given_up() {
    let content = vec![b'x'; 10_000];
    let kept = content.clone();
    let server = Misbehaving::start(move |asked, _| {
        open(asked, || Reply::new(200, kept.clone()).given(Manner::Trickle(Duration::from_millis(100))))
    })
    .await;
    let repository = Repository::parse(&format!("{}/org/app", server.address), true).unwrap();
    let access = Access { timeout: Duration::from_secs(1), ..Access::default() };
    let client = Client::new(&Registries::default(), repository, access).unwrap();
    let since = Instant::now();
    let error = downloaded(&client, &content).await.unwrap_err();
    assert!(matches!(error, Error::TooSlow { .. }), "{error}");
    let error = client.image(&digest(b"x")).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_server() {
    let content = b"layer".to_vec();
    let (kept, sent) = (content.clone(), content.clone());
    let store = Misbehaving::start(move |_, _| Reply::new(200, kept.clone())).await;
    let elsewhere = format!("http://{}/blob?X-Amz-Signature=s3cret", store.address);
    let server = Misbehaving::start(move |asked, _| {
        if !asked.headers.contains_key("authorization") {
            return Reply::new(401, "").with("www-authenticate", "Basic realm=\"r\"");
        }
        open(asked, || Reply::new(307, "").with("location", elsewhere.as_str()))
    })
    .await;
    let user = Credentials::Basic { user: "u".to_owned(), password: "hunter2".to_owned() };
    let client = client_with(&Registries::default(), &server.address, user);
    assert_eq!(downloaded(&client, &sent).await.unwrap(), content);
    assert!(store.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
    assert!(server.asked().iter().any(|asked| asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn credentials_are_not_sent_to_a_foreign_token_server() {
    let thief = Misbehaving::start(|_, _| Reply::new(200, r#"{"token":"t"}"#)).await;
    // Another loopback address is another host.
    let realm = format!("http://{}/token", thief.address.replace("127.0.0.1", "127.0.0.2"));
    let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
    let server =
        Misbehaving::start(move |_, _| Reply::new(401, "").with("www-authenticate", challenge.as_str()))
            .await;
    let user = Credentials::Basic { user: "u".to_owned(), password: "hunter2".to_owned() };
    let client = client_with(&Registries::default(), &server.address, user);
    let error = client.resolve(&tag()).await.unwrap_err().to_string();
    assert!(error.contains("the credentials are not sent there"), "{error}");
    assert!(!error.contains("hunter2"));
    assert!(thief.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_to_the_metadata_service_is_refused() {
    let server = Misbehaving::start(|asked, _| {
        open(asked, || Reply::new(307, "").with("location", "http://169.254.169.254/latest/meta-data/"))
    })
    .await;
    let error = downloaded(&client(&server.address), b"x").await.unwrap_err().to_string();
    assert!(error.contains("link-local or cloud metadata address"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told_as_go_tells_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = client(&address).resolve(&tag()).await.unwrap_err().to_string();
    assert!(error.contains("connect: connection refused"), "{error}");
}

/// The texts are those of Go's library, which asks the registry first how it wants to be convinced.
#[tokio::test]
async fn credentials_that_could_not_be_had_fail_the_first_request() {
    let basic = Misbehaving::start(|asked, _| open(asked, || Reply::new(200, "{}"))).await;
    let bearer = Misbehaving::start(|_, _| {
        let challenge = "Bearer realm=\"http://127.0.0.1:1/token\",service=\"s\"";
        Reply::new(401, "").with("www-authenticate", challenge)
    })
    .await;
    let why = "invalid AWS registry";
    for (server, told) in [
        (&basic, format!("Get \"http://{}/v2/org/app/manifests/1.0.0\": {why}", basic.address)),
        (&bearer, why.to_owned()),
    ] {
        let missing = Credentials::Missing(why.to_owned());
        let client = client_with(&Registries::default(), &server.address, missing);
        assert_eq!(client.resolve(&tag()).await.unwrap_err().to_string(), told);
        // Nothing was asked but how to get in: over HTTPS, which is not spoken there, and over HTTP.
        assert!(server.asked().iter().all(|asked| asked.path == "/v2/"));
    }
}

#[tokio::test]
async fn a_tag_that_no_registry_can_have_is_asked_for() {
    let server = Misbehaving::start(|asked, _| {
        open(asked, || {
            Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#)
        })
    })
    .await;
    let tag = Version::Tag("not a tag?".to_owned());
    let error = client(&server.address).resolve(&tag).await.unwrap_err().to_string();
    let asked = format!("GET http://{}/v2/org/app/manifests/not%20a%20tag%3F", server.address);
    assert_eq!(error, format!("{asked}: MANIFEST_UNKNOWN: manifest unknown"));
    let outside = Version::Tag("../../blobs/x".to_owned());
    assert!(matches!(client(&server.address).resolve(&outside).await, Err(Error::Tag(_))));
}
