//! A team that deploys by itself, and is locked into its namespace.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PLATFORM, ready};

const TEAM: &str = "team-a";

/// What the team deploys. The namespace is its own, and it says so.
pub const APP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n  namespace: team-a\ndata:\n  owner: team-a\n";

/// The platform gave the team a namespace, an account and a source; from there on the team's repository decides.
pub async fn a_team_deploys_into_its_namespace(fleet: &Fleet) -> Result<()> {
    let revision = format!("main@sha1:{}", fleet.team.head()?);
    fleet.applied(TEAM, TEAM, &revision).await?;
    let app = fleet.hub.objects(TEAM, "v1", "ConfigMap").get("app").await?;
    ensure!(app.data["data"]["owner"] == TEAM, "{}", app.data);
    Ok(())
}

/// A Kustomization as the team may write it into its own repository.
fn kustomization(name: &str, spec: &Value) -> String {
    let mut object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {
            "interval": "1h", "retryInterval": "1h", "path": "./inner", "prune": true, "serviceAccountName": TEAM,
            "sourceRef": {"kind": "GitRepository", "name": TEAM},
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.retain(|_, value| !value.is_null());
    }
    object.to_string()
}

/// What a team may try to get out of its namespace, and what it is told.
pub async fn a_team_gets_no_further(fleet: &Fleet) -> Result<()> {
    let inner = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: inner\n  namespace: team-a\n";
    let elsewhere = inner.replace("namespace: team-a", "namespace: shop");
    let cluster = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: team-a\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects:\n- {kind: ServiceAccount, name: team-a, namespace: team-a}\n";
    let remote = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- https://127.0.0.1:1/manifest.yaml\n";
    // Name, what it adds to its spec, what the team reads in its status.
    let attempts = [
        // Objects of other namespaces, and of the cluster.
        ("namespace", json!({"path": "./elsewhere"}), "User \"system:serviceaccount:team-a:team-a\" cannot"),
        ("rights", json!({"path": "./cluster"}), "User \"system:serviceaccount:team-a:team-a\" cannot"),
        // Without an account, or with one that may more.
        (
            "nobody",
            json!({"serviceAccountName": null}),
            "User \"system:serviceaccount:team-a:default\" cannot",
        ),
        (
            "deployer",
            json!({"serviceAccountName": "kustomize-controller"}),
            "User \"system:serviceaccount:team-a:kustomize-controller\" cannot",
        ),
        // The platform's source.
        (
            "source",
            json!({"sourceRef": {"kind": "GitRepository", "name": "flux-system", "namespace": PLATFORM}}),
            "can't access 'GitRepository/flux-system/flux-system', cross-namespace references have been blocked",
        ),
        // The platform's keys, variables and clusters: names lead to the team's own namespace.
        (
            "keys",
            json!({"decryption": {"provider": "sops", "secretRef": {"name": "sops-production"}}}),
            "secrets \"sops-production\" not found",
        ),
        (
            "variables",
            json!({"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "production-secrets"}]}}),
            "substitute from 'Secret/production-secrets' error",
        ),
        (
            "clusters",
            json!({"kubeConfig": {"secretRef": {"name": "staging-kubeconfig"}}}),
            "unable to read KubeConfig secret 'team-a/staging-kubeconfig' error",
        ),
        // Bases from elsewhere.
        ("bases", json!({"path": "./remote"}), "is not allowed: remote bases are disabled"),
    ];
    let mut files = vec![
        ("inner/inner.yaml".to_owned(), inner.to_owned()),
        ("elsewhere/inner.yaml".to_owned(), elsewhere),
        ("cluster/binding.yaml".to_owned(), cluster.to_owned()),
        ("remote/kustomization.yaml".to_owned(), remote.to_owned()),
        // Only this folder is what the platform's Kustomization of the team applies.
        (
            "kustomization.yaml".to_owned(),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [app.yaml, attempts]\n"
                .to_owned(),
        ),
        ("attempts/kustomization.yaml".to_owned(), {
            let names: Vec<String> = attempts.iter().map(|(name, ..)| format!("{name}.yaml")).collect();
            json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names})
                .to_string()
        }),
    ];
    for (name, spec, _) in &attempts {
        files.push((format!("attempts/{name}.yaml"), kustomization(name, spec)));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let revision = format!("main@sha1:{}", fleet.team.commit("Attempts", &files)?);
    fleet.fetch(TEAM, TEAM, &revision).await?;
    fleet.applied(TEAM, TEAM, &revision).await?;
    for (name, _, told) in &attempts {
        let object = fleet.failed(TEAM, name, told).await?;
        println!("{name}: {}", ready(&object)["message"].as_str().unwrap_or_default());
    }
    let maps = fleet.hub.objects("shop", "v1", "ConfigMap");
    ensure!(maps.get_opt("inner").await?.is_none(), "it got into another namespace");
    let bindings = fleet.hub.kubectl(&["get", "clusterrolebinding", "team-a", "--ignore-not-found"]).await?;
    ensure!(bindings.is_empty(), "it got rights: {bindings}");
    ensure!(
        fleet.hub.objects(TEAM, "v1", "ConfigMap").get_opt("inner").await?.is_none(),
        "an attempt was applied"
    );
    Ok(())
}
