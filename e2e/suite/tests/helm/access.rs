//! With whose rights releases are made, and on which cluster.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::k8s::ServiceAccount;

use crate::charts::tiny;
use crate::support::World;

fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
}

fn admin(world: &World, account: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": account},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": world.name()}],
    })
}

fn ready_message(object: &HelmRelease) -> &str {
    conditions::message(object, "Ready").unwrap_or_default()
}

async fn failed(world: &World, name: &str, reason: &str) -> HelmRelease {
    world
        .until(name, |object| {
            conditions::is_false(object, "Ready") && conditions::reason(object, "Ready") == Some(reason)
        })
        .await
}

/// A service account without rights is told; with them the release is made; without the account it is let go.
#[tokio::test]
async fn releases_are_made_with_the_rights_of_their_service_account() {
    let world = World::new("account").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.apply(account("tenant")).await;
    world.create(world.release("app", "app", &json!({"serviceAccountName": "tenant"}))).await;
    let object = failed(&world, "app", "StateError").await;
    let user = format!("system:serviceaccount:{}:tenant", world.name());
    assert!(ready_message(&object).contains(&user), "{}", ready_message(&object));
    world.apply(admin(&world, "tenant")).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "first");
    // Who may neither read nor write an object is told that it can't be read, as by Helm.
    world
        .apply(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "releases"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}],
        }))
        .await;
    world.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "releases"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "releases"},
        "subjects": [{"kind": "ServiceAccount", "name": "tenant"}],
    })).await;
    let bindings = world.objects("rbac.authorization.k8s.io/v1", "RoleBinding");
    bindings.delete("tenant", &DeleteParams::default()).await.unwrap();
    // The API server learns of it from a watch of its own.
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.patch("app", json!({"spec": {"values": {"value": "second"}}})).await;
    let object = failed(&world, "app", "UpgradeFailed").await;
    let want = format!(
        "could not get information about the resource: configmaps \"app\" is forbidden: User \"{user}\""
    );
    assert!(ready_message(&object).contains(&want), "{}", ready_message(&object));

    let accounts: kube::Api<ServiceAccount> = world.namespace.api();
    accounts.delete("tenant", &DeleteParams::default()).await.unwrap();
    world.releases().delete("app", &DeleteParams::default()).await.unwrap();
    world.gone("app").await;
    // Nobody was left who might have uninstalled it.
    assert_eq!(world.revisions("app").await, ["1 deployed", "2 failed"]);
}

/// The API server of the suite, as if it were another one: its address, its authority in PEM.
fn api_server(world: &World) -> (String, String) {
    let text = std::fs::read_to_string(world.namespace.control_plane().kubeconfig()).unwrap();
    let config = serde_json::to_value(kube::config::Kubeconfig::from_yaml(&text).unwrap()).unwrap();
    let cluster = &config["clusters"][0]["cluster"];
    let ca = match cluster["certificate-authority-data"].as_str() {
        Some(ca) => String::from_utf8(STANDARD.decode(ca).unwrap()).unwrap(),
        None => std::fs::read_to_string(cluster["certificate-authority"].as_str().unwrap()).unwrap(),
    };
    (cluster["server"].as_str().unwrap().to_owned(), ca)
}

/// A cluster that a ConfigMap describes, which trusts a service account of this one.
#[tokio::test]
async fn a_config_map_describes_a_cluster() {
    let world = World::new("remote").await;
    let _helm = world.controller(&["--feature-gates=ObjectLevelWorkloadIdentity=true"]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let (address, ca) = api_server(&world);
    world.apply(account("deployer")).await;
    world.apply(admin(&world, "deployer")).await;
    for (name, data) in [
        (
            "cluster",
            json!({"provider": "generic", "address": address, "ca.crt": ca, "serviceAccountName": "deployer",
                "audiences": "https://kubernetes.default.svc.cluster.local"}),
        ),
        ("nobody", json!({"provider": "nobody"})),
        (
            "absent",
            json!({"provider": "generic", "address": "https://127.0.0.1:1", "serviceAccountName": "deployer"}),
        ),
    ] {
        world
            .apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}))
            .await;
        let spec = json!({"kubeConfig": {"configMapRef": {"name": name}}});
        world.create(world.release(name, "app", &spec)).await;
    }
    world.ready("cluster").await;
    assert_eq!(world.revisions("cluster").await, ["1 deployed"]);
    let object = failed(&world, "nobody", "RESTClientError").await;
    assert!(
        ready_message(&object).contains("provider 'nobody' not implemented"),
        "{}",
        ready_message(&object)
    );
    // Its storage is what is asked first.
    let object = failed(&world, "absent", "StateError").await;
    let secrets = format!("https://127.0.0.1:1/api/v1/namespaces/{}/secrets", world.name());
    assert_eq!(
        ready_message(&object),
        format!(
            "Could not determine release state: failed to retrieve last release from storage: query: failed to query with labels: Get \"{secrets}?labelSelector=name%3Dabsent%2Cowner%3Dhelm\": dial tcp 127.0.0.1:1: connect: connection refused"
        )
    );
    let is_attempted = |object: &HelmRelease| {
        let revision = object.status.as_ref().and_then(|status| status.last_attempted_revision.as_ref());
        revision.is_some_and(|revision| revision.starts_with("1.0.0+"))
    };
    world.until("absent", is_attempted).await;
    world.releases().delete("cluster", &DeleteParams::default()).await.unwrap();
    world.gone("cluster").await;
    assert!(world.config_map("cluster").await.is_none());
}
