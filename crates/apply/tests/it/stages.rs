//! Stages: definitions before what they define, all dry-runs before any write.

use std::time::Duration;

use serde_json::json;
use sluice_apply::ApplyOptions;

use crate::support::{Fixture, managers, marked, options, uid};

#[tokio::test(flavor = "multi_thread")]
async fn definitions_come_before_what_they_define() {
    let test = Fixture::new("defs").await;
    let inner = format!("{}-inner", test.namespace);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}});
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": inner}, "value": 7});
    let mut inside = test.config_map("a", json!({}));
    inside["metadata"]["namespace"] = inner.clone().into();
    let widget = test.widget("w", json!({"size": 1}));
    let ns = &test.namespace;
    let rows =
        test.applied(&[widget.clone(), inside, class.clone(), namespace.clone(), test.widgets()]).await;
    assert_eq!(
        rows,
        format!(
            "CustomResourceDefinition/widgets.{ns}.example.com created\nNamespace/{inner} created\nPriorityClass/{inner} created\n\
             ConfigMap/{inner}/a created\nWidget/{ns}/w created"
        )
    );
    test.delete(&class).await;
    test.delete(&namespace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminating_namespace_blocks_the_rest() {
    let test = Fixture::new("ending").await;
    let held = format!("{}-held", test.namespace);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": held}});
    let mut holder = test.config_map("holder", json!({}));
    holder["metadata"]["namespace"] = held.clone().into();
    holder["metadata"]["finalizers"] = json!(["example.com/hold"]);
    test.apply_as("test", &namespace).await;
    test.apply_as("test", &holder).await;
    test.delete(&namespace).await;

    let other = test.config_map("a", json!({}));
    let options = ApplyOptions { stage_timeout: Duration::from_secs(2), ..options() };
    let failure = test.apply_with(options, &[namespace, other.clone()]).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!(
            "timeout waiting for: [Namespace/{held} status: 'Terminating']\nNamespace/{held} configured\n"
        )
    );
    assert!(failure.detail().unwrap().contains("it is being deleted"), "{:?}", failure.detail());
    assert!(test.live(&other).await.is_none());
    test.patch_as("test", &holder, "", json!({"metadata": {"finalizers": null}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_is_skipped_and_missing_blocks_the_rest() {
    let test = Fixture::new("skipped").await;
    let definition = marked(test.widgets(), "annotations", "ssa", "Ignore");
    let options = ApplyOptions { stage_timeout: Duration::from_secs(2), ..options() };
    let failure = test.apply_with(options, &[definition, test.config_map("a", json!({}))]).await.unwrap_err();
    let name = format!("widgets.{}.example.com", test.namespace);
    assert_eq!(
        failure.to_string(),
        format!("timeout waiting for: [CustomResourceDefinition/{name} status: 'NotFound']\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_unless_all_dry_runs_pass() {
    let test = Fixture::new("allornone").await;
    let (changed, edited, job) = (
        test.config_map("a", json!({"k": "1"})),
        test.config_map("z", json!({"k": "1"})),
        test.job("j", "one"),
    );
    test.applied(&[changed.clone(), edited.clone(), job.clone()]).await;
    test.patch_as("kubectl-edit", &edited, "", json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, "data": {"x": "y"}})).await;
    // Of the job, its controller changes the status.
    let state = async || [test.live(&changed).await, test.live(&edited).await];
    let (before, old_job) = (state().await, uid(&test.live(&job).await));

    let wanted = [
        test.config_map("a", json!({"k": "2"})),
        test.config_map("new", json!({})),
        edited.clone(),
        test.job("j", "two"),
        test.bad_service("bad"),
    ];
    // Not even the clean-up of the edited object, or the deletion of the job, has happened.
    test.apply_with(crate::support::forced(), &wanted).await.unwrap_err();
    assert_eq!(state().await, before);
    assert_eq!(uid(&test.live(&job).await), old_job);
    assert!(test.live(&wanted[1]).await.is_none());

    let changes = test.apply_with(crate::support::forced(), &wanted[..4]).await.unwrap();
    let ns = &test.namespace;
    assert_eq!(
        changes.change_log(),
        format!(
            "ConfigMap/{ns}/a configured\nConfigMap/{ns}/new created\nConfigMap/{ns}/z configured\nJob/{ns}/j created"
        )
    );
    let live = test.live(&edited).await.unwrap();
    assert_eq!(live["data"], json!({"k": "1"}));
    assert_eq!(managers(&live), ["kustomize-controller/Apply"]);
}
