//! Signatures of charts in registries.

use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::source::v1::{HelmChart, HelmRepository};
use sluice_testkit::{PushedArtifact, Registry};

use crate::charts::{chart, from};
use crate::objects::{Objects, content};
use crate::oci::{key_pair, sign};
use crate::support::World;

/// Pushes a chart `org/app`; its digest.
async fn push(registry: &Registry, version: &str) -> String {
    let layer = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(), chart("app", version));
    let artifact = PushedArtifact {
        config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{}".to_vec()),
        layers: vec![layer],
        annotations: std::collections::BTreeMap::new(),
    };
    registry.push("org/app", version, &artifact).await.unwrap()
}

#[tokio::test]
async fn only_signed_charts_are_taken() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let (first, second) = (push(&registry, "1.0.0").await, push(&registry, "2.0.0").await);
    let ((pair, pem), (other, _)) = (key_pair(), key_pair());
    sign(&registry, &pair, &first).await;
    let _controller = world.controller(&[]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    let url = format!("oci://{}/org", registry.address());
    repositories.create("charts", json!({"url": url, "type": "oci", "insecure": true})).await;
    let objects = Objects::<HelmChart>::of(&world);
    for (name, version) in [("signed", "1.0.0"), ("unsigned", "2.0.0")] {
        let mut spec = from("HelmRepository", "charts", "app", version);
        spec["verify"] = json!({"provider": "cosign", "secretRef": {"name": "keys"}});
        objects.create(name, spec).await;
    }
    // Without the key none counts.
    let text = objects.failed("signed", "VerificationError").await;
    let wanted = "failed to verify the signature using provider 'cosign': ";
    assert!(text.starts_with(wanted), "{text}");
    world.secret("keys", &[("cosign.pub", &pem)]).await;

    assert_eq!(content(&objects.ready("signed").await).await, chart("app", "1.0.0"));
    let object = objects.get("signed").await;
    let message = conditions::message(&object, "SourceVerified");
    assert_eq!(message, Some("verified signature of version 1.0.0"));

    let reference = format!("{}/org/app:2.0.0", registry.address());
    let start = format!("chart verification error: failed to verify oci://{reference}: ");
    for (signed_by_another, why) in [(false, "no signatures found"), (true, "no matching signatures: ")] {
        if signed_by_another {
            sign(&registry, &other, &second).await;
            objects.request("unsigned").await;
        }
        let text = objects.failed("unsigned", "VerificationError").await;
        assert!(text.starts_with(&format!("{start}{why}")), "{text}");
        let object = objects.get("unsigned").await;
        assert!(conditions::is_false(&object, "SourceVerified"));
        assert_eq!(conditions::reason(&object, "SourceVerified"), Some("VerificationError"));
        assert_eq!(conditions::reason(&object, "BuildFailed"), Some("ChartVerificationError"));
        assert!(object.status.unwrap().artifact.is_none());
    }
    sign(&registry, &pair, &second).await;
    objects.request("unsigned").await;
    assert_eq!(objects.ready("unsigned").await.revision, "2.0.0");
}
