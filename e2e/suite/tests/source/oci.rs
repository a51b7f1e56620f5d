//! Artifacts of registries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::{PushedArtifact, Registry, RegistryOptions};

use crate::objects::{Objects, content, tarball};
use crate::support::{World, paths};

const FILES: [(&str, &str); 3] = [("a.yaml", "a: 1\n"), ("deep/b.yaml", "b: 1\n"), ("picture.png", "png")];

fn url(registry: &Registry) -> String {
    format!("oci://{}/org/app", registry.address())
}

#[tokio::test]
async fn a_layer_is_unpacked_or_taken_as_it_is() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let layer = tarball(&FILES);
    let artifact = PushedArtifact::flux(layer.clone()).annotated("org.opencontainers.image.source", "here");
    let digest = registry.push("org/app", "1.0.0", &artifact).await.unwrap();
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("unpacked", json!({"url": url(&registry), "ref": {"semver": "1.x"}})).await;
    objects
        .create(
            "whole",
            json!({"url": url(&registry), "layerSelector": {"operation": "copy"}, "ref": {"digest": digest}}),
        )
        .await;
    let unpacked = objects.ready("unpacked").await;
    assert_eq!(unpacked.revision, format!("1.0.0@{digest}"));
    assert_eq!(unpacked.metadata["org.opencontainers.image.source"], "here");
    // Pictures are left out unless a pattern says something else.
    assert_eq!(paths(&unpacked).await, ["a.yaml", "deep", "deep/b.yaml"]);
    let whole = objects.ready("whole").await;
    assert_eq!(content(&whole).await, layer);
    assert_eq!(whole.revision, digest);
    objects.patch("unpacked", json!({"spec": {"ignore": "deep/\n"}})).await;
    let ignoring = objects.ready_with("unpacked", |artifact| artifact.digest != unpacked.digest).await;
    assert_eq!(paths(&ignoring).await, ["a.yaml", "picture.png"]);
}

#[tokio::test]
async fn an_unchanged_artifact_costs_one_request() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    registry.push("org/app", "latest", &PushedArtifact::flux(tarball(&FILES))).await.unwrap();
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("app", json!({"url": url(&registry)})).await;
    objects.ready("app").await;
    let before = registry.requests().unwrap().len();
    objects.request("app").await;
    let requests = registry.requests().unwrap();
    let after: Vec<&str> = requests[before..].iter().map(|request| request.method.as_str()).collect();
    assert_eq!(after, ["HEAD"]);
    assert!(requests.iter().all(|request| request.user_agent == "flux/v2"));
}

#[tokio::test]
async fn credentials_come_from_secrets() {
    let world = World::new().await;
    let registry = Registry::start_with(&RegistryOptions::default().basic("u", "p").token()).unwrap();
    registry.push("org/app", "latest", &PushedArtifact::flux(tarball(&FILES))).await.unwrap();
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("app", json!({"url": url(&registry), "secretRef": {"name": "auth"}})).await;
    let message = objects.failed("app", "AuthenticationFailed").await;
    let wanted = format!("failed to get credential: failed to get secret '{}/auth': ", world.name());
    assert!(message.starts_with(&wanted), "{message}");
    let config = |password: &str| {
        json!({"auths": {registry.address(): {"username": "u", "password": password}}}).to_string()
    };
    world.secret("auth", &[(".dockerconfigjson", &config("wrong-hunter2"))]).await;
    let message = objects.failed("app", "OCIArtifactPullFailed").await;
    assert!(message.contains("401") || message.contains("UNAUTHORIZED"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    world.secret("auth", &[(".dockerconfigjson", &config("p"))]).await;
    objects.ready("app").await;
}

/// A key pair in the form of cosign: the pair and the public key as PEM.
pub fn key_pair() -> (EcdsaKeyPair, String) {
    /// What says that the rest is a point of P-256.
    const PREFIX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
    let der = [hex::decode(PREFIX).unwrap(), pair.public_key().as_ref().to_vec()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    (pair, pem)
}

/// Signs a manifest of `org/app` as cosign 2 does.
pub async fn sign(registry: &Registry, pair: &EcdsaKeyPair, digest: &str) {
    let document = json!({
        "critical": {
            "identity": {"docker-reference": "org/app"}, "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string();
    let signature = pair.sign(&SystemRandom::new(), document.as_bytes()).unwrap();
    let media_type = "application/vnd.dev.cosign.simplesigning.v1+json";
    let mut layer = registry.push_blob("org/app", media_type, document.as_bytes()).await.unwrap();
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": STANDARD.encode(signature)});
    let config =
        registry.push_blob("org/app", "application/vnd.oci.image.config.v1+json", b"{}").await.unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer],
    });
    let tag = format!("{}.sig", digest.replace(':', "-"));
    registry.push_manifest("org/app", &tag, &manifest).await.unwrap();
}

#[tokio::test]
async fn only_what_is_signed_is_taken() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let digest = registry.push("org/app", "1.0.0", &PushedArtifact::flux(tarball(&FILES))).await.unwrap();
    let ((pair, pem), (other, _)) = (key_pair(), key_pair());
    world.secret("keys", &[("cosign.pub", &pem)]).await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    let verify = json!({"provider": "cosign", "secretRef": {"name": "keys"}});
    objects.create("app", json!({"url": url(&registry), "ref": {"tag": "1.0.0"}, "verify": verify})).await;
    let message = objects.failed("app", "VerificationError").await;
    let wanted = format!(
        "failed to verify the signature using provider 'cosign': no matching signatures were found for '{}/org/app@{digest}'",
        registry.address()
    );
    assert!(message.starts_with(&wanted), "{message}");
    assert!(objects.get("app").await.status.unwrap().artifact.is_none());
    sign(&registry, &other, &digest).await;
    objects.request("app").await;
    objects.failed("app", "VerificationError").await;
    sign(&registry, &pair, &digest).await;
    objects.ready("app").await;
    let object = objects.get("app").await;
    let message = conditions::message(&object, "SourceVerified");
    assert_eq!(message, Some(format!("verified signature of revision 1.0.0@{digest}").as_str()));
}
