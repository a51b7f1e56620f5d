//! What every registry can do.

use std::collections::BTreeMap;

use sluice_http::Tls;
use sluice_oci::{Access, Client, Credentials, Keychain, Manifest, Registries, Repository, Version};
use sluice_testkit::{PushedArtifact, Registry, RegistryOptions};

/// A registry that wants something.
fn start(options: &RegistryOptions) -> Registry {
    // What the test registry's own client needs; a second time it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Registry::start_with(options).unwrap()
}

/// A registry that wants nothing.
fn open() -> Registry {
    start(&RegistryOptions::default())
}

fn client(registry: &Registry, access: Access) -> Client {
    let repository = Repository::parse(&format!("{}/org/app", registry.address()), true).unwrap();
    Client::new(&Registries::default(), repository, access).unwrap()
}

fn user(user: &str, password: &str) -> Access {
    let credentials = Credentials::Basic { user: user.to_owned(), password: password.to_owned() };
    Access { credentials, ..Access::default() }
}

fn tag(text: &str) -> Version {
    Version::Tag(text.to_owned())
}

/// Push, resolve, list and pull.
async fn exercise(registry: &Registry, access: Access) {
    let artifact = PushedArtifact::flux(b"content".to_vec()).annotated("a", "b");
    let digest = registry.push("org/app", "1.0.0", &artifact).await.unwrap();
    registry.push("org/app", "1.1.0", &PushedArtifact::flux(b"newer".to_vec())).await.unwrap();
    let client = client(registry, access);
    assert_eq!(client.resolve(&tag("1.0.0")).await.unwrap(), digest);
    let mut tags = client.tags().all().await.unwrap();
    tags.sort();
    assert_eq!(tags, ["1.0.0", "1.1.0"]);
    let image = client.image(&digest).await.unwrap();
    assert_eq!(image.manifest.annotations, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    let layer = &image.manifest.layers[0];
    assert_eq!(client.read(layer, 100).await.unwrap(), b"content");
    assert!(client.read(layer, 3).await.is_err());
    let error = client.resolve(&tag("9.9.9")).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(client.referrers(&digest, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_open_registry() {
    exercise(&open(), Access::default()).await;
}

#[tokio::test]
async fn the_distribution() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Where it is installed.
    if let Some(registry) = Registry::distribution().unwrap() {
        exercise(&registry, Access::default()).await;
    }
}

#[tokio::test]
async fn registries_list_referrers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Not the one of the other tests, which tells the type of the configuration instead.
    let cue = Registry::cue().unwrap();
    // One that knows the API, but not its filter.
    let unfiltered = Registry::cue_with(&["--no-filter"]).unwrap();
    for registry in [Some(cue), Some(unfiltered), Registry::zot().unwrap()].into_iter().flatten() {
        lists_referrers(&registry).await;
    }
}

#[tokio::test]
async fn a_registry_may_know_no_referrers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    exercise(&Registry::cue_with(&["--no-referrers"]).unwrap(), Access::default()).await;
}

async fn lists_referrers(registry: &Registry) {
    exercise(registry, Access::default()).await;
    let client = client(registry, Access::default());
    let digest = client.resolve(&tag("1.0.0")).await.unwrap();
    let image = client.image(&digest).await.unwrap().manifest;
    let describe = |media_type: &str, digest: &str, size: u64| serde_json::json!({"mediaType": media_type, "digest": digest, "size": size});
    let size = client.manifest_size(&digest).await.unwrap();
    let layer = &image.layers[0];
    for kind in ["application/one", "application/two"] {
        let referrer = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": kind,
            "config": describe(&image.config.media_type, &image.config.digest, image.config.size),
            "layers": [describe(&layer.media_type, &layer.digest, layer.size)],
            "subject": describe("application/vnd.oci.image.manifest.v1+json", &digest, size),
        });
        registry.push_manifest("org/app", &kind.replace('/', "-"), &referrer).await.unwrap();
    }
    let found = client.referrers(&digest, None).await.unwrap();
    let mut kinds: Vec<&str> = found.iter().map(|referrer| referrer.artifact_type.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["application/one", "application/two"]);
    let found = client.referrers(&digest, Some("application/two")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].artifact_type, "application/two");
}

#[tokio::test]
async fn a_registry_that_asks_for_a_password() {
    let registry = start(&RegistryOptions::default().basic("u", "p"));
    exercise(&registry, user("u", "p")).await;
    let error = client(&registry, user("u", "wrong")).resolve(&tag("1.0.0")).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error}");
}

#[tokio::test]
async fn a_registry_with_a_token_server() {
    let registry = start(&RegistryOptions::default().basic("u", "p").token());
    exercise(&registry, user("u", "p")).await;
}

#[tokio::test]
async fn a_registry_with_certificates_on_both_sides() {
    let registry = start(&RegistryOptions::default().mutual_tls());
    let (certificate, key) = registry.client_certificate().unwrap();
    let client = sluice_http::ClientCertificate { certificate: certificate.into(), key: key.into() };
    let tls = Tls { ca: Some(registry.ca().unwrap().into()), client: Some(client), accept_any: false };
    exercise(&registry, Access { tls, ..Access::default() }).await;
}

#[tokio::test]
async fn a_registry_that_does_not_know_head() {
    exercise(&start(&RegistryOptions::default().no_head()), Access::default()).await;
}

#[tokio::test]
async fn an_unchanged_tag_costs_one_request() {
    let registry = open();
    registry.push("org/app", "1.0.0", &PushedArtifact::flux(b"content".to_vec())).await.unwrap();
    let client = client(&registry, Access::default());
    client.resolve(&tag("1.0.0")).await.unwrap();
    let before = registry.requests().unwrap().len();
    client.resolve(&tag("1.0.0")).await.unwrap();
    let requests = registry.requests().unwrap();
    let after: Vec<&str> = requests[before..].iter().map(|request| request.method.as_str()).collect();
    assert_eq!(after, ["HEAD"]);
}

#[tokio::test]
async fn the_image_of_an_index_is_that_for_linux() {
    let registry = open();
    let digest = registry.push("org/app", "amd64", &PushedArtifact::flux(b"content".to_vec())).await.unwrap();
    let size = client(&registry, Access::default()).manifest_size(&digest).await.unwrap();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": media_type, "digest": digest, "size": size,
                       "platform": {"os": "linux", "architecture": "amd64"}}],
    });
    let of_index = registry.push_manifest("org/app", "1.0.0", &index).await.unwrap();
    let client = client(&registry, Access::default());
    assert_eq!(client.resolve(&tag("1.0.0")).await.unwrap(), of_index);
    assert_eq!(client.image(&of_index).await.unwrap().digest, digest);
    assert!(matches!(client.manifest(&tag("1.0.0")).await.unwrap().1, Manifest::Index(_)));
}

#[tokio::test]
async fn credentials_come_from_a_docker_config() {
    let registry = start(&RegistryOptions::default().basic("u", "p"));
    let mut keychain = Keychain::default();
    let config = serde_json::json!({"auths": {registry.address(): {"username": "u", "password": "p"}}});
    keychain.add_config(config.to_string().as_bytes()).unwrap();
    let repository = Repository::parse(&format!("{}/org/app", registry.address()), true).unwrap();
    exercise(&registry, Access { credentials: keychain.resolve(&repository), ..Access::default() }).await;
}
