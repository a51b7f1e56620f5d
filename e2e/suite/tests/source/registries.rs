//! Registries of others' making, and signatures by others' programs.

use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::{Cosign, NotationSigner, PushedArtifact, Registry};

use crate::objects::{Objects, content, tarball};
use crate::support::{World, paths};

const FILES: [(&str, &str); 2] = [("a.yaml", "a: 1\n"), ("deep/b.yaml", "b: 1\n")];
const REPOSITORY: &str = "org/app";

fn url(registry: &Registry) -> String {
    format!("oci://{}/{REPOSITORY}", registry.address())
}

/// All that are at hand beside the one that the other tests use.
fn others() -> Vec<(&'static str, Registry)> {
    let mut found = vec![("CUE's", Registry::cue().unwrap())];
    found.extend(Registry::distribution().unwrap().map(|registry| ("distribution", registry)));
    found.extend(Registry::zot().unwrap().map(|registry| ("zot", registry)));
    found
}

#[tokio::test]
async fn artifacts_come_from_each() {
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    for (index, (name, registry)) in others().into_iter().enumerate() {
        println!("{name}");
        let layer = tarball(&FILES);
        let mut artifact =
            PushedArtifact::flux(layer.clone()).annotated("org.opencontainers.image.source", "here");
        artifact.layers.push(("text/plain".to_owned(), b"a note".to_vec()));
        let old = registry.push(REPOSITORY, "1.0.0", &artifact).await.unwrap();
        artifact.layers.swap(0, 1);
        let new = registry.push(REPOSITORY, "1.1.0", &artifact).await.unwrap();
        registry.push(REPOSITORY, "2.0.0-rc.1", &artifact).await.unwrap();
        let create = async |name: &str, mut spec: Value| {
            spec["url"] = url(&registry).into();
            spec["insecure"] = true.into();
            let name = format!("{name}-{index}");
            objects.create(&name, spec).await;
            name
        };
        let flux = "application/vnd.cncf.flux.content.v1.tar+gzip";
        let select =
            |operation: &str, media_type: &str| json!({"mediaType": media_type, "operation": operation});
        let tag = create("tag", json!({"ref": {"tag": "1.0.0"}})).await;
        let range =
            create("range", json!({"ref": {"semver": "1.x"}, "layerSelector": select("extract", flux)}))
                .await;
        let note = json!({"ref": {"digest": new}, "layerSelector": select("copy", "text/plain")});
        let note = create("note", note).await;
        let missing = create("none", json!({"ref": {"tag": "3.0.0"}})).await;
        let stored = objects.ready(&tag).await;
        assert_eq!(stored.revision, format!("1.0.0@{old}"), "{name}");
        assert_eq!(stored.metadata["org.opencontainers.image.source"], "here", "{name}");
        assert_eq!(paths(&stored).await, ["a.yaml", "deep", "deep/b.yaml"], "{name}");
        let stored = objects.ready(&range).await;
        assert_eq!(stored.revision, format!("1.1.0@{new}"), "{name}");
        assert_eq!(paths(&stored).await, ["a.yaml", "deep", "deep/b.yaml"], "{name}");
        let stored = objects.ready(&note).await;
        assert_eq!((stored.revision, content(&objects.ready(&note).await).await), (new, b"a note".to_vec()));
        let text = objects.failed(&missing, "OCIArtifactPullFailed").await;
        assert!(text.starts_with("failed to determine artifact digest: "), "{name}: {text}");
    }
}

#[tokio::test]
async fn an_unchanged_tag_costs_one_request_there_too() {
    let world = World::new().await;
    // One that tells digests to whoever asks for heads only, as Amazon's does.
    let registry = Registry::cue_with(&["--no-digest"]).unwrap();
    registry.push(REPOSITORY, "latest", &PushedArtifact::flux(tarball(&FILES))).await.unwrap();
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("app", json!({"url": url(&registry), "insecure": true})).await;
    objects.ready("app").await;
    let before = registry.requests().unwrap().len();
    objects.request("app").await;
    let requests = registry.requests().unwrap();
    let after: Vec<&str> = requests[before..].iter().map(|request| request.method.as_str()).collect();
    assert_eq!(after, ["HEAD"]);
}

/// An `OCIRepository` that wants what is signed.
fn verified(registry: &Registry, provider: &str) -> Value {
    json!({
        "url": url(registry), "insecure": true, "ref": {"tag": "1.0.0"},
        "verify": {"provider": provider, "secretRef": {"name": "trust"}},
    })
}

async fn trust_notation(world: &World, registry: &Registry, signer: &NotationSigner, stores: &[&str]) {
    let policy = json!({"version": "1.0", "trustPolicies": [{
        "name": "p", "registryScopes": [format!("{}/{REPOSITORY}", registry.address())],
        "signatureVerification": {"level": "strict"}, "trustStores": stores,
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Example"],
    }]})
    .to_string();
    let mut data = vec![("trustpolicy.json", policy.as_str()), ("ca.crt", signer.authority.as_str())];
    data.extend(signer.time_authority.as_deref().map(|authority| ("tsa.crt", authority)));
    world.secret("trust", &data).await;
}

#[tokio::test]
async fn what_notation_signed_is_verified() {
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    // With the API for referrers, without its filter, and without it: then there is a tag.
    for (index, flags) in [&[][..], &["--no-filter"], &["--no-referrers"]].into_iter().enumerate() {
        for format in ["jws", "cose"] {
            println!("{format} {flags:?}");
            let registry = Registry::cue_with(flags).unwrap();
            let artifact = PushedArtifact::flux(tarball(&FILES));
            let digest = registry.push(REPOSITORY, "1.0.0", &artifact).await.unwrap();
            let signer = NotationSigner::sign(&registry, REPOSITORY, &digest, format, false).unwrap();
            trust_notation(&world, &registry, &signer, &["ca:x"]).await;
            let name = format!("{format}-{index}");
            objects.create(&name, verified(&registry, "notation")).await;
            objects.ready(&name).await;
            let object = objects.get(&name).await;
            let told = format!("verified signature of revision 1.0.0@{digest}");
            assert_eq!(conditions::message(&object, "SourceVerified"), Some(told.as_str()));
        }
    }
}

#[tokio::test]
async fn time_stamps_of_openssl_are_verified() {
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    for format in ["jws", "cose"] {
        let registry = Registry::cue().unwrap();
        let artifact = PushedArtifact::flux(tarball(&FILES));
        let digest = registry.push(REPOSITORY, "1.0.0", &artifact).await.unwrap();
        let plain = NotationSigner::sign(&registry, REPOSITORY, &digest, format, false).unwrap();
        let stores = ["ca:x", "tsa:x"];
        trust_notation(&world, &registry, &plain, &stores).await;
        objects.create(format, verified(&registry, "notation")).await;
        let text = objects.failed(format, "VerificationError").await;
        assert!(text.contains("has no countersignature of a time-stamping authority"), "{text}");
        // With the time stamp, but without its authority; then with it.
        let stamped = NotationSigner::sign(&registry, REPOSITORY, &digest, format, true).unwrap();
        let stranger = NotationSigner { time_authority: None, ..stamped.clone() };
        trust_notation(&world, &registry, &stranger, &stores).await;
        let told = |object: &OciRepository| {
            let text = conditions::message(object, "SourceVerified").unwrap_or_default();
            text.contains("the time-stamping authority 'CN=time,O=Example' was not certified by an authority")
        };
        objects.until(format, told).await;
        trust_notation(&world, &registry, &stamped, &stores).await;
        objects.ready(format).await;
    }
}

#[tokio::test]
async fn what_cosign_signed_is_verified() {
    // Where it is built.
    let Some(cosign) = Cosign::find().unwrap() else {
        eprintln!("not tested: SLUICE_COSIGN names no cosign");
        return;
    };
    let stranger = Cosign::find().unwrap().unwrap();
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    world.secret("trust", &[("cosign.pub", &cosign.public_key().unwrap())]).await;
    for (index, (name, registry)) in others().into_iter().enumerate() {
        for (form, as_bundle) in [("bundle", true), ("tag", false)] {
            println!("{form} in {name}");
            let artifact = PushedArtifact::flux(tarball(&FILES)).annotated("form", form);
            let digest = registry.push(REPOSITORY, "1.0.0", &artifact).await.unwrap();
            let object = format!("{form}-{index}");
            objects.create(&object, verified(&registry, "cosign")).await;
            let text = objects.failed(&object, "VerificationError").await;
            assert!(text.contains("there is no signature"), "{text}");
            stranger.sign(&registry, REPOSITORY, &digest, as_bundle).unwrap();
            let refused = |object: &OciRepository| {
                let text = conditions::message(object, "SourceVerified").unwrap_or_default();
                conditions::is_false(object, "Ready") && !text.contains("there is no signature")
            };
            objects.until(&object, refused).await;
            cosign.sign(&registry, REPOSITORY, &digest, as_bundle).unwrap();
            assert_eq!(objects.ready(&object).await.revision, format!("1.0.0@{digest}"));
            let told = format!("verified signature of revision 1.0.0@{digest}");
            let object = objects.get(&object).await;
            assert_eq!(conditions::message(&object, "SourceVerified"), Some(told.as_str()), "{name}");
        }
    }
}
