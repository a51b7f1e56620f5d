//! `build helmrelease` and `diff helmrelease`: what the controller would release, made by the controller's own
//! functions. What comes from Secrets is masked.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use kube::{Api, Client};
use serde_json::{Map, Value};
use sluice_apis::helm::DRIFT_DETECTION_KEY;
use sluice_apis::helm::v2::{HelmRelease, ValuesReference, ValuesReferenceKind};
use sluice_apply::ignore::IgnoreRules;
use sluice_apply::{Cluster, ClusterCache};
use sluice_chart::load::load;
use sluice_chart::{LoadOptions, ReleaseInfo};
use sluice_release::action::{CapabilityCache, ChartRequest, RenderedChart, render};
use sluice_release::objects::Answers;
use sluice_release::record::Release;
use sluice_release::storage::{Storage, StorageError};
use sluice_release::values::{self, Found, NoFiles};
use sluice_release::{Difference, DriftRules, names, objects, settings};

use super::export::document;
use crate::cluster::explain;
use crate::context::Context;

/// What stands for a value that came from a Secret.
const MASK: &str = "*****";
/// Shorter texts stand in too many places to be masked wherever they do.
const SHORTEST: usize = 4;

/// What to build.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// Name of the HelmRelease
    name: String,
    /// The chart: a directory or an archive, in place of that of the source
    #[arg(long, value_name = "PATH")]
    chart: PathBuf,
    /// File with the HelmRelease; that of the cluster when not given
    #[arg(long, value_name = "FILE")]
    helmrelease_file: Option<PathBuf>,
}

/// Prints hooks and manifests.
pub(crate) async fn build(source: &Source, context: &Context) -> Result<()> {
    let built = Built::new(source, context).await?;
    let hooks = built.rendered.hooks.iter().map(|hook| hook.manifest.as_str());
    let mut text = String::new();
    for manifest in hooks.chain([built.rendered.manifest.as_str()]) {
        for object in objects::documents(manifest)? {
            text.push_str(&document(&built.masks.applied_to(object)));
        }
    }
    context.output.data(&text)
}

/// Prints what differs from the cluster; whether anything does.
pub(crate) async fn diff(source: &Source, context: &Context) -> Result<bool> {
    let built = Built::new(source, context).await?;
    let release = Release {
        name: built.name.clone(),
        namespace: built.namespace.clone(),
        manifest: built.rendered.manifest.clone(),
        ..Release::default()
    };
    let ignore = IgnoreRules::new(Vec::<(Vec<String>, Option<sluice_apply::ignore::Selector>)>::new())?;
    let rules = DriftRules {
        ignore: &ignore,
        disabled: DRIFT_DETECTION_KEY,
        override_managers: &[],
        answers: &Answers::default(),
    };
    let drift =
        sluice_release::detect(&built.cluster, &release, &rules, |_| false).await.map_err(|e| anyhow!(e))?;
    let mut text = String::new();
    for (target, difference) in &drift.entries {
        let subject = target.object.subject();
        match difference {
            Difference::None => {}
            Difference::Excluded => text.extend(["► ", &subject, " excluded\n"]),
            Difference::Removed => text.extend(["► ", &subject, " created\n"]),
            Difference::Changed(operations) => {
                text.extend(["► ", &subject, " changed\n"]);
                for operation in operations {
                    let (op, path) = (operation["op"].as_str(), operation["path"].as_str());
                    let value = if target.object.is_secret() {
                        Value::from(MASK)
                    } else {
                        built.masks.applied_to(operation["value"].clone())
                    };
                    let shown = if value.is_null() { String::new() } else { format!(": {value}") };
                    let line = format!("  {} {}{shown}\n", op.unwrap_or_default(), path.unwrap_or_default());
                    text.push_str(&line);
                }
            }
        }
    }
    for subject in built.no_longer(&drift).await? {
        text.extend(["► ", &subject, " deleted\n"]);
    }
    context.output.data(&text)?;
    if !drift.errors.is_empty() {
        bail!("{}", drift.errors.join("\n"));
    }
    Ok(text.lines().any(|line| line.starts_with('►') && !line.ends_with(" excluded")))
}

/// A chart rendered as the release would be.
struct Built {
    name: String,
    namespace: String,
    storage_namespace: String,
    cluster: Cluster,
    rendered: RenderedChart,
    masks: Masks,
}

impl Built {
    async fn new(source: &Source, context: &Context) -> Result<Self> {
        let client = context.client().await?;
        let object = release(source, context, &client).await?;
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        if object.spec.kube_config.is_some() {
            bail!("{namespace}/{}: releases in remote clusters can't be built", source.name);
        }
        let no_files =
            NoFiles("values from files of sources can't be read here: put the file into spec.values");
        let found = values::read(&client, &namespace, &object.spec.values_from, &no_files).await?;
        let masks = Masks::of(&namespace, &found)?;
        let inline = values::inline(object.spec.values.as_ref())?;
        let composed = values::compose(&namespace, inline, &found)?;
        let loaded = load(&source.chart, &LoadOptions::default())
            .with_context(|| format!("failed to load the chart {}", source.chart.display()))?;
        let cluster = Cluster::new(client.clone(), ClusterCache::new(client.clone()));
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let name = names::shorten(&names::release_name(&object.spec, &source.name));
        let release_namespace = given(&object.spec.target_namespace).unwrap_or_else(|| namespace.clone());
        let storage_namespace = given(&object.spec.storage_namespace).unwrap_or(namespace);
        let stored = newest(&client, &storage_namespace, &name).await?;
        let info = ReleaseInfo {
            name: name.clone(),
            namespace: release_namespace.clone(),
            revision: stored.as_ref().map_or(1, |release| release.version + 1),
            is_upgrade: stored.is_some(),
        };
        let request = ChartRequest {
            chart: loaded.chart,
            values: composed,
            check_schema: true,
            allow_dns: false,
            settings: settings::of(&object, false),
        };
        let rendered = render(&cluster, &CapabilityCache::default(), request, info)
            .await
            .map_err(|failure| anyhow!(failure.explained()))?;
        Ok(Self { name, namespace: release_namespace, storage_namespace, cluster, rendered, masks })
    }

    /// What the newest release has and the new one has not.
    async fn no_longer(&self, drift: &sluice_release::Drift) -> Result<Vec<String>> {
        let stored = newest(self.cluster.client(), &self.storage_namespace, &self.name).await?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        let before = objects::build_served(&self.cluster, &stored.manifest, &stored.namespace).await?;
        let is_left =
            |target: &objects::Target| drift.entries.iter().any(|(kept, _)| kept.id() == target.id());
        let gone = before.iter().filter(|target| !is_left(target));
        Ok(gone.map(|target| target.object.subject()).collect())
    }
}

async fn newest(client: &Client, namespace: &str, name: &str) -> Result<Option<Release>> {
    match Storage::new(client.clone(), namespace, 0).last(name).await {
        Ok(release) => Ok(Some(release)),
        Err(StorageError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The HelmRelease: that of the file, else that of the cluster.
async fn release(source: &Source, context: &Context, client: &Client) -> Result<HelmRelease> {
    let (name, namespace) = (source.name.as_str(), context.namespace());
    let Some(file) = &source.helmrelease_file else {
        let api: Api<HelmRelease> = Api::namespaced(client.clone(), namespace);
        return api.get(name).await.map_err(explain);
    };
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    for value in objects::documents(&text)? {
        if value["kind"] != "HelmRelease" || value["metadata"]["name"] != name {
            continue;
        }
        let mut object: HelmRelease = serde_json::from_value(value)
            .with_context(|| format!("HelmRelease {name} of {}", file.display()))?;
        object.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
        return Ok(object);
    }
    bail!("there is no HelmRelease {name} in {}", file.display())
}

/// Texts that must not be shown.
#[derive(Debug, Default)]
struct Masks(Vec<String>);

impl Masks {
    /// The texts of the references to Secrets.
    fn of(namespace: &str, found: &[(ValuesReference, Found)]) -> Result<Self> {
        let mut texts = Vec::new();
        for (reference, found) in found.iter().filter(|(r, _)| r.kind == ValuesReferenceKind::Secret) {
            let one = [(reference.clone(), found.clone())];
            collect(&Value::Object(values::compose(namespace, Map::new(), &one)?), &mut texts);
        }
        texts.retain(|text| text.chars().count() >= SHORTEST);
        let encoded: Vec<String> = texts.iter().map(|text| STANDARD.encode(text)).collect();
        texts.extend(encoded);
        // A text that holds another one goes first.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Ok(Self(texts))
    }

    /// The value without them; of Secrets only the keys stay.
    fn applied_to(&self, mut value: Value) -> Value {
        if value["kind"] == "Secret" {
            for field in ["data", "stringData"] {
                let data = value.get_mut(field).and_then(Value::as_object_mut);
                data.into_iter().flat_map(|map| map.values_mut()).for_each(|value| *value = MASK.into());
            }
        }
        self.mask(&mut value);
        value
    }

    fn mask(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for secret in &self.0 {
                    if text.contains(secret.as_str()) {
                        *text = text.replace(secret.as_str(), MASK);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.mask(item)),
            _ => {}
        }
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(map) => map.values().for_each(|item| collect(item, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_from_secrets_is_masked() {
        let reference: ValuesReference =
            serde_json::from_value(json!({"kind": "Secret", "name": "s", "targetPath": "db.password"}))
                .unwrap();
        let masks = Masks::of("ns", &[(reference, Found::Data(b"hunter22".to_vec()))]).unwrap();
        let config =
            json!({"kind": "ConfigMap", "data": {"url": "db://u:hunter22@h", "b64": "aHVudGVyMjI="}});
        assert_eq!(
            masks.applied_to(config),
            json!({"kind": "ConfigMap", "data": {"url": "db://u:*****@h", "b64": "*****"}})
        );
        let secret = json!({"kind": "Secret", "stringData": {"any": "thing"}});
        assert_eq!(masks.applied_to(secret)["stringData"]["any"], "*****");
    }
}
