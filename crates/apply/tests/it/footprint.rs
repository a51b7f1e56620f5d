//! What shows in an object's field owners when somebody touches what was applied.

use serde_json::{Value, json};
use sluice_apply::managed_fields::{footprint, takeover_patterns};

use crate::support::Fixture;

const MANAGER: &str = "kustomize-controller";

async fn seen(test: &Fixture, document: &Value) -> blake3::Hash {
    let live = test.live(document).await.unwrap();
    footprint(&live["metadata"], MANAGER, &takeover_patterns(MANAGER, &["override".to_owned()]))
}

/// A change of `document` by somebody, and whether it is drift.
struct Case {
    manager: &'static str,
    subresource: &'static str,
    patch: Value,
    is_drift: bool,
}

fn case(manager: &'static str, subresource: &'static str, is_drift: bool, patch: Value) -> Case {
    Case { manager, subresource, patch, is_drift }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_what_was_applied_show_and_others_do_not() {
    let test = Fixture::new("footprint").await;
    let mut web = test.deployment("web", 1, "registry.example/app:1");
    web["metadata"]["annotations"] = json!({"ours": "1"});
    let mut scaled = test.deployment("scaled", 1, "registry.example/app:1");
    scaled["spec"].as_object_mut().unwrap().remove("replicas");
    let config = test.config_map("config", json!({"ours": "1"}));
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "namespace": test.namespace},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    });
    let image = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "app", "image": "registry.example/app:2", "resources": {"requests": {"cpu": "10m"}}},
    ]}}}});
    let cases = [
        (&web, case("kube", "status", false, json!({"status": {"observedGeneration": 7}}))),
        (
            &web,
            case(
                "other",
                "",
                false,
                json!({"metadata": {"annotations": {"theirs": "1"}, "labels": {"their": "s"}}}),
            ),
        ),
        (&web, case("other", "", true, json!({"metadata": {"annotations": {"ours": "2"}}}))),
        (&web, case("other", "", true, json!({"metadata": {"annotations": {"ours": null}}}))),
        (&web, case("other", "", true, image)),
        (&web, case("hpa", "scale", true, json!({"spec": {"replicas": 3}}))),
        (&web, case("kubectl-edit", "", true, json!({"metadata": {"annotations": {"theirs": "2"}}}))),
        (&web, case("override-me", "", true, json!({"spec": {"paused": true}}))),
        (&scaled, case("hpa", "scale", false, json!({"spec": {"replicas": 3}}))),
        (&config, case("other", "", false, json!({"data": {"theirs": "1"}}))),
        (&config, case("other", "", false, json!({"data": {"ours": "1"}}))),
        (&config, case("other", "", true, json!({"data": {"ours": "2"}}))),
        (&config, case("other", "", true, json!({"metadata": {"managedFields": [{}]}}))),
        (
            &service,
            case(
                "cloud",
                "status",
                false,
                json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
            ),
        ),
    ];
    for (document, Case { manager, subresource, patch, is_drift }) in cases {
        test.applied(std::slice::from_ref(document)).await;
        let before = seen(&test, document).await;
        test.patch_as(manager, document, subresource, patch.clone()).await;
        let after = seen(&test, document).await;
        assert_eq!(before != after, is_drift, "{} by {manager} ({subresource}): {patch}", document["kind"]);
    }
}
