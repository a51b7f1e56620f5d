//! Creating, changing and leaving objects alone.

use serde_json::{Value, json};
use sluice_apply::{Action, Applier, Object, applier::Memory, park::Here};

use crate::support::{Fixture, GROUP, Remembered, actions, managers, options, version};

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
        applier.apply_staged(test.prepared(&[document]), memory, &Here).await.unwrap()
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
    let changes = pass(&memory, test.config_map("a", json!({"k": "2"}))).await;
    assert_eq!(actions(&changes), [Action::Configured]);
    remember(&mut memory, &changes);

    // Somebody else made the change that is wanted now: it is found when the object is read.
    test.patch_as("someone", &config, "", json!({"data": {"k": "3"}})).await;
    let changes = pass(&memory, test.config_map("a", json!({"k": "3"}))).await;
    assert_eq!(actions(&changes), [Action::Unchanged]);

    // Annotations that somebody put on it count, whatever the next desired object is.
    test.patch_as(
        "someone",
        &config,
        "",
        json!({"metadata": {"annotations": {format!("{GROUP}/ssa"): "Ignore"}}}),
    )
    .await;
    let changes = pass(&memory, test.config_map("a", json!({"k": "4"}))).await;
    assert_eq!(actions(&changes), [Action::Skipped]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_manifest_that_comes_to_the_same_is_no_change() {
    let test = Fixture::new("memory-same").await;
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": test.namespace},
        "spec": {"ports": [{"port": 80}]},
    });
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    let mut memory = Remembered::default();
    let mut digests = Vec::new();
    for (explicit, wanted) in [(false, Action::Created), (true, Action::Unchanged), (true, Action::Unchanged)]
    {
        if explicit {
            service["spec"]["sessionAffinity"] = "None".into();
        }
        let set = test.prepared(std::slice::from_ref(&service));
        let changes = applier.apply_staged(set, &memory, &Here).await.unwrap();
        assert_eq!(actions(&changes), [wanted]);
        let change = &changes.entries[0];
        let applied = change.applied.clone().unwrap();
        assert_eq!(applied.resource_version, version(&test.live(&service).await));
        digests.push(applied.digest);
        memory.applied.insert(change.id.clone(), applied);
    }
    assert!(digests[0] != digests[1] && digests[1] == digests[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kubectl_left_is_removed_however_it_is_remembered() {
    let test = Fixture::new("memory-kubectl").await;
    let config = test.config_map("a", json!({"k": "v"}));
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    let mut memory = Remembered::default();
    let changes =
        applier.apply_staged(test.prepared(std::slice::from_ref(&config)), &memory, &Here).await.unwrap();
    let change = &changes.entries[0];
    let applied = change.applied.clone().unwrap();
    memory.applied.insert(change.id.clone(), applied.clone());

    // Seen again with nothing but a status, or an addition of others: it is as it was.
    test.patch_as("someone", &config, "", json!({"data": {"theirs": "kept"}})).await;
    let live = Object::new(test.live(&config).await.unwrap()).unwrap();
    let again = applier.seen_again(&applied, &live).unwrap();
    assert_ne!(again.resource_version, applied.resource_version);
    memory.applied.insert(change.id.clone(), again);

    test.patch_as("kubectl-edit", &config, "", json!({"data": {"added": "by hand"}})).await;
    let live = Object::new(test.live(&config).await.unwrap()).unwrap();
    assert_eq!(applier.seen_again(&applied, &live), None);
    let desired = test.config_map("a", json!({"k": "2"}));
    let changes = applier.apply_staged(test.prepared(&[desired]), &memory, &Here).await.unwrap();
    assert_eq!(actions(&changes), [Action::Configured]);
    assert_eq!(test.live(&config).await.unwrap()["data"], json!({"k": "2", "theirs": "kept"}));
}

/// The first object is written without a dry-run of its own when the last pass knows what there is.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_object_is_not_written_unless_the_others_may_be() {
    let test = Fixture::new("vanguard").await;
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    let good = |name: &str, value: &str| test.config_map(name, json!({"k": value}));
    let bad = |name: &str| test.config_map(name, json!({"no key!": "v"}));
    let mut memory = Remembered { expects_new: true, ..Remembered::default() };
    let pass = async |memory: &Remembered, set: &[Value]| {
        applier.apply_staged(test.prepared(set), memory, &Here).await
    };
    for set in [[good("a", "1"), bad("b")], [bad("a"), good("b", "1")]] {
        let failure = pass(&memory, &set).await.unwrap_err();
        let text = failure.to_string();
        assert!(
            text.contains(" dry-run failed (Invalid): ConfigMap ") && text.lines().count() == 1,
            "{text}"
        );
        for object in &set {
            assert_eq!(test.live(object).await, None);
        }
    }
    let failure = pass(&memory, &[bad("a"), bad("b")]).await.unwrap_err();
    let text = format!("{failure}; {}", failure.detail().unwrap());
    assert!(text.contains("/a dry-run failed") && text.contains("/b dry-run failed"), "{text}");

    let changes = pass(&memory, &[good("a", "1"), good("b", "1")]).await.unwrap();
    assert_eq!(actions(&changes), [Action::Created, Action::Created]);
    for change in changes.entries {
        memory.applied.insert(change.id.clone(), change.applied.unwrap());
    }
    memory.expects_new = false;
    let text = pass(&memory, &[good("a", "2"), bad("b")]).await.unwrap_err().to_string();
    assert!(text.contains("/b dry-run failed"), "{text}");
    assert_eq!(test.live(&good("a", "")).await.unwrap()["data"]["k"], "1");
    // Finalizers alone don't count as drift.
    let mut finalized = good("a", "1");
    finalized["metadata"]["finalizers"] = json!(["example.com/a"]);
    let changes = pass(&memory, &[finalized, good("b", "1")]).await.unwrap();
    assert_eq!(actions(&changes), [Action::Unchanged, Action::Unchanged]);
    assert_eq!(test.live(&good("a", "")).await.unwrap()["metadata"]["finalizers"], Value::Null);
    // What somebody else changed meanwhile is looked at first.
    let merge = json!({"metadata": {"annotations": {format!("{GROUP}/ssa"): "Ignore"}}});
    test.patch_as("someone", &good("a", ""), "", merge).await;
    let changes = pass(&memory, &[good("a", "2"), good("b", "2")]).await.unwrap();
    assert_eq!(actions(&changes), [Action::Skipped, Action::Configured]);
}

/// The definition with a version `v2` like its first.
fn with_second_version(mut definition: Value) -> Value {
    let mut v2 = definition["spec"]["versions"][0].clone();
    v2["name"] = "v2".into();
    v2["storage"] = false.into();
    definition["spec"]["versions"].as_array_mut().unwrap().push(v2);
    definition
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_the_same_is_no_change() {
    let test = Fixture::new("memory-version").await;
    let mut widget = test.widget("w", json!({"size": 1}));
    test.applied(&[with_second_version(test.widgets()), widget.clone()]).await;
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    let mut memory = Remembered::default();
    for version in ["v1", "v1", "v2"] {
        widget["apiVersion"] = format!("{}/{version}", test.widget_group()).into();
        let set = test.prepared(std::slice::from_ref(&widget));
        let changes = applier.apply_staged(set, &memory, &Here).await.unwrap();
        assert_eq!(actions(&changes), [Action::Unchanged], "{version}");
        let change = &changes.entries[0];
        memory.applied.insert(change.id.clone(), change.applied.clone().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_versions_are_migrated_on_request() {
    let test = Fixture::new("migrate").await;
    let widget = test.widget("w", json!({"size": 1}));
    test.applied(&[with_second_version(test.widgets()), widget.clone()]).await;
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
