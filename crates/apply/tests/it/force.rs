//! Recreating objects whose immutable fields change, and only those.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_apply::{Action, ApplyOptions};

use crate::support::{Fixture, actions, forced, marked, options, uid};

/// Applies the first version, then the second; returns what happened and whether the object was replaced.
async fn replaced(
    test: &Fixture,
    options: ApplyOptions,
    first: &Value,
    second: &Value,
) -> Result<bool, String> {
    test.applied(std::slice::from_ref(first)).await;
    let before = uid(&test.live(first).await);
    let result = test.apply_with(options, std::slice::from_ref(second)).await;
    let after = uid(&test.live(first).await);
    match result {
        Ok(changes) => {
            let is_replaced = before != after;
            let action = if is_replaced { Action::Created } else { Action::Configured };
            assert_eq!(actions(&changes), [action]);
            Ok(is_replaced)
        }
        Err(failure) => {
            assert_eq!(before, after, "an object that could not be applied must stay");
            Err(failure.to_string())
        }
    }
}

fn stateful_set(test: &Fixture, service: &str, replicas: i64) -> Value {
    let mut set = test.deployment("set", replicas, "registry.example/app:1");
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = service.into();
    set
}

fn service(test: &Fixture, ip: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "namespace": test.namespace}, "spec": {"clusterIP": ip, "ports": [{"port": 80}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn immutable_fields_are_changed_by_recreation() {
    let test = Fixture::new("force").await;
    test.applied(&[test.widgets()]).await;
    let widget = |color: &str| test.widget("w", json!({"color": color}));
    let mut locked = test.config_map("locked", json!({"k": "1"}));
    locked["immutable"] = true.into();
    let mut relocked = locked.clone();
    relocked["data"]["k"] = "2".into();
    for (first, second) in [
        (test.job("j", "one"), test.job("j", "two")),
        (stateful_set(&test, "a", 0), stateful_set(&test, "b", 0)),
        (service(&test, ""), service(&test, "None")),
        (locked, relocked),
        (widget("red"), widget("blue")),
    ] {
        let kind = second["kind"].clone();
        let refused = replaced(&test, options(), &first, &second).await;
        assert!(refused.is_err(), "{kind}: {refused:?}");
        assert_eq!(replaced(&test, forced(), &first, &second).await, Ok(true), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_refusals_leave_the_object() {
    let test = Fixture::new("keep").await;
    let valid = |mut set: Value, field: &str, value: Value| {
        set["spec"][field] = value;
        set
    };
    for (first, second) in [
        (
            stateful_set(&test, "a", 0),
            valid(stateful_set(&test, "a", 0), "podManagementPolicy", json!("Odd")),
        ),
        // An immutable field and a bad value at once: recreating would fail halfway.
        (stateful_set(&test, "a", 0), stateful_set(&test, "b", -1)),
        (service(&test, "None"), test_port(service(&test, "None"))),
        (test.job("j", "one"), valid(test.job("j", "two"), "backoffLimit", json!(-1))),
    ] {
        let error = replaced(&test, forced(), &first, &second).await.unwrap_err();
        assert!(error.contains("dry-run failed (Invalid)"), "{error}");
    }
}

fn test_port(mut service: Value) -> Value {
    service["spec"]["ports"][0]["port"] = 99999.into();
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_ask_for_it_themselves() {
    let test = Fixture::new("ask").await;
    for (n, field) in ["labels", "annotations"].into_iter().enumerate() {
        for (m, value) in ["enabled", "Enabled"].into_iter().enumerate() {
            let name = format!("j{n}{m}");
            let (plain, changed) = (test.job(&name, "one"), test.job(&name, "two"));
            let on_desired = marked(changed.clone(), field, "force", value);
            assert_eq!(
                replaced(&test, options(), &plain, &on_desired).await,
                Ok(true),
                "desired {field} {value}"
            );

            // Only the live object has it, and the desired one changes again.
            let third = test.job(&name, "three");
            let outcome = replaced(&test, options(), &on_desired, &third).await;
            assert_eq!(outcome, Ok(true), "live {field} {value}");
        }
        let disabled = marked(test.job("off", "two"), field, "force", "disabled");
        assert!(replaced(&test, options(), &test.job("off", "one"), &disabled).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_blocks_recreation_is_named() {
    let test = Fixture::new("blocked").await;
    let mut first = test.job("j", "one");
    first["metadata"]["finalizers"] = json!(["example.com/hold"]);
    test.applied(std::slice::from_ref(&first)).await;
    let mut second = test.job("j", "two");
    second["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let options = ApplyOptions { recreate_timeout: Duration::from_secs(1), ..forced() };
    let text = test.apply_with(options, &[second]).await.unwrap_err().to_string();
    let want = format!(
        "Job/{}/j immutable field detected, failed to wait for object to be deleted: it still exists after 1 s, held by its finalizers [",
        test.namespace
    );
    assert!(text.starts_with(&want) && text.contains("example.com/hold"), "{text}");
    test.patch_as("test", &first, "", json!({"metadata": {"finalizers": null}})).await;
}
