//! Our CRDs against Flux's own, judged by a real API server: the same objects are accepted, refused and defaulted.
//!
//! The reference definitions are not part of the repository: without them beside it, the comparison is skipped and
//! says so.

mod mutations;
mod objects;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use sluice_testkit::{ControlPlane, Options, project_root};

use crate::mutations::mutations;
use crate::objects::{Sample, samples};

/// What the API server makes of an object: its defaulted form, or why it refuses it.
type Outcome = Result<Value, Value>;

/// Requests at a time: the API server has two cores to use.
const AT_ONCE: usize = 8;

fn reference_directory() -> PathBuf {
    project_root().join("../shared/conformance/crds")
}

#[tokio::test]
async fn our_definitions_judge_objects_as_the_reference_does() -> Result<()> {
    let reference = reference_directory();
    if !reference.is_dir() {
        eprintln!("skipped: no reference CRDs in {}", reference.display());
        return Ok(());
    }
    // One after the other: two control planes at once would need twice the memory.
    let ours = outcomes(&project_root().join("config/crd")).await?;
    let theirs = outcomes(&reference).await?;
    ensure!(
        ours.len() == theirs.len(),
        "{} cases with ours, {} with the reference",
        ours.len(),
        theirs.len()
    );
    ensure!(ours.len() > 1000, "only {} cases: the mutations are broken", ours.len());
    let accepted = theirs.values().filter(|outcome| outcome.is_ok()).count();
    ensure!(
        accepted > 100 && theirs.len() - accepted > 100,
        "{accepted} of {} cases are accepted: they should be mixed",
        theirs.len()
    );
    let differences: Vec<String> = ours
        .iter()
        .filter(|(case, outcome)| theirs.get(*case) != Some(*outcome))
        .map(|(case, outcome)| format!("{case}:\n  ours: {outcome:?}\n  theirs: {:?}", theirs.get(case)))
        .collect();
    let shown = &differences[..differences.len().min(20)];
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), shown.join("\n"));
    Ok(())
}

#[tokio::test]
async fn samples_of_all_kinds_are_accepted_and_readable() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let client = cluster.client().await?;
    for sample in samples() {
        let created = create(&client, &sample, &sample.object()).await?;
        ensure!(created.is_ok(), "{}: {created:?}", sample.kind);
    }
    Ok(())
}

/// The outcome of every case under the definitions in a directory.
async fn outcomes(definitions: &Path) -> Result<BTreeMap<String, Outcome>> {
    let cluster = ControlPlane::start(Options { nodes: 0, ..Options::default() })?;
    install(&cluster, definitions).await?;
    let client = cluster.client().await?;
    let samples = samples();
    let cases = samples
        .iter()
        .flat_map(|sample| mutations(sample).into_iter().map(move |(name, object)| (sample, name, object)))
        .map(|(sample, name, object)| {
            let client = client.clone();
            async move {
                let case = format!("{} {name}", sample.kind);
                let outcome = create(&client, sample, &object).await.with_context(|| case.clone())?;
                Ok::<_, anyhow::Error>((case, outcome))
            }
        });
    let judged: Vec<(String, Outcome)> = stream::iter(cases).buffer_unordered(AT_ONCE).try_collect().await?;
    let count = judged.len();
    let outcomes: BTreeMap<String, Outcome> = judged.into_iter().collect();
    ensure!(outcomes.len() == count, "{} cases have the name of another", count - outcomes.len());
    Ok(outcomes)
}

async fn install(cluster: &ControlPlane, definitions: &Path) -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(definitions)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "kustomization.yaml") {
            files.push(format!("--filename={}", path.display()));
        }
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    cluster.kubectl(&[&["apply", "--server-side"], files.as_slice()].concat()).await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
    cluster.kubectl(&[&wait, files.as_slice()].concat()).await?;
    Ok(())
}

/// Creates the object as a dry-run.
async fn create(client: &Client, sample: &Sample, object: &Value) -> Result<Outcome> {
    let (group, version) = sample.api_version.split_once('/').context("no group")?;
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: sample.api_version.to_owned(),
        kind: sample.kind.to_owned(),
        plural: sample.plural.to_owned(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    // Not through `DynamicObject`, which could not carry every mutation.
    let mut request =
        kube::core::Request::new(api.resource_url()).create(&params, serde_json::to_vec(object)?)?;
    request.extensions_mut().clear();
    match client.request::<Value>(request).await {
        Ok(mut created) => {
            let metadata = created["metadata"].as_object_mut().context("no metadata")?;
            metadata.retain(|key, _| matches!(key.as_str(), "name" | "labels" | "annotations"));
            Ok(Ok(created))
        }
        Err(kube::Error::Api(status)) => {
            // Their order, and so the message of more than one, is the API server's mood.
            let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
            let mut causes: Vec<String> = causes
                .iter()
                .map(|cause| format!("{} {}: {}", cause.field, cause.reason, cause.message))
                .collect();
            causes.sort_unstable();
            let message = (causes.len() < 2).then_some(&status.message);
            Ok(Err(json!({ "code": status.code, "message": message, "causes": causes })))
        }
        Err(error) => Err(error.into()),
    }
}
