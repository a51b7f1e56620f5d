use sluice_bucket::{Access, Bucket, Credentials, S3, assume_role_with_ldap};
use sluice_http::Tls;
use sluice_testkit::{ObjectStore, S3Options};

use crate::{download, keys, list};

fn credentials(access: &str, secret: &str) -> Credentials {
    Credentials { access_key: access.to_owned(), secret_key: secret.to_owned(), session_token: None }
}

fn open(store: &ObjectStore, name: &str, credentials: Option<Credentials>) -> Bucket {
    Bucket::S3(S3::new(store.address(), true, name, None, credentials, &Access::default()).unwrap())
}

#[tokio::test]
async fn objects_are_listed_and_read() {
    let options = S3Options::default().keys("access", "secret");
    let store = ObjectStore::s3(&["apps", "empty"], &options).unwrap();
    for (key, content) in [
        ("a.yaml", "a: 1\n"),
        ("deep/er/b c+d(1)~ü.yaml", "b: 1\n"),
        ("deep/x.yaml", "x: 1\n"),
        ("deeper", "no directory"),
        ("empty", ""),
    ] {
        store.put("apps", key, content).await.unwrap();
    }
    let bucket = open(&store, "apps", Some(credentials("access", "secret")));
    assert!(bucket.exists().await.unwrap());
    assert!(!open(&store, "none", Some(credentials("access", "secret"))).exists().await.unwrap());
    assert_eq!(list(&open(&store, "empty", Some(credentials("access", "secret"))), "").await, []);
    let all = list(&bucket, "").await;
    assert_eq!(keys(&all), ["a.yaml", "deep/er/b c+d(1)~ü.yaml", "deep/x.yaml", "deeper", "empty"]);
    assert_eq!(keys(&list(&bucket, "deep").await), ["deep/er/b c+d(1)~ü.yaml", "deep/x.yaml", "deeper"]);
    assert_eq!(keys(&list(&bucket, "deep/").await), ["deep/er/b c+d(1)~ü.yaml", "deep/x.yaml"]);
    for object in &all {
        let (etag, _) = download(&bucket, &object.key).await.unwrap();
        assert_eq!(etag, object.etag);
        assert!(!etag.contains('"'));
    }
    assert_eq!(download(&bucket, "deep/er/b c+d(1)~ü.yaml").await.unwrap().1, "b: 1\n");
    assert_eq!(download(&bucket, "none").await, None);
    store.put("apps", "a.yaml", "a: 2\n").await.unwrap();
    assert_ne!(list(&bucket, "a.yaml").await[0].etag, all[0].etag);
}

#[tokio::test]
async fn long_listings_come_in_pages() {
    let store = ObjectStore::s3(&["apps"], &S3Options::default()).unwrap();
    for number in 0..1005 {
        store.put("apps", &format!("file-{number:04}"), "").await.unwrap();
    }
    let bucket = open(&store, "apps", None);
    let all = list(&bucket, "").await;
    assert_eq!(all.len(), 1005);
    let pages =
        store.requests().unwrap().iter().filter(|request| request.query.contains("list-type=2")).count();
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn wrong_keys_are_refused_in_the_stores_words() {
    let options = S3Options::default().keys("access", "secret");
    let store = ObjectStore::s3(&["apps"], &options).unwrap();
    store.put("apps", "a.yaml", "a: 1\n").await.unwrap();
    for credentials in [None, Some(credentials("access", "wrong")), Some(credentials("other", "secret"))] {
        let bucket = open(&store, "apps", credentials);
        let error = bucket.exists().await.unwrap_err();
        assert_eq!(error.status(), Some(403), "{error}");
        let error = bucket.list("", &mut |_| {}).await.unwrap_err();
        assert!(matches!(error.code(), Some("AccessDenied" | "SignatureDoesNotMatch")), "{error}");
        assert!(!error.to_string().contains("wrong"));
    }
}

#[tokio::test]
async fn the_store_says_which_region_it_is() {
    let options = S3Options::default().keys("access", "secret").region("eu-west-3");
    let store = ObjectStore::s3(&["apps"], &options).unwrap();
    store.put("apps", "a.yaml", "a: 1\n").await.unwrap();
    let bucket = open(&store, "apps", Some(credentials("access", "secret")));
    assert_eq!(keys(&list(&bucket, "").await), ["a.yaml"]);
    let given = S3::new(
        store.address(),
        true,
        "apps",
        Some("eu-west-3"),
        Some(credentials("access", "secret")),
        &Access::default(),
    );
    assert!(Bucket::S3(given.unwrap()).exists().await.unwrap());
}

#[tokio::test]
async fn private_authorities_are_trusted_on_request() {
    let store = ObjectStore::s3(&["apps"], &S3Options::default().tls()).unwrap();
    let open = |tls: Tls| {
        let access = Access { tls, proxy: None };
        Bucket::S3(S3::new(store.address(), false, "apps", None, None, &access).unwrap())
    };
    let ca = store.ca().unwrap().into_bytes();
    assert!(open(Tls { ca: Some(ca), ..Tls::default() }).exists().await.unwrap());
    let error = open(Tls::default()).exists().await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn temporary_keys_come_from_the_token_service() {
    let options = S3Options::default().keys("access", "secret").ldap("me", "hunter2");
    let store = ObjectStore::s3(&["apps"], &options).unwrap();
    let endpoint = format!("http://{}", store.address()).parse().unwrap();
    let access = Access::default();
    let credentials = assume_role_with_ldap(&endpoint, "me", "hunter2", &access).await.unwrap();
    assert_eq!(credentials.session_token.as_deref(), Some("session"));
    assert!(open(&store, "apps", Some(credentials)).exists().await.unwrap());
    let error = assume_role_with_ldap(&endpoint, "me", "hunter3", &access).await.unwrap_err();
    assert_eq!(error.to_string(), "LDAP server error: wrong password");
}

#[tokio::test]
async fn a_dead_store_is_named() {
    let address = {
        let store = ObjectStore::s3(&["apps"], &S3Options::default()).unwrap();
        store.address().to_owned()
    };
    let bucket = Bucket::S3(S3::new(&address, true, "apps", None, None, &Access::default()).unwrap());
    let error = bucket.exists().await.unwrap_err().to_string();
    assert!(error.contains(&address) && error.contains("connection refused"), "{error}");
}
