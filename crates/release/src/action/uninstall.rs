//! The end of a release.

use std::time::Duration;

use serde_json::json;
use sluice_chart::release::{Head, UNINSTALL_ORDER, split};

use super::Context;
use crate::Failure;
use crate::hooks::{self, HookOptions};
use crate::names;
use crate::objects::{self, KEEP, Propagation, RESOURCE_POLICY, Target};
use crate::record::{Release, now, status};
use crate::storage::StorageError;

/// An uninstallation.
#[derive(Clone, Debug)]
pub struct Uninstall {
    /// Name of the release.
    pub name: String,
    /// How long each Kubernetes operation may take.
    pub timeout: Duration,
    /// Leave hooks out.
    pub no_hooks: bool,
    /// Keep the revisions in storage.
    pub keep_history: bool,
    /// Don't wait until objects are gone.
    pub no_wait: bool,
    /// What happens to the dependents of deleted objects.
    pub propagation: Propagation,
}

/// How an uninstallation went.
pub struct Uninstalled {
    /// The revision that was uninstalled, if it came that far.
    pub release: Option<Release>,
    /// Why it failed.
    pub result: Result<(), UninstallError>,
}

/// Why an uninstallation failed.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    /// There is no such release.
    #[error("uninstall: Release not loaded: {0}: release: not found")]
    NotFound(String),
    /// It was uninstalled before, and its history was kept.
    #[error("the release named {0:?} is already deleted")]
    AlreadyDeleted(String),
    /// Anything else.
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for UninstallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Uninstalls a release. What was stored meanwhile is known to the storage's observer.
pub async fn uninstall(context: &Context<'_>, uninstall: &Uninstall) -> Uninstalled {
    let mut release = None;
    let result = run(context, uninstall, &mut release).await;
    Uninstalled { release, result }
}

async fn run(
    context: &Context<'_>,
    uninstall: &Uninstall,
    result: &mut Option<Release>,
) -> Result<(), UninstallError> {
    let name = &uninstall.name;
    names::validate(name).map_err(|_| Failure::new(format!("uninstall: Release name is invalid: {name}")))?;
    let mut releases = match context.storage.history(name).await {
        Err(StorageError::NotFound) => return Err(UninstallError::NotFound(name.clone())),
        Err(error) => {
            return Err(Failure::new(format!("uninstall: Release not loaded: {name}: {error}")).into());
        }
        Ok(releases) if releases.is_empty() => return Err(UninstallError::NotFound(name.clone())),
        Ok(releases) => releases,
    };
    let mut newest = releases.remove(0);
    if newest.info.status == status::UNINSTALLED {
        if uninstall.keep_history {
            return Err(UninstallError::AlreadyDeleted(name.clone()));
        }
        *result = Some(newest.clone());
        releases.insert(0, newest);
        return purge(context, &releases).await.map_err(Into::into);
    }
    context.log.line("uninstall: deleting release", &json!({"name": name}));
    newest.info.deleted = now();
    newest.set_status(status::UNINSTALLING, "Deletion in progress (or silently failed)");
    *result = Some(newest.clone());
    let options = HookOptions { timeout: uninstall.timeout, server_side: true };
    if uninstall.no_hooks {
        context.log.line("delete hooks disabled", &json!({"release": name}));
    } else {
        hooks::run(context, &mut newest, "pre-delete", options).await?;
    }
    // Whoever comes after a crash from here on finds that it has begun.
    context.storage.record(&newest).await;

    let targets = delete_objects(context, &newest, uninstall.propagation).await.map_err(|errors| {
        context.log.line("uninstall: Failed to delete release", &json!({"error": {}}));
        Failure::new(format!("failed to delete release: {name}")).with_detail(Some(errors.join("; ")))
    })?;
    let (mut errors, mut detail) = (Vec::new(), None);
    if !uninstall.no_wait
        && !targets.is_empty()
        && let Err(failure) = context.waiting.gone(&targets, uninstall.timeout).await
    {
        errors.push(failure.message);
        detail = failure.detail;
    }
    if !uninstall.no_hooks {
        let ran = hooks::run(context, &mut newest, "post-delete", options).await;
        errors.extend(ran.err().map(|failure| failure.message));
    }
    if uninstall.keep_history {
        newest.set_status(status::UNINSTALLED, "Uninstallation complete");
        context.storage.record(&newest).await;
        let deployed = match context.storage.deployed(name).await {
            Err(StorageError::NoDeployed(_)) => Vec::new(),
            result => result.map_err(Failure::from)?,
        };
        for mut other in deployed {
            context.log.line("superseding previous deployment", &json!({"version": other.version}));
            status::SUPERSEDED.clone_into(&mut other.info.status);
            context.storage.record(&other).await;
        }
    } else {
        context.log.line("purge requested", &json!({"release": name}));
        // Oldest first: as long as the newest is there, whoever comes after a crash knows what was going on.
        releases.reverse();
        releases.push(newest.clone());
        errors.extend(purge_in_order(context, &releases).await.err().map(|failure| failure.message));
        newest.set_status(status::UNINSTALLED, "Uninstallation complete");
    }
    *result = Some(newest);
    if errors.is_empty() {
        return Ok(());
    }
    let count = errors.len();
    let text = format!("uninstallation completed with {count} error(s): {}", errors.join("; "));
    Err(Failure::new(text).with_detail(detail).into())
}

async fn purge(context: &Context<'_>, newest_first: &[Release]) -> Result<(), Failure> {
    let oldest_first: Vec<Release> = newest_first.iter().rev().cloned().collect();
    purge_in_order(context, &oldest_first).await
}

async fn purge_in_order(context: &Context<'_>, releases: &[Release]) -> Result<(), Failure> {
    for release in releases {
        match context.storage.delete(release).await {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => {
                return Err(Failure::new(format!("uninstall: Failed to purge the release: {error}")));
            }
        }
    }
    Ok(())
}

/// Deletes the objects of a release in the order of their kinds, but those that are to be kept.
async fn delete_objects(
    context: &Context<'_>,
    release: &Release,
    propagation: Propagation,
) -> Result<Vec<Target>, Vec<String>> {
    let manifest = to_delete(&release.manifest).map_err(|error| {
        vec![format!("corrupted release record. You must manually delete the resources: {error}")]
    })?;
    let targets = build_known(context, &manifest, &release.namespace)
        .await
        .map_err(|error| vec![format!("unable to build kubernetes objects for delete: {error}")])?;
    if targets.is_empty() {
        return Ok(targets);
    }
    let errors = objects::delete_all(&context.requests, &targets, propagation, &context.log).await;
    if errors.is_empty() { Ok(targets) } else { Err(errors) }
}

/// The objects of a manifest whose kinds are still served: objects of others are gone with their kind.
async fn build_known(
    context: &Context<'_>,
    manifest: &str,
    namespace: &str,
) -> Result<Vec<Target>, objects::BuildError> {
    match objects::build(context.cluster(), manifest, namespace).await {
        Err(_) => objects::build_served(context.cluster(), manifest, namespace).await,
        result => result,
    }
}

/// The documents of a manifest that are to be deleted, in the order in which they are.
fn to_delete(manifest: &str) -> Result<String, sluice_chart::DecodeError> {
    let mut documents = Vec::new();
    for document in split(manifest) {
        let head = Head::read(document)?;
        let policy = head.annotations.get(RESOURCE_POLICY).map(|policy| policy.trim().to_lowercase());
        match policy.as_deref() {
            None => documents.push((head.kind, document)),
            Some(KEEP) => {}
            // Helm neither keeps nor deletes what has another policy: it stays.
            Some(_) => {}
        }
    }
    let place = |kind: &str| UNINSTALL_ORDER.iter().position(|known| *known == kind).unwrap_or(usize::MAX);
    documents.sort_by(|(a, _), (b, _)| {
        place(a)
            .cmp(&place(b))
            .then_with(|| if place(a) == usize::MAX { a.cmp(b) } else { std::cmp::Ordering::Equal })
    });
    Ok(documents.iter().flat_map(|(_, document)| ["\n---\n", document]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_policy_stays() {
        let manifest = "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n\
            ---\nkind: Secret\nmetadata: {name: c, annotations: {helm.sh/resource-policy: ' Keep '}}\n---\nkind: Secret\nmetadata: {name: d, annotations: {helm.sh/resource-policy: delete}}\n---\nkind: Zed\nmetadata: {name: e}\n";
        let text = to_delete(manifest).unwrap();
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("metadata: ")).collect();
        assert_eq!(names, ["{name: b}", "{name: a}", "{name: e}"]);
    }
}
