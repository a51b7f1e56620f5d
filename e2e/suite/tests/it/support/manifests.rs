//! Manifests: of what is committed, and of what says where that is.

use serde_json::{Value, json};

/// A `GitRepository` that follows branch `main` of a repository, with an interval of an hour.
pub fn git_repository(name: &str, url: &str) -> Value {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": name},
        "spec": {"interval": "1h", "url": url, "ref": {"branch": "main"}},
    })
}

/// A `ConfigMap` with one value.
pub fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: {value:?}\n")
}

/// A Deployment of one container. `pods` says how its pods fare (label `sluice.dev/e2e-pod`): `pending` for
/// never ready, `ready` for ready at once.
pub fn deployment(name: &str, replicas: u32, pods: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}, sluice.dev/e2e-pod: {pods}}}
    spec:
      containers:
      - name: main
        image: example.com/app:1
"
    )
}
