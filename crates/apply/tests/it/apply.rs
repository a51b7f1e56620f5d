//! Creating, changing and leaving objects alone.

use serde_json::json;
use sluice_apply::{Action, Applier, applier::Memory};

use crate::support::{Fixture, Remembered, actions, managers, options, version};

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_created_changed_and_left_alone() {
    let test = Fixture::new("plain").await;
    let config = test.config_map("a", json!({"k": "v"}));
    let web = test.deployment("web", 0, "registry.example/app:1");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": test.namespace}, "stringData": {"a": "b"}});
    let ns = &test.namespace;
    let set = [web.clone(), secret.clone(), config.clone()];

    assert_eq!(
        test.applied(&set).await,
        format!("ConfigMap/{ns}/a created\nSecret/{ns}/s created\nDeployment/{ns}/web created")
    );
    let live = test.live(&secret).await.unwrap();
    assert_eq!(live["data"], json!({"a": "Yg=="}));
    assert_eq!(managers(&live), ["kustomize-controller/Apply"]);

    let before = version(&test.live(&config).await);
    assert_eq!(
        test.applied(&set).await,
        format!("ConfigMap/{ns}/a unchanged\nSecret/{ns}/s unchanged\nDeployment/{ns}/web unchanged")
    );
    assert_eq!(version(&test.live(&config).await), before);

    test.patch_as("someone", &config, "", json!({"data": {"k": "other", "x": "kept"}})).await;
    let changes = test.apply(&set).await.unwrap();
    assert_eq!(changes.change_log(), format!("ConfigMap/{ns}/a configured"));
    // Fields of other managers than kubectl stay.
    assert_eq!(test.live(&config).await.unwrap()["data"], json!({"k": "v", "x": "kept"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn misspelt_fields_of_built_in_kinds_do_not_matter() {
    let test = Fixture::new("typo").await;
    let mut web = test.deployment("web", 0, "registry.example/app:1");
    web["spec"]["replicaCount"] = 4.into();
    web["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1000m".into();
    let set = [web];
    assert_eq!(actions(&test.apply(&set).await.unwrap()), [Action::Created]);
    assert_eq!(actions(&test.apply(&set).await.unwrap()), [Action::Unchanged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_version_saves_the_dry_run() {
    let test = Fixture::new("memory").await;
    let config = test.config_map("a", json!({"k": "v"}));
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    let mut memory = Remembered { expects_new: true, ..Remembered::default() };

    let pass = async |memory: &Remembered, document| {
        applier.apply_staged(test.prepared(&[document]), memory).await.unwrap()
    };
    let remember = |memory: &mut Remembered, changes: &sluice_apply::ChangeSet| {
        for change in &changes.entries {
            memory.applied.insert(change.id.clone(), change.applied.clone().unwrap());
        }
    };
    let changes = pass(&memory, config.clone()).await;
    assert_eq!(actions(&changes), [Action::Created]);
    remember(&mut memory, &changes);

    // Believed to be new, but it is there.
    let changes = pass(&memory, config.clone()).await;
    assert_eq!(actions(&changes), [Action::Unchanged]);
    memory.expects_new = false;
    assert_eq!(memory.recall(&changes.entries[0].id), changes.entries[0].applied);
    assert_eq!(actions(&pass(&memory, config.clone()).await), [Action::Unchanged]);

    // Another live version, or another desired object, is compared by dry-run.
    test.patch_as("someone", &config, "", json!({"data": {"k": "other"}})).await;
    let changes = pass(&memory, config.clone()).await;
    assert_eq!(actions(&changes), [Action::Configured]);
    remember(&mut memory, &changes);
    assert_eq!(actions(&pass(&memory, test.config_map("a", json!({"k": "2"}))).await), [Action::Configured]);
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_versions_are_migrated_on_request() {
    let test = Fixture::new("migrate").await;
    let mut definition = test.widgets();
    let mut v2 = definition["spec"]["versions"][0].clone();
    v2["name"] = "v2".into();
    v2["storage"] = false.into();
    definition["spec"]["versions"].as_array_mut().unwrap().push(v2);
    let widget = test.widget("w", json!({"size": 1}));
    test.applied(&[definition, widget.clone()]).await;
    test.patch_as("someone", &widget, "", json!({"metadata": {"annotations": {"a": "b"}}})).await;

    let mut moved = widget;
    moved["apiVersion"] = format!("{}/v2", test.widget_group()).into();
    let options = sluice_apply::ApplyOptions { migrate_api_version: true, ..options() };
    let changes = test.apply_with(options.clone(), std::slice::from_ref(&moved)).await.unwrap();
    assert_eq!(actions(&changes), [Action::Configured]);
    let live = test.live(&moved).await.unwrap();
    for entry in live["metadata"]["managedFields"].as_array().unwrap() {
        assert_eq!(entry["apiVersion"], moved["apiVersion"]);
    }
    assert_eq!(actions(&test.apply_with(options, &[moved]).await.unwrap()), [Action::Unchanged]);
}
