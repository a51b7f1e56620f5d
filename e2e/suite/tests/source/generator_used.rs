//! Who uses what generators make: kustomize-controller, and other generators.

use std::time::Duration;

use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::k8s::ConfigMap;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_testkit::wait_for;

use crate::generator::{PATIENCE, Workshop, sources};
use crate::support::commit;

fn config_map(text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  text: {text}\n")
}

#[tokio::test]
async fn a_kustomization_follows_an_artifact() {
    let shop = Workshop::open().await;
    commit(&shop.app, "deploy/config.yaml", &config_map("first"));
    shop.sources().await;
    shop.create(json!({
        "sources": sources(),
        "artifacts": [{
            "name": "made", "revision": "@app", "copy": [{"from": "@app/deploy/**", "to": "@artifact/"}],
        }],
    }))
    .await;
    let first = shop.artifact("made", |_| true).await;
    let kustomizations: Api<Kustomization> = shop.world.objects();
    let body = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "app"},
        "spec": {
            "interval": "1h", "path": "./", "prune": true, "targetNamespace": shop.world.name(),
            "sourceRef": {"kind": "ExternalArtifact", "name": "made"},
        },
    });
    kustomizations.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    let until = async |check: &dyn Fn(&Kustomization) -> bool| {
        let found = wait_for(&kustomizations, "app", PATIENCE, |object| object.is_some_and(check)).await;
        found.unwrap().unwrap()
    };

    // The feature must be asked for.
    let without = shop.world.kustomize_controller(&[]).await;
    let object = until(&|object| conditions::reason(object, "Ready") == Some("AccessDenied")).await;
    let text = conditions::message(&object, "Ready").unwrap();
    assert!(text.ends_with("ExternalArtifact feature gate is disabled"), "{text}");
    drop(without);

    let _kustomize = shop.world.kustomize_controller(&["--feature-gates=ExternalArtifact=true"]).await;
    let applied = |revision: &str| {
        let revision = revision.to_owned();
        move |object: &Kustomization| {
            let last = object.status.as_ref().and_then(|status| status.last_applied_revision.as_deref());
            conditions::is_ready(object) && last == Some(revision.as_str())
        }
    };
    until(&applied(&first.revision)).await;
    let config_maps: Api<ConfigMap> = shop.world.objects();
    let text = async || config_maps.get("made").await.unwrap().data.unwrap()["text"].clone();
    assert_eq!(text().await, "first");

    // A new revision of the source goes through both, without any interval.
    commit(&shop.app, "deploy/config.yaml", &config_map("second"));
    shop.world.request("app").await;
    let second = shop.artifact("made", |artifact| artifact.digest != first.digest).await;
    assert_eq!(second.revision, shop.world.ready("app").await.revision);
    until(&applied(&second.revision)).await;
    assert_eq!(text().await, "second");
}

#[tokio::test]
async fn a_generator_uses_what_another_one_makes() {
    let shop = Workshop::open().await;
    shop.sources().await;
    shop.create(json!({
        "sources": [{"alias": "made", "kind": "ExternalArtifact", "name": "inner"}],
        "artifacts": [{
            "name": "outer", "originRevision": "@made", "copy": [{"from": "@made/x.yaml", "to": "@artifact/"}],
        }],
    }))
    .await;
    let text = shop.failed("SourceFetchFailed").await;
    assert_eq!(text, "get sources failed: ExternalArtifact.source.toolkit.fluxcd.io \"inner\" not found");
    let body = json!({
        "apiVersion": "source.extensions.fluxcd.io/v1beta1", "kind": "ArtifactGenerator",
        "metadata": {"name": "first"},
        "spec": {
            "sources": sources(),
            "artifacts": [{
                "name": "inner", "originRevision": "@app",
                "copy": [{"from": "@app/apps/two/x.yaml", "to": "@artifact/"}],
            }],
        },
    });
    shop.generators().create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    let outer = shop.artifact("outer", |_| true).await;
    // The origin is handed on.
    let origin = |revision: &str| json!({"org.opencontainers.image.revision": revision});
    let app = shop.world.ready("app").await;
    assert_eq!(serde_json::to_value(&outer.metadata).unwrap(), origin(&app.revision));
    commit(&shop.app, "apps/two/x.yaml", "a: 2\n");
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        shop.world.request("app").await;
        shop.artifact("outer", |artifact| artifact.digest != outer.digest).await
    });
    let newer = waited.await.unwrap();
    let app = shop.world.ready("app").await;
    assert_eq!(serde_json::to_value(&newer.metadata).unwrap(), origin(&app.revision));
}
