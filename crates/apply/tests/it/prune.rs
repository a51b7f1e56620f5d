//! Deleting what is no longer wanted.

use std::time::Duration;

use serde_json::json;
use sluice_apply::{
    Action,
    inventory::{Entry, from_changes},
    prune::wait_for_termination,
};

use crate::support::{Fixture, GROUP, actions, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn owned_objects_go_in_reverse_order() {
    let test = Fixture::new("reverse").await;
    let ns = &test.namespace;
    let web = test.deployment("web", 0, "registry.example/app:1");
    let gone = test.config_map("gone", json!({}));
    let changes = test.apply(&[test.config_map("a", json!({})), gone.clone(), web]).await.unwrap();
    test.delete(&gone).await;
    let outcome = test.prune(&changes).await;
    assert_eq!(
        outcome.changes.to_string(),
        format!("Deployment/{ns}/web deleted\nConfigMap/{ns}/gone deleted\nConfigMap/{ns}/a deleted")
    );
    wait_for_termination(&test.cluster, &outcome.changes, Duration::from_secs(20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_someone_else_stays() {
    let test = Fixture::new("foreign").await;
    let config = test.config_map("a", json!({}));
    let changes = test.apply(std::slice::from_ref(&config)).await.unwrap();
    test.patch_as("other", &config, "", json!({"metadata": {"labels": {format!("{GROUP}/name"): "other"}}}))
        .await;
    let outcome = test.prune(&changes).await;
    assert_eq!(actions(&outcome.changes), [Action::Skipped]);
    assert!(test.live(&config).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_deletions_survive_and_do_not_stop_the_rest() {
    let test = Fixture::new("refused").await;
    let ns = &test.namespace;
    let (kept, other) = (test.config_map("kept", json!({})), test.config_map("other", json!({})));
    let changes = test.apply(&[kept.clone(), other.clone()]).await.unwrap();
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": ns},
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "oldObject.metadata.name != 'kept'", "message": "not this one"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": ns},
        "spec": {"policyName": ns, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns}}}},
    });
    test.apply_as("test", &policy).await;
    test.apply_as("test", &binding).await;
    // Policies take a moment to be in force.
    let probe = sluice_apply::Object::new(kept.clone()).unwrap();
    let resource = test.cluster.resolve(&probe.gvk()).await.unwrap();
    eventually("the policy", async || {
        test.apply_as("someone", &kept).await;
        test.cluster.delete(&resource, &probe.id(), None).await.is_err()
    })
    .await;
    test.apply(std::slice::from_ref(&kept)).await.unwrap();

    let outcome = test.prune(&changes).await;
    assert_eq!(actions(&outcome.changes), [Action::Deleted, Action::Unknown]);
    assert_eq!(outcome.survivors, from_changes(&changes)[..1]);
    let text = outcome.failure().unwrap();
    assert!(
        text.starts_with(&format!("delete failed, errors: ConfigMap/{ns}/kept delete failed: ")),
        "{text}"
    );
    assert!(text.contains("not this one") && text.ends_with(';'), "{text}");

    test.delete(&binding).await;
    test.delete(&policy).await;
    eventually("the deletion", async || test.prune_entries(&outcome.survivors).await.failure().is_none())
        .await;
    assert!(test.live(&kept).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_gone_took_its_objects_along() {
    let test = Fixture::new("nokind").await;
    let group = test.widget_group();
    let entry = Entry::parse(&format!("{}_w_{group}_Widget", test.namespace), "v1").unwrap();
    let outcome = test.prune_entries(std::slice::from_ref(&entry)).await;
    assert_eq!(outcome.survivors, []);
    assert_eq!(actions(&outcome.changes), [Action::Deleted]);
    assert_eq!(outcome.failure(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_whose_server_is_down_is_not_taken_for_gone() {
    let test = Fixture::new("downkind").await;
    let group = test.widget_group();
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": format!("v1.{group}")},
        "spec": {
            "group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"name": "nobody", "namespace": test.namespace},
        },
    });
    test.apply_as("test", &service).await;
    eventually("the server to be missed", async || {
        let live = test.live(&service).await.unwrap();
        live.pointer("/status/conditions/0/status").is_some_and(|status| status == "False")
    })
    .await;
    let entry = Entry::parse(&format!("{}_w_{group}_Widget", test.namespace), "v1").unwrap();
    let outcome = test.prune_entries(std::slice::from_ref(&entry)).await;
    assert_eq!(outcome.survivors, [entry]);
    let text = outcome.failure().unwrap();
    assert!(text.contains("no matches for kind \"Widget\""), "{text}");
    test.delete(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn termination_is_waited_for_and_what_holds_it_is_named() {
    let test = Fixture::new("terminate").await;
    let mut config = test.config_map("a", json!({}));
    config["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let changes = test.apply(std::slice::from_ref(&config)).await.unwrap();
    let outcome = test.prune(&changes).await;
    assert_eq!(actions(&outcome.changes), [Action::Deleted]);
    let error =
        wait_for_termination(&test.cluster, &outcome.changes, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("ConfigMap/{}/a termination timeout: context deadline exceeded", test.namespace)
    );
    assert_eq!(
        error.detail.as_deref(),
        Some("it still exists after 0 s, held by its finalizers [example.com/hold]")
    );
    let release = test.patch_as("test", &config, "", json!({"metadata": {"finalizers": null}}));
    let (released, _) =
        tokio::join!(wait_for_termination(&test.cluster, &outcome.changes, Duration::from_secs(20)), release);
    released.unwrap();
}
