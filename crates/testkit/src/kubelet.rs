//! The part of a kubelet that the API server asks for logs.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::get,
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use sluice_apis::k8s::Node;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{control_plane::ControlPlane, tls::Listener, wait::wait_for};

const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// What the containers of pods have logged, by their names.
type Logs = Arc<HashMap<String, String>>;

/// A node of its own that has logs. Pods go to it by its name; the scheduler leaves it alone.
pub struct Kubelet {
    node: String,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Kubelet {
    /// Adds the node. `logs` are what containers of these names have logged, in whichever pod.
    pub async fn start(cluster: &ControlPlane, node: &str, logs: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = Listener::bind(folder.path()).await?;
        let port = listener.address()?.port();
        let logs = logs.iter().map(|(container, text)| ((*container).to_owned(), (*text).to_owned()));
        let router = Router::new()
            .route("/containerLogs/{namespace}/{pod}/{container}", get(answer))
            .with_state(Logs::new(logs.collect()));
        let task = tokio::spawn(async move {
            // It ends when this is dropped.
            let _ = axum::serve(listener, router).await;
        });
        let nodes: Api<Node> = Api::all(cluster.client().await?);
        let body = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": {"unschedulable": true},
        });
        nodes.create(&PostParams::default(), &serde_json::from_value(body)?).await?;
        // Who plays the nodes sets the status once; what comes after stays.
        let is_ready = |node: Option<&Node>| {
            let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
        };
        wait_for(&nodes, node, PATIENCE, is_ready).await?.context("the node is gone")?;
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }});
        nodes.patch_status(node, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(Self { node: node.to_owned(), task, _folder: folder })
    }

    /// The name of the node.
    pub fn node(&self) -> &str {
        &self.node
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(logs): State<Logs>,
    Path((_, _, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<String, StatusCode> {
    let text = logs.get(&container).ok_or(StatusCode::NOT_FOUND)?;
    let lines: Vec<&str> = text.lines().collect();
    let query = query.unwrap_or_default();
    let wanted = query.split('&').find_map(|pair| pair.strip_prefix("tailLines="));
    let wanted = wanted.and_then(|count| count.parse().ok()).unwrap_or(lines.len());
    let last = &lines[lines.len().saturating_sub(wanted)..];
    Ok(last.iter().flat_map(|line| [*line, "\n"]).collect())
}
