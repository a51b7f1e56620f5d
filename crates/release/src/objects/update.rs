//! Sets of objects: created, brought from one manifest to the next, deleted.

use futures::{StreamExt, stream};
use serde_json::json;
use sluice_apply::{ClusterError, Object};

use super::ignored::IgnoredFailure;
use super::request::{CONCURRENT, Propagation, Requests};
use super::{KEEP, RESOURCE_POLICY, Target};
use crate::log::Log;
use crate::threeway::{self, Baseline};

/// How to create objects.
#[derive(Clone, Copy, Debug)]
pub struct CreateOptions {
    /// Apply them by the server.
    pub server_side: bool,
    /// Take fields over from other managers.
    pub force: bool,
}

/// How to bring objects to a new state.
#[derive(Clone, Copy, Debug)]
pub struct UpdateOptions {
    /// Apply them by the server; fields of other managers are taken over.
    pub server_side: bool,
    /// Replace them instead of patching; not by the server.
    pub replace: bool,
    /// Merge the live state of kinds that have no schema here too; not by the server.
    pub merge_live: bool,
    /// Turn fields that were patched before into applied ones.
    pub migrate: bool,
}

/// What was done to a set of objects, whether or not all went well.
#[derive(Debug, Default)]
pub struct Applied {
    /// Those that were created, or whose creation was tried.
    pub created: Vec<Target>,
    /// Those that were there.
    pub updated: Vec<Target>,
    /// As the API server has them now, where its answer told.
    pub live: Vec<Object>,
}

/// Objects of one kind that stand together don't depend on each other.
fn runs(targets: &[Target]) -> impl Iterator<Item = &[Target]> {
    targets.chunk_by(|a, b| a.object.kind() == b.object.kind())
}

/// Creates objects, and gives them as the API server has them. A failure does not stop the others; all are told.
pub async fn create(
    requests: &Requests,
    targets: &[Target],
    options: CreateOptions,
    log: &Log,
) -> Result<Vec<Object>, String> {
    log.line("creating resource(s)", &json!({"resources": targets.len()}));
    tell_creation(options, log);
    let (mut live, mut errors) = (Vec::new(), Vec::new());
    for run in runs(targets) {
        let results = all(run, |target| create_one(requests, target, options)).await;
        for (target, result) in run.iter().zip(results) {
            tell_created(target, options, result.is_err(), log);
            match result {
                Ok(object) => live.push(object),
                Err(error) => errors.push(error),
            }
        }
    }
    if errors.is_empty() { Ok(live) } else { Err(errors.join("\n")) }
}

/// Runs something for each object, some at once; results stand in the order of the objects.
async fn all<'a, T, F: Future<Output = T>>(run: &'a [Target], each: impl Fn(&'a Target) -> F) -> Vec<T> {
    let futures: Vec<F> = run.iter().map(each).collect();
    stream::iter(futures).buffered(CONCURRENT).collect().await
}

fn tell_creation(options: CreateOptions, log: &Log) {
    if options.server_side {
        log.line(
            "using server-side apply for resource creation",
            &json!({"dryRun": false, "fieldValidationDirective": "Strict", "forceConflicts": options.force}),
        );
    } else {
        log.line("using client-side apply for resource creation", &json!({}));
    }
}

fn tell_created(target: &Target, options: CreateOptions, failed: bool, log: &Log) {
    if !options.server_side {
        return;
    }
    let mut fields = target.log_fields();
    if failed {
        fields["error"] = json!({});
        log.line("Error creating resource via patch", &fields);
    } else {
        log.line("Created resource via patch", &fields);
    }
}

async fn create_one(requests: &Requests, target: &Target, options: CreateOptions) -> Result<Object, String> {
    if options.server_side {
        return requests.apply(target, options.force).await.map_err(|error| applying(target, &error));
    }
    requests.create(target).await.map_err(|error| error.to_string())
}

/// How the failure of an apply reads.
fn applying(target: &Target, error: &ClusterError) -> String {
    let what = if error.status().is_some_and(|status| status.code == 415) {
        return format!("server-side apply not available on the server: {error}");
    } else if error.is_conflict() {
        "conflict occurred while applying object"
    } else {
        "server-side apply failed for object"
    };
    format!("{what} {}: {error}", target.described())
}

/// Brings the objects of one manifest to those of another: creates, changes, and deletes what is no longer there.
///
/// An object that can't be created stops those of later kinds; changes that fail don't stop anything, but nothing is
/// deleted then.
pub async fn update(
    requests: &Requests,
    current: &[Target],
    wanted: &[Target],
    options: UpdateOptions,
    log: &Log,
) -> (Applied, Result<(), String>) {
    let creation = CreateOptions { server_side: options.server_side, force: options.server_side };
    tell_creation(creation, log);
    tell_update(options, log);
    log.line("checking resources for changes", &json!({"resources": wanted.len()}));
    let mut applied = Applied::default();
    let mut errors: Vec<String> = Vec::new();
    for run in runs(wanted) {
        let results = all(run, |target| {
            let original = current.iter().find(|original| original.matches(target));
            update_one(requests, target, original, options)
        })
        .await;
        let mut fatal = None;
        for (target, outcome) in run.iter().zip(results) {
            match outcome {
                Outcome::Created(result) => {
                    applied.created.push(target.clone());
                    tell_created(target, creation, result.is_err(), log);
                    match result {
                        Ok(object) => {
                            log.line("created a new resource", &kind_fields(target));
                            applied.live.push(object);
                        }
                        Err(error) => {
                            let _ = fatal.get_or_insert(format!("failed to create resource: {error}"));
                        }
                    }
                }
                Outcome::Updated(result) => {
                    applied.updated.push(target.clone());
                    tell_updated(target, options, result.is_err(), log);
                    match result {
                        Ok(object) => applied.live.extend(object),
                        Err(error) => errors.push(error),
                    }
                }
                Outcome::Unknown(error) => {
                    let _ =
                        fatal.get_or_insert(format!("could not get information about the resource: {error}"));
                }
            }
        }
        if let Some(error) = fatal {
            return (applied, Err(error));
        }
    }
    if errors.is_empty() {
        let gone = current.iter().filter(|original| !wanted.iter().any(|target| target.matches(original)));
        for target in gone {
            errors.extend(remove(requests, target, log).await.err());
        }
    }
    (applied, if errors.is_empty() { Ok(()) } else { Err(errors.join(" && ")) })
}

fn tell_update(options: UpdateOptions, log: &Log) {
    if options.replace {
        log.line("using resource replace update strategy", &json!({"fieldValidationDirective": "Strict"}));
    } else if options.server_side {
        log.line(
            "using server-side apply for resource update",
            &json!({
                "forceConflicts": true, "dryRun": false, "fieldValidationDirective": "Strict",
                "upgradeClientSideFieldManager": options.migrate,
            }),
        );
    } else {
        log.line(
            "using client-side apply for resource update",
            &json!({"threeWayMergeForUnstructured": options.merge_live}),
        );
    }
}

fn tell_updated(target: &Target, options: UpdateOptions, is_failed: bool, log: &Log) {
    let text = match (options.replace, options.server_side, is_failed) {
        (true, _, true) => "error replacing the resource",
        (true, _, false) => {
            let kind = target.object.kind();
            let fields = json!({"name": target.object.name(), "initialKind": kind, "kind": kind});
            return log.line("replace succeeded", &fields);
        }
        (false, true, true) => "Error patching resource",
        (false, true, false) => "Patched resource",
        (false, false, _) => return,
    };
    let mut fields = target.log_fields();
    if is_failed {
        fields["error"] = json!({});
    }
    log.line(text, &fields);
}

fn kind_fields(target: &Target) -> serde_json::Value {
    json!({
        "namespace": target.object.namespace().unwrap_or_default(),
        "name": target.object.name(),
        "kind": target.object.kind(),
    })
}

/// What became of one object: as the API server has it now, where its answer told.
enum Outcome {
    Created(Result<Object, String>),
    Updated(Result<Option<Object>, String>),
    Unknown(ClusterError),
}

async fn update_one(
    requests: &Requests,
    target: &Target,
    original: Option<&Target>,
    options: UpdateOptions,
) -> Outcome {
    // An apply by the server creates or changes: who knows the object need not ask for it first.
    if options.server_side && !options.migrate {
        let error = match requests.apply(target, true).await {
            Ok(live) if original.is_some() => return Outcome::Updated(Ok(Some(live))),
            Ok(live) => return Outcome::Created(Ok(live)),
            Err(error) => applying(target, &error),
        };
        return match requests.get(target).await {
            Ok(None) => Outcome::Created(Err(error)),
            // Who may not read it either is told that, as by Helm, which reads first.
            Err(unread) if unread.is_forbidden() => Outcome::Unknown(unread),
            Ok(Some(_)) | Err(_) => Outcome::Updated(Err(error)),
        };
    }
    let live = match requests.get(target).await {
        Ok(live) => live,
        Err(error) => return Outcome::Unknown(error),
    };
    let Some(live) = live else {
        let creation = CreateOptions { server_side: options.server_side, force: options.server_side };
        return Outcome::Created(create_one(requests, target, creation).await);
    };
    let result = if options.replace {
        let mut wanted = target.object.clone();
        wanted.as_value_mut()["metadata"]["resourceVersion"] = live.resource_version().into();
        let replaced = requests.replace(target, &wanted).await;
        replaced.map(Some).map_err(|error| format!("failed to replace object: {error}"))
    } else if options.server_side {
        migrate(requests, target, &live).await.map(Some)
    } else {
        patch(requests, target, original, &live, options).await
    };
    Outcome::Updated(result)
}

/// Applies by the server what was patched before.
async fn migrate(requests: &Requests, target: &Target, live: &Object) -> Result<Object, String> {
    let entries = sluice_apply::managed_fields::entries(live.as_value());
    let patterns = [sluice_apply::managed_fields::ManagerPattern {
        prefix: super::FIELD_MANAGER.to_owned(),
        operation: sluice_apply::managed_fields::Operation::Update,
    }];
    if let Some(fields) = sluice_apply::managed_fields::take_over(&entries, &patterns, super::FIELD_MANAGER) {
        let patch = json!([
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live.resource_version()},
        ]);
        let patch = serde_json::from_value(patch).map_err(|error| error.to_string())?;
        let failed = |error: ClusterError| {
            format!("failed to patch object to upgrade CSA field manager {}: {error}", target.described())
        };
        requests.json_patch(target, patch).await.map_err(failed)?;
    }
    requests.apply(target, true).await.map_err(|error| applying(target, &error))
}

/// Changes an object by what changed between two manifests, and, where the kind is known, by what it lacks.
async fn patch(
    requests: &Requests,
    target: &Target,
    original: Option<&Target>,
    live: &Object,
    options: UpdateOptions,
) -> Result<Option<Object>, String> {
    let original = original.map_or(live, |original| &original.object);
    let baseline = if options.merge_live { Baseline::Live } else { Baseline::BySchema };
    let failed = |error: ClusterError| {
        format!("cannot patch {:?} with kind {}: {error}", target.object.name(), target.object.kind())
    };
    match threeway::change(original, &target.object, live, baseline) {
        threeway::Change::None => Ok(None),
        threeway::Change::Merge(patch) => requests.merge(target, &patch).await.map(Some).map_err(failed),
        threeway::Change::Put(merged) => requests.replace(target, &merged).await.map(Some).map_err(failed),
    }
}

/// Deletes an object that the new manifest no longer has, unless it is to be kept.
async fn remove(requests: &Requests, target: &Target, log: &Log) -> Result<(), String> {
    log.line("deleting resource", &kind_fields(target));
    let with = |key: &str, value: serde_json::Value| {
        let mut fields = kind_fields(target);
        fields[key] = value;
        fields
    };
    let Ok(Some(live)) = requests.get(target).await else {
        log.line("unable to get object", &with("error", json!({})));
        return Ok(());
    };
    if live.annotation(RESOURCE_POLICY) == KEEP {
        let mut fields = with("annotation", RESOURCE_POLICY.into());
        fields["value"] = KEEP.into();
        log.line("skipping delete due to annotation", &fields);
        return Ok(());
    }
    match requests.delete(target, Propagation::Background).await {
        Ok(()) => Ok(()),
        Err(error) => {
            log.line("failed to delete resource", &with("error", json!({})));
            if error.is_not_found() {
                return Ok(());
            }
            Err(format!(
                "failed to delete resource namespace={}, name={}, kind={}: {error}",
                target.object.namespace().unwrap_or_default(),
                target.object.name(),
                target.object.kind()
            ))
        }
    }
}

/// Deletes objects. A failure does not stop the others; all are told. One that isn't there is deleted.
pub async fn delete_all(
    requests: &Requests,
    targets: &[Target],
    propagation: Propagation,
    log: &Log,
) -> Vec<String> {
    if targets.is_empty() {
        return vec!["object not found, skipping delete: no objects visited".to_owned()];
    }
    let mut errors = Vec::new();
    for run in runs(targets) {
        for target in run {
            log.line("starting delete resource", &kind_fields(target));
        }
        let results = all(run, |target| requests.delete(target, propagation)).await;
        for (target, result) in run.iter().zip(results) {
            match result {
                Err(error) if error.is_not_found() => {
                    log.line("ignoring delete failure", &IgnoredFailure::new(target, &error));
                }
                Err(error) => errors.push(error.to_string()),
                Ok(()) => {}
            }
        }
    }
    errors
}
