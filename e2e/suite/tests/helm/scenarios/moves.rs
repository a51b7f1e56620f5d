//! Releases in other namespaces, with other names, of other charts.

use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use sluice_apis::k8s::{ConfigMap, Namespace, Secret};

use super::{message, not_ready};
use crate::charts::tiny;
use crate::support::{World, history};

async fn namespace(world: &World, suffix: &str) -> String {
    let name = format!("{}-{suffix}", world.name());
    let object =
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let api: Api<Namespace> = Api::all(world.namespace.client());
    api.create(&PostParams::default(), &object.unwrap()).await.unwrap();
    name
}

async fn remove(world: &World, name: &str) {
    let api: Api<Namespace> = Api::all(world.namespace.client());
    api.delete(name, &DeleteParams::default()).await.unwrap();
}

/// The release is made where it is to be, and its namespace with it if that is wanted.
#[tokio::test]
async fn releases_go_to_their_target_namespace() {
    let world = World::new("target").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let target = format!("{}-made", world.name());
    world.create(world.release("lacks", "app", &json!({"targetNamespace": target}))).await;
    let object = not_ready(&world, "lacks", "InstallFailed").await;
    assert!(message(&object).contains(&format!("namespaces \"{target}\" not found")), "{}", message(&object));
    let spec = json!({"targetNamespace": target, "install": {"createNamespace": true}});
    world.create(world.release("app", "app", &spec)).await;
    let object = world.ready("app").await;
    let release = format!("{target}-app");
    assert_eq!(object.status.unwrap().history[0].namespace, target);
    let namespaces: Api<Namespace> = Api::all(world.namespace.client());
    assert_eq!(namespaces.get(&target).await.unwrap().metadata.labels.unwrap()["name"], target);
    let maps: Api<ConfigMap> = Api::namespaced(world.namespace.client(), &target);
    assert!(maps.get_opt(&release).await.unwrap().is_some());
    // The record is with the HelmRelease unless the spec says otherwise.
    assert_eq!(world.revisions(&release).await, ["1 deployed"]);
    world.releases().delete("app", &DeleteParams::default()).await.unwrap();
    world.gone("app").await;
    assert!(maps.get_opt(&release).await.unwrap().is_none());
    remove(&world, &target).await;
}

/// What can't be changed by an upgrade is uninstalled, and installed anew.
#[tokio::test]
async fn what_moves_is_uninstalled_and_installed() {
    let world = World::new("moves").await;
    let _helm = world.controller(&[]).await;
    for chart in ["app", "other"] {
        world.publish(chart, "1.0.0", &tiny()).await;
    }
    let storage = namespace(&world, "storage").await;
    let secrets: Api<Secret> = Api::namespaced(world.namespace.client(), &storage);
    let key = |release: &str, revision: u32| format!("sh.helm.release.v1.{release}.v{revision}");

    world.create(world.release("name", "app", &json!({}))).await;
    world.create(world.release("chart", "app", &json!({}))).await;
    let in_place = json!({"upgrade": {"chartNameChangeStrategy": "InPlaceUpdate"}});
    world.create(world.release("in-place", "app", &in_place)).await;
    world.create(world.release("storage", "app", &json!({"storageNamespace": storage}))).await;
    for name in ["name", "chart", "in-place", "storage"] {
        world.ready(name).await;
    }
    assert!(secrets.get_opt(&key("storage", 1)).await.unwrap().is_some());

    world.patch("name", json!({"spec": {"releaseName": "renamed"}})).await;
    let object = world.ready("name").await;
    assert_eq!(
        (history(&object), &*object.status.unwrap().history[0].name),
        (vec!["1 deployed install".to_owned()], "renamed")
    );
    assert!(world.config_map("name").await.is_none() && world.config_map("renamed").await.is_some());
    assert!(world.revisions("name").await.is_empty());

    for (name, row) in [("chart", "1 deployed install"), ("in-place", "2 deployed upgrade")] {
        world.patch(name, json!({"spec": {"chartRef": {"name": "other"}}})).await;
        let object = world.ready(name).await;
        assert_eq!(history(&object)[0], row, "{name}");
        assert_eq!(object.status.unwrap().history[0].chart_name, "other", "{name}");
    }

    world.patch("storage", json!({"spec": {"storageNamespace": null}})).await;
    let object = world.ready("storage").await;
    assert_eq!(object.status.unwrap().storage_namespace.as_deref(), Some(world.name()));
    assert!(secrets.get_opt(&key("storage", 1)).await.unwrap().is_none());
    assert_eq!(world.revisions("storage").await, ["1 deployed"]);
    remove(&world, &storage).await;
}

/// A name that Helm does not take is shortened.
#[tokio::test]
async fn long_names_are_shortened() {
    let world = World::new("long").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let name = "a-very-long-name-of-a-release-that-is-longer-than-helm-s";
    world.create(world.release(name, "app", &json!({}))).await;
    let object = world.ready(name).await;
    let short = object.status.unwrap().history[0].name.clone();
    assert_eq!(short.len(), 53);
    assert!(short.starts_with("a-very-long-name-of-a-release-that-is-lo-"), "{short}");
    assert_eq!(world.revisions(&short).await, ["1 deployed"]);
}
