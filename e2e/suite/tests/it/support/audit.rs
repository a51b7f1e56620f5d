//! What was written, by the API server's own record.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use kube::api::PostParams;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_testkit::{ControlPlane, Namespace};

use super::PATIENCE;

/// A place in the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// A write that the API server answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub uri: String,
    pub object_ref: ObjectRef,
    #[serde(default)]
    pub response_status: Value,
    /// When the request arrived.
    #[serde(rename = "requestReceivedTimestamp")]
    pub received: jiff::Timestamp,
    /// When it was answered.
    #[serde(rename = "stageTimestamp")]
    pub answered: jiff::Timestamp,
    #[serde(default)]
    pub request_object: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ObjectRef {
    pub resource: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub subresource: String,
}

impl Write {
    pub fn is_dry_run(&self) -> bool {
        self.uri.contains("dryRun=All")
    }

    /// Whether it did what it was to do.
    pub fn succeeded(&self) -> bool {
        self.response_status["code"].as_u64().is_some_and(|code| code < 300)
    }

    /// Whether kustomize-controller applied (or tried to apply) an object.
    pub fn is_apply(&self) -> bool {
        self.verb == "patch" && self.uri.contains("fieldManager=kustomize-controller")
    }

    /// `RESOURCE/NAME`.
    pub fn object(&self) -> String {
        format!("{}/{}", self.object_ref.resource, self.object_ref.name)
    }
}

/// The end of the log once it holds every request that was answered before this call.
pub async fn mark(cluster: &ControlPlane, namespace: &Namespace<'_>) -> Result<Mark> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("audit-mark-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let object = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
    }))?;
    let log = cluster.audit_log().context("the control plane keeps no audit log")?;
    let before = std::fs::metadata(log)?.len();
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    namespace.objects("v1", "ConfigMap").create(&dry_run, &object).await?;
    let needle = format!("\"name\":\"{name}\",");
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let text = read(log, before, None)?;
        if let Some(at) = text.find(&needle)
            && let Some(end) = text[at..].find('\n')
        {
            return Ok(Mark(before + (at + end + 1) as u64));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("the audit log does not show {name}")
}

/// The writes in a namespace between two marks, oldest first, those of the marks left out.
pub fn writes(cluster: &ControlPlane, namespace: &str, from: Mark, to: Mark) -> Result<Vec<Write>> {
    let log = cluster.audit_log().context("the control plane keeps no audit log")?;
    let text = read(log, from.0, Some(to.0))?;
    let needle = format!("\"namespace\":\"{namespace}\"");
    let mut writes = Vec::new();
    for line in text.lines().filter(|line| line.contains(&needle)) {
        let Ok(verb) = serde_json::from_str::<Verb<'_>>(line) else { continue };
        if !matches!(verb.verb, "create" | "update" | "patch" | "delete" | "deletecollection") {
            continue;
        }
        let write: Write = serde_json::from_str(line).with_context(|| format!("audit event {line}"))?;
        if write.object_ref.namespace == namespace && !write.object_ref.name.starts_with("audit-mark-") {
            writes.push(write);
        }
    }
    Ok(writes)
}

/// How often kustomize-controller read objects of a resource in a namespace between two marks, one by one or all.
pub fn reads(cluster: &ControlPlane, namespace: &str, resource: &str, from: Mark, to: Mark) -> Result<usize> {
    let log = cluster.audit_log().context("the control plane keeps no audit log")?;
    let text = read(log, from.0, Some(to.0))?;
    let mut count = 0;
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("audit event {line}"))?;
        let agent = event["userAgent"].as_str().unwrap_or_default();
        let object = &event["objectRef"];
        let is_read = matches!(event["verb"].as_str(), Some("get" | "list"))
            && agent.starts_with("kustomize-controller/v")
            && object["namespace"] == namespace
            && object["resource"] == resource;
        count += usize::from(is_read);
    }
    Ok(count)
}

#[derive(Deserialize)]
struct Verb<'a> {
    verb: &'a str,
}

fn read(log: &Path, from: u64, to: Option<u64>) -> Result<String> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    match to {
        Some(to) => file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?,
        None => file.read_to_end(&mut bytes)?,
    };
    // A line at the end may be half written, in the middle of a character.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
