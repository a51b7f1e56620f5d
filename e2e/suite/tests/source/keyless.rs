//! Bundles of cosign 3 without keys, made for a sigstore of the tests' own.

use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::Registry;

use crate::objects::{Objects, content};
use crate::support::World;

const REPOSITORY: &str = "org/app";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A registry with the artifact that the bundles are of.
struct Signed {
    registry: Registry,
    made: Value,
    subject: Value,
}

impl Signed {
    async fn start(registry: Registry) -> Self {
        let made = include_str!("../../../../crates/signature/tests/fixtures/bundles.json");
        let mut made: Value = serde_json::from_str(made).unwrap();
        let texts = made["texts"].take();
        put_in(&mut made, texts.as_array().unwrap());
        for (media_type, content) in
            [("application/vnd.oci.empty.v1+json", "{}"), ("text/plain", made["layer"].as_str().unwrap())]
        {
            registry.push_blob(REPOSITORY, media_type, content.as_bytes()).await.unwrap();
        }
        let text = made["manifest"].as_str().unwrap();
        let manifest: Value = serde_json::from_str(text).unwrap();
        let digest = registry.push_manifest(REPOSITORY, "1.0.0", &manifest).await.unwrap();
        assert_eq!(made["digest"], digest, "what was signed has other bytes");
        let subject = json!({"mediaType": manifest["mediaType"], "digest": digest, "size": text.len()});
        Self { registry, made, subject }
    }

    fn bundle(&self, name: &str) -> Value {
        let bundles = self.made["bundles"].as_array().unwrap();
        bundles.iter().find(|bundle| bundle["name"] == name).unwrap()["bundle"].clone()
    }

    /// Pushes a bundle as cosign does.
    async fn attach(&self, bundle: &Value, tag: &str) {
        let layer = self.registry.push_blob(REPOSITORY, BUNDLE, bundle.to_string().as_bytes()).await.unwrap();
        let config = "application/vnd.oci.empty.v1+json";
        let config = self.registry.push_blob(REPOSITORY, config, b"{}").await.unwrap();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": BUNDLE, "config": config, "layers": [layer], "subject": self.subject,
        });
        self.registry.push_manifest(REPOSITORY, tag, &manifest).await.unwrap();
    }

    fn spec(&self, subject: &str) -> Value {
        json!({
            "url": format!("oci://{}/{REPOSITORY}", self.registry.address()), "insecure": true,
            "ref": {"tag": "1.0.0"}, "layerSelector": {"mediaType": "text/plain", "operation": "copy"},
            "verify": {
                "provider": "cosign", "trustedRootSecretRef": {"name": "root"},
                "matchOIDCIdentity": [{"issuer": self.made["issuer"], "subject": subject}],
            },
        })
    }
}

/// Puts long texts where their numbers are.
fn put_in(value: &mut Value, texts: &[Value]) {
    match value {
        Value::String(text) => {
            if let Some(number) = text.strip_prefix('$') {
                *value = texts[number.parse::<usize>().unwrap()].clone();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| put_in(one, texts)),
        Value::Object(all) => all.values_mut().for_each(|one| put_in(one, texts)),
        _ => {}
    }
}

#[tokio::test]
async fn bundles_of_identities_count() {
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    // One of each version of the log, in registries that tell the type of an artifact and of its configuration.
    let cases = [
        ("first: promise and proof", Registry::cue().unwrap()),
        ("second: stamp", Registry::start().unwrap()),
    ];
    for (index, (name, registry)) in cases.into_iter().enumerate() {
        let signed = Signed::start(registry).await;
        let (app, other, root) = (format!("app-{index}"), format!("other-{index}"), format!("root-{index}"));
        let with_root = |mut spec: Value| {
            spec["verify"]["trustedRootSecretRef"]["name"] = root.as_str().into();
            spec
        };
        let subject = signed.made["subject"].as_str().unwrap();
        objects.create(&app, with_root(signed.spec(subject))).await;
        objects.create(&other, with_root(signed.spec("^https://git\\.example/other/"))).await;
        let text = objects.failed(&app, "VerificationError").await;
        let wanted = "failed to verify the signature using provider 'cosign keyless': ";
        assert!(text.starts_with(wanted), "{text}");
        let json = signed.made["roots"]["root"].to_string();
        world.secret(&root, &[("trusted_root.json", &json)]).await;

        // One whose statement was changed is not in the way of the good one.
        let mut changed = signed.bundle(name);
        changed["dsseEnvelope"]["payload"] = "e30=".into();
        signed.attach(&changed, "changed").await;
        objects.request(&app).await;
        let text = objects.failed(&app, "VerificationError").await;
        assert!(text.contains("no matching signatures: "), "{text}");
        signed.attach(&signed.bundle(name), "good").await;
        objects.request(&app).await;
        let stored = objects.ready(&app).await;
        assert_eq!(content(&stored).await, signed.made["layer"].as_str().unwrap().as_bytes());
        let object = objects.get(&app).await;
        let verified =
            format!("verified signature of revision 1.0.0@{}", signed.made["digest"].as_str().unwrap());
        assert_eq!(conditions::message(&object, "SourceVerified"), Some(verified.as_str()));

        objects.request(&other).await;
        let none = |object: &OciRepository| {
            let text = conditions::message(object, "Ready").unwrap_or_default();
            text.contains("none of the expected identities matched what was in the certificate")
        };
        objects.until(&other, none).await;
    }
}
