//! Values from ConfigMaps and Secrets, and what is wrong with them.

use serde_json::{Value, json};

use super::{message, not_ready};
use crate::charts::tiny;
use crate::support::World;

fn map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

#[tokio::test]
async fn values_come_together_in_their_order() {
    let world = World::new("values").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let data = json!({
        "values.yaml": "value: mapped\nsecond: mapped\nnested: {a: 1, b: [x, z]}\n",
        "more.yaml": "nested: {c: 3}\n",
        "element": "y", "literal": "a,b={c}", "quoted": "'7'", "dotted": "dots",
    });
    world.apply(map("v", &data)).await;
    world
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "v"}, "stringData": {"values.yaml": "second: secret\n"}}))
        .await;
    let at = |key: &str, path: &str| json!({"kind": "ConfigMap", "name": "v", "valuesKey": key, "targetPath": path});
    let spec = json!({
        "valuesFrom": [
            {"kind": "ConfigMap", "name": "v"},
            {"kind": "Secret", "name": "v"},
            {"kind": "ConfigMap", "name": "v", "valuesKey": "more.yaml"},
            at("element", "nested.b[1]"),
            {"kind": "ConfigMap", "name": "v", "valuesKey": "literal", "targetPath": "literal", "literal": true},
            at("quoted", "quoted"),
            at("dotted", "annotations.example\\.com\\/x"),
            {"kind": "ConfigMap", "name": "absent", "optional": true},
            {"kind": "ConfigMap", "name": "v", "valuesKey": "absent", "optional": true},
        ],
        "values": {"value": "inline"},
    });
    world.create(world.release("app", "app", &spec)).await;
    world.ready("app").await;
    assert_eq!(
        world.stored("app").await[0].release["config"],
        json!({
            "value": "inline", "second": "secret", "nested": {"a": 1, "b": ["x", "y"], "c": 3},
            "literal": "a,b={c}", "quoted": "7", "annotations": {"example.com/x": "dots"},
        })
    );
}

/// What can't be used is told with its place, and tried again until it is mended.
#[tokio::test]
async fn what_is_wrong_with_values_is_told() {
    let world = World::new("wrong").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.apply(map("v", &json!({"list": "- a\n", "broken": "a: b: c\n", "text": "s3cr3t"}))).await;
    let reference = |key: &str| json!({"kind": "ConfigMap", "name": "v", "valuesKey": key});
    let at = |path: &str| {
        json!([{"kind": "ConfigMap", "name": "v", "valuesKey": "text", "targetPath": "value"},
            {"kind": "ConfigMap", "name": "v", "valuesKey": "text", "targetPath": path}])
    };
    for (name, values, reason) in [
        ("absent", json!([{"kind": "Secret", "name": "absent"}]), "secrets \"absent\" not found"),
        ("no-key", json!([reference("none")]), "key not found"),
        ("list", json!([reference("list")]), "cannot unmarshal array"),
        ("broken", json!([reference("broken")]), "mapping values are not allowed"),
        ("path", at("value.deep"), "unable to parse key"),
    ] {
        world.create(world.release(name, "app", &json!({"valuesFrom": values}))).await;
        let object = not_ready(&world, name, "ValuesError").await;
        let message = message(&object);
        assert!(message.contains(reason) && message.contains("chart values reference"), "{name}: {message}");
        assert!(!message.contains("s3cr3t"), "{message}");
    }
    world
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "absent"}, "stringData": {"values.yaml": "value: found"}}))
        .await;
    world.ready("absent").await;
    assert_eq!(world.config_map("absent").await.unwrap()["value"], "found");
}

/// A chart's schema refuses values, unless it is switched off.
#[tokio::test]
async fn schemas_refuse_values_unless_they_are_off() {
    let world = World::new("schema").await;
    let _helm = world.controller(&[]).await;
    let mut files = tiny();
    files.push((
        "values.schema.json",
        json!({"type": "object", "properties": {"value": {"enum": ["first", "new"]}}}).to_string(),
    ));
    world.publish("app", "1.0.0", &files).await;
    world.create(world.release("app", "app", &json!({"values": {"value": "other"}}))).await;
    let object = not_ready(&world, "app", "InstallFailed").await;
    assert!(
        message(&object).contains("values don't meet the specifications of the schema(s)"),
        "{}",
        message(&object)
    );
    assert!(message(&object).contains("at '/value'"), "{}", message(&object));
    world.patch("app", json!({"spec": {"install": {"disableSchemaValidation": true}}})).await;
    world.ready("app").await;
    world.patch("app", json!({"spec": {"values": {"value": "another"}}})).await;
    not_ready(&world, "app", "UpgradeFailed").await;
    world.patch("app", json!({"spec": {"upgrade": {"disableSchemaValidation": true}}})).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "another");
}
