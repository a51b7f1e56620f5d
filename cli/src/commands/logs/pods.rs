//! The pods of the controllers.

use std::cmp::Reverse;

use anyhow::{Result, bail};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client};
use sluice_apis::k8s::{Deployment, Pod};

use crate::cluster::explain;
use crate::installation;

/// One pod for each controller: that which most likely does the work.
pub(super) async fn of_controllers(client: &Client, namespace: &str) -> Result<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut found = Vec::new();
    for deployment in installation::deployments(client, namespace).await? {
        let list = api.list(&ListParams::default().labels(&selector(&deployment))).await.map_err(explain)?;
        found.extend(list.items.into_iter().min_by_key(rank));
    }
    if found.is_empty() {
        bail!("no Flux pods found in namespace {namespace:?}");
    }
    Ok(found)
}

/// Selects pods with the labels of the template.
fn selector(deployment: &Deployment) -> String {
    let meta = deployment.spec.template.metadata.as_ref();
    let labels = meta.and_then(|meta| meta.labels.as_ref()).into_iter().flatten();
    labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// The order in which kubectl looks for a pod to read: assigned to a node, running, ready and for how long, restarted
/// often, old.
fn rank(pod: &Pod) -> impl Ord + use<> {
    let status = pod.status.as_ref();
    let is_unassigned =
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_none_or(str::is_empty);
    let phase = match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") => 0,
        Some("Unknown") => 1,
        _ => 2,
    };
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let ready =
        conditions.into_iter().find(|condition| condition.type_ == "Ready" && condition.status == "True");
    let ready_since = ready
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map_or(Timestamp::MAX, |time| time.0);
    let containers = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
    let restarts = containers.map(|container| container.restart_count).max().unwrap_or_default();
    let created = pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    (is_unassigned, phase, ready.is_none(), ready_since, Reverse(restarts), created)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, phase: &str, ready_since: Option<&str>) -> Pod {
        let conditions = ready_since.map(
            |time| json!([{"type": "Ready", "status": "True", "lastTransitionTime": format!("{time}T00:00:00Z")}]),
        );
        let containers = json!({"containers": [], "nodeName": node});
        let status = json!({"phase": phase, "conditions": conditions});
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": containers, "status": status}))
            .unwrap()
    }

    #[test]
    fn the_pod_that_works_longest_is_read() {
        let mut pods = [
            pod("unassigned", "", "Running", None),
            pod("pending", "n", "Pending", None),
            pod("failed", "n", "Failed", None),
            pod("unready", "n", "Running", None),
            pod("newer", "n", "Running", Some("2026-01-02")),
            pod("older", "n", "Running", Some("2026-01-01")),
        ];
        pods.sort_by_key(rank);
        let names: Vec<_> = pods.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
        assert_eq!(names, ["older", "newer", "unready", "pending", "failed", "unassigned"]);
    }
}
