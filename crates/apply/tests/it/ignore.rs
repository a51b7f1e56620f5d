//! Fields left to others.

use serde_json::{Value, json};
use sluice_apply::{Action, ApplyOptions, ignore::IgnoreRules};

use crate::support::{Fixture, actions, managers, options};

fn ignoring(path: &str) -> ApplyOptions {
    let ignore = IgnoreRules::new([(vec![path.to_owned()], None)]).unwrap();
    ApplyOptions { ignore, ..options() }
}

async fn actions_of(test: &Fixture, options: &ApplyOptions, desired: Value) -> Vec<Action> {
    actions(&test.apply_with(options.clone(), &[desired]).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_fields_keep_their_live_value() {
    let test = Fixture::new("ignore").await;
    let options = ignoring("/spec/replicas");
    for (name, is_apply) in [("updated", false), ("applied", true)] {
        let web = |image: &str| test.deployment(name, 1, image);
        let first = web("registry.example/app:1");
        assert_eq!(actions_of(&test, &options, first.clone()).await, [Action::Created]);
        if is_apply {
            test.apply_as("scaler", &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": test.namespace}, "spec": {"replicas": 0}})).await;
        } else {
            test.patch_as("scaler", &first, "scale", json!({"spec": {"replicas": 0}})).await;
        }
        assert_eq!(actions_of(&test, &options, first).await, [Action::Unchanged], "{name}");

        // Applied for another reason, the field still stays; whoever applies it keeps it alone.
        let second = web("registry.example/app:2");
        assert_eq!(actions_of(&test, &options, second.clone()).await, [Action::Configured], "{name}");
        let live = test.live(&second).await.unwrap();
        assert_eq!(live["spec"]["replicas"], 0, "{name}");
        assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/app:2");
        let own = live["metadata"]["managedFields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["manager"] == "kustomize-controller")
            .unwrap();
        assert_eq!(
            own["fieldsV1"]["f:spec"].get("f:replicas").is_some(),
            !is_apply,
            "{name}: {:?}",
            managers(&live)
        );
        assert_eq!(actions_of(&test, &options, second).await, [Action::Unchanged], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_lists_are_found_by_their_key() {
    let test = Fixture::new("items").await;
    let options = ignoring("/spec/template/spec/containers/0/resources");
    let first = test.deployment("web", 0, "registry.example/app:1");
    assert_eq!(actions_of(&test, &options, first.clone()).await, [Action::Created]);
    test.apply_as("vpa", &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": test.namespace},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "20m"}}}]}}}})).await;
    assert_eq!(actions_of(&test, &options, first).await, [Action::Unchanged]);
    let second = test.deployment("web", 0, "registry.example/app:2");
    assert_eq!(actions_of(&test, &options, second.clone()).await, [Action::Configured]);
    let live = test.live(&second).await.unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"], "20m");
}
