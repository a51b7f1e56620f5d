//! Fields that others put on managed objects.

use serde_json::{Value, json};
use sluice_apply::ApplyOptions;

use crate::support::{Fixture, managers, marked, options};

async fn after_passes(test: &Fixture, options: ApplyOptions, desired: &Value) -> Value {
    let first = test.apply_with(options.clone(), std::slice::from_ref(desired)).await.unwrap();
    let second = test.apply_with(options, std::slice::from_ref(desired)).await.unwrap();
    assert!(!second.has_changes(), "the second pass must change nothing: {first} / {second}");
    test.live(desired).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kubectl_did_is_undone() {
    let test = Fixture::new("kubectl").await;
    let edits = json!({"spec": {"minReadySeconds": 5}, "metadata": {"annotations": {"edited": "yes"}}});
    for (name, manager, is_apply) in [
        ("edit", "kubectl-edit", false),
        ("client", "kubectl-client-side-apply", false),
        ("server", "kubectl", true),
        ("before", "before-first-apply", false),
        ("own", "kustomize-controller", false),
    ] {
        let web = test.deployment(name, 0, "registry.example/app:1");
        test.applied(std::slice::from_ref(&web)).await;
        if is_apply {
            let mut partial = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": test.namespace}});
            partial["spec"] = edits["spec"].clone();
            partial["metadata"]["annotations"] = edits["metadata"]["annotations"].clone();
            test.apply_as(manager, &partial).await;
        } else {
            test.patch_as(manager, &web, "", edits.clone()).await;
        }
        let live = after_passes(&test, options(), &web).await;
        assert_eq!(live["spec"].get("minReadySeconds"), None, "{manager}");
        assert_eq!(live["metadata"]["annotations"].get("edited"), None, "{manager}");
        let managers = managers(&live);
        assert!(
            !managers.iter().any(|m| m.starts_with("kubectl") || m.starts_with("before")),
            "{managers:?}"
        );
        assert!(managers.contains(&"kustomize-controller/Apply".to_owned()), "{managers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_managers_did_stays() {
    let test = Fixture::new("others").await;
    let web = test.deployment("web", 0, "registry.example/app:1");
    test.applied(std::slice::from_ref(&web)).await;
    test.patch_as("helm", &web, "", json!({"spec": {"minReadySeconds": 5}})).await;
    let live = after_passes(&test, options(), &web).await;
    assert_eq!(live["spec"]["minReadySeconds"], 5);

    // The operator may name more managers to take over from.
    let options = ApplyOptions { override_managers: vec!["helm".into()], ..options() };
    let live = after_passes(&test, options, &web).await;
    assert_eq!(live["spec"].get("minReadySeconds"), None);
    assert!(!managers(&live).contains(&"helm/Update".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_through_the_subresource_stays_where_replicas_are_not_set() {
    let test = Fixture::new("scale").await;
    let mut web = test.deployment("web", 0, "registry.example/app:1");
    web["spec"].as_object_mut().unwrap().remove("replicas");
    test.applied(std::slice::from_ref(&web)).await;
    test.patch_as("autoscaler", &web, "scale", json!({"spec": {"replicas": 3}})).await;
    let live = after_passes(&test, options(), &web).await;
    assert_eq!(live["spec"]["replicas"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_objects_keep_what_kubectl_did() {
    let test = Fixture::new("merge").await;
    let config = marked(test.config_map("a", json!({"k": "v"})), "labels", "ssa", "Merge");
    test.applied(std::slice::from_ref(&config)).await;
    test.patch_as("kubectl-edit", &config, "", json!({"data": {"x": "y"}})).await;
    let live = after_passes(&test, options(), &config).await;
    assert_eq!(live["data"], json!({"k": "v", "x": "y"}));
    assert_eq!(managers(&live), ["kubectl-edit/Update", "kustomize-controller/Apply"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_annotations_and_labels_are_removed() {
    let test = Fixture::new("stale").await;
    let config = test.config_map("a", json!({"k": "v"}));
    test.patch_as("x", &test.apply_as("old-tool", &config).await, "", json!({"metadata": {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kustomize.toolkit.fluxcd.io/checksum": "1", "fluxcd.io/sync-checksum": "1", "kept": "yes"},
        "labels": {"fluxcd.io/sync-gc-mark": "1"},
    }})).await;
    let live = after_passes(&test, options(), &config).await;
    assert_eq!(live["metadata"]["annotations"], json!({"kept": "yes"}));
    assert_eq!(live["metadata"]["labels"].get("fluxcd.io/sync-gc-mark"), None);
}
