//! The last lines that a hook's pods logged, for the failure to tell.

use std::fmt::Write as _;

use kube::Api;
use kube::api::{ListParams, LogParams};
use sluice_apis::k8s::Pod;

use crate::action::Context;
use crate::record::Hook;

/// How many lines of each container, of how many pods, are told.
const LINES: i64 = 10;
const PODS: u32 = 3;
/// How much of it in all.
const LONGEST: usize = 2000;

/// The logs of a hook that asks for them at this point; nothing if there are none, or they can't be read.
pub async fn of_hook(context: &Context<'_>, hook: &Hook, namespace: &str, policy: &str) -> Option<String> {
    if !hook.output_log_policies.iter().any(|of| of == policy) {
        return None;
    }
    let params = match hook.kind.as_str() {
        "Job" => ListParams::default().labels(&format!("job-name={}", hook.name)),
        "Pod" => ListParams::default().fields(&format!("metadata.name={}", hook.name)),
        _ => return None,
    };
    let namespace = namespace_of(hook).unwrap_or_else(|| namespace.to_owned());
    let api: Api<Pod> = Api::namespaced(context.cluster().client().clone(), &namespace);
    let pods = api.list(&params.limit(PODS)).await.ok()?;
    let mut text = String::new();
    for pod in pods.items {
        let Some(name) = pod.metadata.name else { continue };
        for container in pod.spec.map(|spec| spec.containers).unwrap_or_default() {
            let params = LogParams {
                container: Some(container.name.clone()),
                tail_lines: Some(LINES),
                ..LogParams::default()
            };
            if let Ok(log) = api.logs(&name, &params).await
                && !log.trim().is_empty()
            {
                // Writing to memory can't fail.
                let _ = write!(text, "\nlogs of pod {name} ({}):\n{}", container.name, log.trim_end());
            }
        }
    }
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

fn namespace_of(hook: &Hook) -> Option<String> {
    let value = crate::objects::first_document(&hook.manifest)?;
    value["metadata"]["namespace"].as_str().map(ToOwned::to_owned)
}
