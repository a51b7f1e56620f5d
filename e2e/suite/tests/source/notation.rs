//! Signatures of notation in a registry, of notation's own library's making.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_apis::conditions::{self, is_ready};
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::Registry;

use crate::objects::{Objects, content};
use crate::support::World;

const REPOSITORY: &str = "org/app";

/// A registry with the artifact that the signatures are of.
struct Signed {
    registry: Registry,
    made: Value,
    subject: Value,
}

impl Signed {
    async fn start() -> Self {
        let made = include_str!("../../../../crates/signature/tests/fixtures/notation.json");
        let made: Value = serde_json::from_str(made).unwrap();
        let registry = Registry::start().unwrap();
        for (media_type, content) in
            [("application/vnd.oci.empty.v1+json", "{}"), ("text/plain", made["layer"].as_str().unwrap())]
        {
            registry.push_blob(REPOSITORY, media_type, content.as_bytes()).await.unwrap();
        }
        let manifest: Value = serde_json::from_str(made["manifest"].as_str().unwrap()).unwrap();
        let digest = registry.push_manifest(REPOSITORY, "1.0.0", &manifest).await.unwrap();
        assert_eq!(made["digest"], digest, "what was signed has other bytes");
        let subject = json!({"mediaType": manifest["mediaType"], "digest": digest, "size": made["size"]});
        Self { registry, made, subject }
    }

    /// Pushes a signature; returns its digest.
    async fn attach(&self, name: &str) -> String {
        let made = &self.made["signatures"][name];
        let envelope = STANDARD.decode(made["envelope"].as_str().unwrap()).unwrap();
        let media_type = made["type"].as_str().unwrap();
        let layer = self.registry.push_blob(REPOSITORY, media_type, &envelope).await.unwrap();
        self.attach_layer(&layer, &name.replace(' ', "-")).await
    }

    async fn attach_layer(&self, layer: &Value, tag: &str) -> String {
        let config = "application/vnd.cncf.notary.signature";
        let config = self.registry.push_blob(REPOSITORY, config, b"{}").await.unwrap();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": [layer], "subject": self.subject,
        });
        self.registry.push_manifest(REPOSITORY, tag, &manifest).await.unwrap()
    }

    fn spec(&self) -> Value {
        json!({
            "url": format!("oci://{}/{REPOSITORY}", self.registry.address()), "insecure": true,
            "ref": {"tag": "1.0.0"}, "layerSelector": {"mediaType": "text/plain", "operation": "copy"},
            "verify": {"provider": "notation", "secretRef": {"name": "trust"}},
        })
    }

    /// Trusts an authority, as far as the level says.
    async fn trust(&self, world: &World, authority: &str, level: &str) {
        let policy = json!({"version": "1.0", "trustPolicies": [{
            "name": "p", "registryScopes": [format!("{}/{REPOSITORY}", self.registry.address())],
            "signatureVerification": {"level": level}, "trustStores": ["ca:x"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Example"],
        }]});
        let certificate = self.made[authority].as_str().unwrap();
        world
            .secret("trust", &[("trustpolicy.json", &policy.to_string()), ("authority.crt", certificate)])
            .await;
    }
}

#[tokio::test]
async fn one_good_signature_is_enough_and_the_bad_ones_are_named() {
    let world = World::new().await;
    let signed = Signed::start().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    signed.trust(&world, "authority", "strict").await;
    objects.create("app", signed.spec()).await;
    let reference =
        format!("{}/{REPOSITORY}@{}", signed.registry.address(), signed.made["digest"].as_str().unwrap());
    let failure = "failed to verify the signature using provider 'notation': ";
    let start = format!("{failure}no matching signatures were found for '{reference}': ");
    let none = format!(
        "{failure}no signature is associated with \"{reference}\", make sure the artifact was signed successfully"
    );
    assert_eq!(objects.failed("app", "VerificationError").await, none);

    let stranger = signed.attach("cose stranger").await;
    let expired = signed.attach("cose expired").await;
    let both = |object: &OciRepository| {
        let message = conditions::message(object, "SourceVerified").unwrap_or_default();
        message.contains(&stranger) && message.contains(&expired)
    };
    let object = objects.until("app", both).await;
    let message = conditions::message(&object, "SourceVerified").unwrap();
    assert!(message.starts_with(&start), "{message}");
    let why = format!(
        "signature {stranger}: signature is not produced by a trusted signer: certificate 'CN=stranger,"
    );
    assert!(message.contains(&why), "{message}");
    let why = format!("signature {expired}: digital signature has expired on 2024-06-01T00:00:00Z");
    assert!(message.contains(&why), "{message}");
    assert!(object.status.unwrap().artifact.is_none());

    // What is no envelope, and what is none that can be had, is not in the way of one that is.
    let other = signed.registry.push_blob(REPOSITORY, "application/x-other", b"other").await.unwrap();
    signed.attach_layer(&other, "other").await;
    let mut missing = other;
    missing["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    missing["mediaType"] = "application/cose".into();
    signed.attach_layer(&missing, "missing").await;
    signed.attach("cose ES384").await;
    let stored = objects.ready("app").await;
    assert_eq!(content(&stored).await, signed.made["layer"].as_str().unwrap().as_bytes());
    let verified =
        format!("verified signature of revision 1.0.0@{}", signed.made["digest"].as_str().unwrap());
    assert_eq!(conditions::message(&objects.get("app").await, "SourceVerified"), Some(verified.as_str()));
}

#[tokio::test]
async fn a_policy_that_only_logs_lets_pass_and_vouches_for_nothing() {
    let world = World::new().await;
    let signed = Signed::start().await;
    let controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    let stranger = signed.attach("cose stranger").await;
    signed.trust(&world, "authority", "audit").await;
    objects.create("app", signed.spec()).await;
    objects.ready("app").await;
    assert!(conditions::get(&objects.get("app").await, "SourceVerified").is_none());
    assert!(controller.log().contains(&stranger), "{}", controller.log());

    // With somebody who is trusted it is verified; without, that is not said any more.
    signed.trust(&world, "stranger", "audit").await;
    objects.patch("app", json!({"spec": {"timeout": "59s"}})).await;
    objects.until("app", |object| is_ready(object) && conditions::is_true(object, "SourceVerified")).await;
    signed.trust(&world, "authority", "audit").await;
    objects.patch("app", json!({"spec": {"timeout": "58s"}})).await;
    let unverified =
        |object: &OciRepository| is_ready(object) && conditions::get(object, "SourceVerified").is_none();
    objects.until("app", unverified).await;
}

#[tokio::test]
async fn what_signatures_are_checked_by_is_named_where_it_is_missing() {
    let world = World::new().await;
    let signed = Signed::start().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    let policy = ("trustpolicy.json", r#"{"version": "1.0", "trustPolicies": []}"#);
    world.secret("without-policy", &[("authority.crt", signed.made["authority"].as_str().unwrap())]).await;
    world.secret("without-certificate", &[policy]).await;
    world.secret("without-root", &[("other.json", "{}")]).await;
    let keyless = |root: &str| json!({"provider": "cosign", "trustedRootSecretRef": {"name": root}});
    let notation = |secret: &str| json!({"provider": "notation", "secretRef": {"name": secret}});
    let namespace = world.name();
    let reference =
        format!("{}/{REPOSITORY}@{}", signed.registry.address(), signed.made["digest"].as_str().unwrap());
    // The words of Flux's source-controller 1.9.1.
    for (name, verify, want) in [
        (
            "policy",
            notation("without-policy"),
            format!("notation': 'trustpolicy.json' not found in secret '{namespace}/without-policy'"),
        ),
        (
            "certificate",
            notation("without-certificate"),
            format!("notation': no certificates found in secret '{namespace}/without-certificate'"),
        ),
        (
            "secret",
            json!({"provider": "notation"}),
            format!("notation': verification secret cannot be empty: '{reference}'"),
        ),
        (
            "no-root-secret",
            keyless("none"),
            format!(
                "cosign keyless': failed to read trusted root from secret '{namespace}/none': secrets \"none\" not found"
            ),
        ),
        (
            "no-root",
            keyless("without-root"),
            format!(
                "cosign keyless': failed to read trusted root from secret '{namespace}/without-root': \
                 'trusted_root.json' not found in secret '{namespace}/without-root'"
            ),
        ),
    ] {
        let mut spec = signed.spec();
        spec["verify"] = verify;
        objects.create(name, spec).await;
        let want = format!("failed to verify the signature using provider '{want}");
        assert_eq!(objects.failed(name, "VerificationError").await, want);
    }
}
