//! The definitions in a chart's `crds/`.

use futures::future::join_all;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject};
use serde_json::{Value, json};

use super::not_ready;
use crate::charts::{Files, tiny};
use crate::support::{World, history};

struct Case {
    name: &'static str,
    spec: Value,
    /// Whether the definition is there after the install, and whether it is the newer one after the upgrade.
    created: bool,
    updated: bool,
}

fn cases() -> Vec<Case> {
    let case = |name, spec, created, updated| Case { name, spec, created, updated };
    let both = |policy: &str| json!({"install": {"crds": policy}, "upgrade": {"crds": policy}});
    let by_client = |install: &str, upgrade: &str| json!({"install": {"crds": install, "serverSideApply": false}, "upgrade": {"crds": upgrade}});
    vec![
        case("default", json!({}), true, true),
        case("create", both("Create"), true, true),
        case("replace", both("CreateReplace"), true, true),
        case("skip", both("Skip"), false, false),
        case("skip-later", json!({"upgrade": {"crds": "Skip"}}), true, false),
        // Applied by the client, what is there is left alone unless it is to be replaced.
        case("client-create", by_client("Create", "Create"), true, false),
        case("client-replace", by_client("Create", "CreateReplace"), true, true),
    ]
}

#[tokio::test]
async fn policies_say_what_becomes_of_definitions() {
    let world = World::new("definitions").await;
    let _helm = world.controller(&[]).await;
    join_all(cases().iter().map(|case| run(&world, case))).await;
}

async fn run(world: &World, case: &Case) {
    let name = case.name;
    world.publish(name, "1.0.0", &chart(&group(world, name), false)).await;
    world.create(world.release(name, name, &case.spec)).await;
    world.ready(name).await;
    let installed = definition(world, name).await;
    assert_eq!(installed.is_some(), case.created, "{name}");
    if let Some(installed) = &installed {
        assert_eq!(installed.metadata.labels.as_ref().unwrap()["helm.toolkit.fluxcd.io/name"], name);
    }

    world.publish(name, "1.1.0", &chart(&group(world, name), true)).await;
    world
        .until(name, |object| history(object).first().is_some_and(|row| row.starts_with("2 deployed")))
        .await;
    let upgraded = definition(world, name).await;
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/b";
    let is_newer = upgraded.as_ref().is_some_and(|definition| definition.data.pointer(properties).is_some());
    assert_eq!(is_newer, case.updated, "{name}");

    world.releases().delete(name, &DeleteParams::default()).await.unwrap();
    world.gone(name).await;
    // Nothing but a human deletes definitions.
    assert_eq!(definition(world, name).await.is_some(), case.created, "{name}");
    let _ = definitions(world).delete(&definition_name(world, name), &DeleteParams::default()).await;
}

/// An object of a kind that the chart itself defines; without the definition, the condition says what is missing.
#[tokio::test]
async fn a_chart_may_use_what_it_defines() {
    let world = World::new("defined").await;
    let _helm = world.controller(&[]).await;
    for name in ["uses", "lacks"] {
        let group = group(&world, name);
        let mut files = chart(&group, false);
        let object = format!("apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {{a: x}}\n");
        files.push(("templates/thing.yaml", object));
        world.publish(name, "1.0.0", &files).await;
    }
    world.create(world.release("uses", "uses", &json!({"persistentClient": false}))).await;
    world.create(world.release("lacks", "lacks", &json!({"install": {"crds": "Skip"}}))).await;
    let object = world.ready("uses").await;
    let entries = object.status.unwrap().inventory.unwrap().entries;
    let ids: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
    assert!(ids.contains(&format!("{}_a_{}_Thing", world.name(), group(&world, "uses"))), "{ids:?}");
    let definition_id =
        format!("_{}_apiextensions.k8s.io_CustomResourceDefinition", definition_name(&world, "uses"));
    assert!(ids.contains(&definition_id), "{ids:?}");

    let object = not_ready(&world, "lacks", "InstallFailed").await;
    assert!(super::message(&object).contains("no matches for kind \"Thing\""), "{}", super::message(&object));
    world.patch("lacks", json!({"spec": {"install": {"crds": "Create"}}})).await;
    world.ready("lacks").await;
    for name in ["uses", "lacks"] {
        let _ = definitions(&world).delete(&definition_name(&world, name), &DeleteParams::default()).await;
    }
}

fn group(world: &World, name: &str) -> String {
    format!("{name}.{}.example.com", world.name())
}

fn definition_name(world: &World, name: &str) -> String {
    format!("things.{}", group(world, name))
}

fn definitions(world: &World) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "apiextensions.k8s.io".to_owned(),
        version: "v1".to_owned(),
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        plural: "customresourcedefinitions".to_owned(),
    };
    Api::all_with(world.namespace.client(), &resource)
}

async fn definition(world: &World, name: &str) -> Option<DynamicObject> {
    definitions(world).get_opt(&definition_name(world, name)).await.unwrap()
}

/// A chart with a definition, which has one more field when it is newer.
fn chart(group: &str, is_newer: bool) -> Files {
    let mut fields = json!({"a": {"type": "string"}});
    if is_newer {
        fields["b"] = json!({"type": "string"});
    }
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": fields}},
            }}}],
        },
    });
    let mut files = tiny();
    files.push(("crds/things.yaml", definition.to_string()));
    files
}
