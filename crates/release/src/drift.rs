//! Objects in the cluster that differ from the manifest of their release.

use futures::{StreamExt, stream};
use serde_json::{Map, Value as Json, json};
use sluice_apply::ignore::IgnoreRules;
use sluice_apply::managed_fields::{self, ManagerPattern, Operation};
use sluice_apply::{Cluster, ClusterError, Object, normalize, order};

use crate::objects::{self, Answers, FIELD_MANAGER, Requests, Target};
use crate::record::Release;

/// How many objects are compared at once.
const CONCURRENT: usize = 8;

/// What is found of one object.
#[derive(Clone, Debug)]
pub enum Difference {
    /// It is as it should be.
    None,
    /// It is exempt.
    Excluded,
    /// It is gone.
    Removed,
    /// It differs; the operations of a JSON patch that brings it back.
    Changed(Vec<Json>),
}

/// What was found of all objects.
#[derive(Debug, Default)]
pub struct Drift {
    /// One entry for each object, in the order of the manifest.
    pub entries: Vec<(Target, Difference)>,
    /// Why some objects could not be compared.
    pub errors: Vec<String>,
}

impl Drift {
    /// Whether anything differs.
    pub fn has_changes(&self) -> bool {
        self.entries.iter().any(|(_, d)| matches!(d, Difference::Removed | Difference::Changed(_)))
    }

    /// One line for each object that differs or is exempt.
    pub fn summary(&self) -> String {
        let line = |(target, difference): &(Target, Difference)| {
            let subject = target.object.subject();
            Some(match difference {
                Difference::None => return None,
                Difference::Excluded => format!("{subject} excluded"),
                Difference::Removed => format!("{subject} removed"),
                Difference::Changed(patch) => {
                    let count = |op: &str| patch.iter().filter(|step| step["op"] == op).count();
                    let (added, changed, removed) = (count("add"), count("replace"), count("remove"));
                    format!("{subject} changed ({added} additions, {changed} changes, {removed} removals)")
                }
            })
        };
        self.entries.iter().filter_map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Which objects and fields are compared, and how.
pub struct Rules<'a> {
    /// Fields that may differ.
    pub ignore: &'a IgnoreRules,
    /// The label or annotation that exempts an object with the value `disabled`.
    pub disabled: &'a str,
    /// Field managers whose fields are taken over first, so that what they added counts as drift.
    pub override_managers: &'a [String],
    /// What was answered to applies a moment ago: an object that is still so has not drifted, and the API server is not
    /// asked.
    pub answers: &'a Answers,
}

/// Compares the objects of a release with those in the cluster, but those that are exempt as a whole.
pub async fn detect(
    cluster: &Cluster,
    release: &Release,
    rules: &Rules<'_>,
    whole: impl Fn(&Object) -> bool,
) -> Result<Drift, String> {
    let mut targets = objects::build(cluster, &release.manifest, &release.namespace)
        .await
        .map_err(|error| format!("failed to read objects from release manifest: {error}"))?;
    let mut desired: Vec<Object> = targets.iter().map(|target| target.object.clone()).collect();
    normalize::normalize(&mut desired);
    for (target, object) in targets.iter_mut().zip(desired) {
        target.object = object;
    }
    objects::set_ownership(&mut targets, &release.name, &release.namespace);
    let requests = Requests::new(cluster.clone());
    let compared: Vec<_> = targets
        .into_iter()
        .map(|target| {
            let (requests, excluded) = (&requests, whole(&target.object));
            async move {
                let result =
                    if excluded { Ok(Difference::Excluded) } else { compare(requests, &target, rules).await };
                (target, result)
            }
        })
        .collect();
    let results: Vec<_> = stream::iter(compared).buffered(CONCURRENT).collect().await;
    let mut drift = Drift::default();
    for (target, result) in results {
        match result {
            Ok(difference) => drift.entries.push((target, difference)),
            Err(error) => drift.errors.push(format!("{} dry-run failed: {error}", target.object.subject())),
        }
    }
    Ok(drift)
}

async fn compare(
    requests: &Requests,
    target: &Target,
    rules: &Rules<'_>,
) -> Result<Difference, ClusterError> {
    let Rules { ignore, disabled, override_managers, answers } = *rules;
    let is_exempt =
        |object: &Object| object.label(disabled) == "disabled" || object.annotation(disabled) == "disabled";
    if is_exempt(&target.object) {
        return Ok(Difference::Excluded);
    }
    if override_managers.is_empty()
        && let Some(metadata) = answers.fresh(&target.id())
    {
        let is_exempt = metadata.iter().any(|pairs| pairs.get(disabled).is_some_and(|v| v == "disabled"));
        return Ok(if is_exempt { Difference::Excluded } else { Difference::None });
    }
    let mut live = requests.get(target).await?;
    if live.as_ref().is_some_and(is_exempt) {
        return Ok(Difference::Excluded);
    }
    if let Some(object) = &live {
        match take_over(object, override_managers) {
            Some(patch) => live = Some(requests.json_patch(target, patch).await?),
            None if answers.is_still(object) => return Ok(Difference::None),
            None => {}
        }
    }
    let dry_run = requests.cluster().apply(&target.resource, &target.object, FIELD_MANAGER, true).await?;
    let (Some(live), Some(_)) = (live, dry_run.resource_version()) else { return Ok(Difference::Removed) };
    let paths = ignore.paths_for(&target.object);
    let strip = |object: &Object| {
        let mut value = object.as_value().clone();
        for path in &paths {
            path.remove(&mut value);
        }
        value
    };
    let (live, wanted) = (strip(&live), strip(&dry_run));
    let mut patch = metadata_patch(&live, &wanted);
    patch.extend(body_patch(&live, &wanted));
    Ok(if patch.is_empty() { Difference::None } else { Difference::Changed(patch) })
}

/// What makes the fields of these managers those of the release.
fn take_over(live: &Object, managers: &[String]) -> Option<json_patch::Patch> {
    if managers.is_empty() {
        return None;
    }
    let both = |manager: &String| {
        [Operation::Apply, Operation::Update]
            .map(|operation| ManagerPattern { prefix: manager.clone(), operation })
    };
    let patterns: Vec<ManagerPattern> = managers.iter().flat_map(both).collect();
    let entries = managed_fields::entries(live.as_value());
    let fields = managed_fields::take_over(&entries, &patterns, FIELD_MANAGER)?;
    serde_json::from_value(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": fields},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live.resource_version()},
    ]))
    .ok()
}

/// What labels and annotations lack. Those that others have added stay.
fn metadata_patch(live: &Json, wanted: &Json) -> Vec<Json> {
    let pick = |value: &Json| {
        let metadata = &value["metadata"];
        let mut picked = Map::new();
        for field in ["name", "annotations", "labels"] {
            if let Some(value) = metadata.get(field) {
                picked.insert(field.to_owned(), value.clone());
            }
        }
        json!({"metadata": picked})
    };
    operations(&pick(live), &pick(wanted)).into_iter().filter(|step| step["op"] != "remove").collect()
}

/// What differs outside of metadata and status.
fn body_patch(live: &Json, wanted: &Json) -> Vec<Json> {
    let pick = |value: &Json| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.remove("metadata");
            map.remove("status");
        }
        value
    };
    operations(&pick(live), &pick(wanted))
}

fn operations(from: &Json, to: &Json) -> Vec<Json> {
    let patch = json_patch::diff(from, to);
    patch.0.iter().filter_map(|step| serde_json::to_value(step).ok()).collect()
}

/// What a correction did.
#[derive(Debug, Default)]
pub struct Correction {
    /// One line for each object that was corrected.
    pub corrected: Vec<String>,
    /// One line for each object that could not be.
    pub errors: Vec<String>,
}

/// Creates what is gone, then changes back what differs.
pub async fn correct(cluster: &Cluster, drift: Drift) -> Correction {
    let requests = Requests::new(cluster.clone());
    let mut entries = drift.entries;
    entries.sort_by(|(a, _), (b, _)| order::compare(&a.id(), &b.id()));
    let mut correction = Correction::default();
    for (target, _) in entries.iter().filter(|(_, difference)| matches!(difference, Difference::Removed)) {
        let subject = target.object.subject();
        match requests.create(target).await {
            Ok(_) => correction.corrected.push(format!("{subject} created")),
            Err(error) => {
                correction.errors.push(format!("{subject} creation failure: {}", masked(target, &error)));
            }
        }
    }
    for (target, difference) in &entries {
        let Difference::Changed(patch) = difference else { continue };
        let subject = target.object.subject();
        let result = match serde_json::from_value(Json::Array(patch.clone())) {
            Ok(patch) => requests.json_patch(target, patch).await.map_err(|error| masked(target, &error)),
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(_) => correction.corrected.push(format!("{subject} configured")),
            Err(error) => correction.errors.push(format!("{subject} patch failure: {error}")),
        }
    }
    correction
}

/// The API server quotes what it refuses: what it says about Secrets is cut to its end.
fn masked(target: &Target, error: &ClusterError) -> String {
    let text = error.to_string();
    if !target.object.is_secret() {
        return text;
    }
    text.rsplit_once(':')
        .map_or_else(|| "the API server refused it".to_owned(), |(_, end)| end.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_metadata_and_all_of_the_body_count() {
        let live = json!({"metadata": {"name": "a", "labels": {"x": "1", "other": "y"}}, "data": {"a": "1", "b": "2"}, "status": {"z": 1}});
        let wanted =
            json!({"metadata": {"name": "a", "labels": {"x": "2"}}, "data": {"a": "3"}, "status": {}});
        assert_eq!(
            metadata_patch(&live, &wanted),
            [json!({"op": "replace", "path": "/metadata/labels/x", "value": "2"})]
        );
        let body = body_patch(&live, &wanted);
        assert_eq!(body.len(), 2, "{body:?}");
        assert!(body.contains(&json!({"op": "replace", "path": "/data/a", "value": "3"})));
        assert!(body.contains(&json!({"op": "remove", "path": "/data/b"})));
    }
}
