//! Built-in generators and transformers that are configured by files of their own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::charts::{self, HelmChart, HelmGlobals};
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::finish::add_hash;
use crate::generate;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields};
use crate::kustomization::{
    GeneratorArgs, Image, ObjectMeta, Patch, Replacement, Replica, SecretArgs, Selector,
};
use crate::loader::Loader;
use crate::nodes;
use crate::origin::{ConfiguredBy, Origin};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::transform::{
    Affix, Annotations, End, Images, JsonPatch, Labels, Namespace, Patches, Replacements, Replicas, Step,
    StrategicPatches, Subjects, Transformer, ValueAdd, ValueAddArgs,
};

/// The fields of all configurations together: a plugin looks at its own.
#[derive(Default)]
struct Config {
    metadata: ObjectMeta,
    field_specs: Option<Vec<FieldSpec>>,
    unset_only: bool,
    subjects: String,
    text: BTreeMap<&'static str, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    image: Image,
    replica: Replica,
    replacements: Vec<Replacement>,
    target: Option<Selector>,
    paths: Vec<String>,
}

impl Fields for Config {
    const TYPE: &'static str = "Plugin";
    const FIELDS: &'static [&'static str] = &[
        "metadata",
        "fieldSpecs",
        "unsetOnly",
        "setRoleBindingSubjects",
        "prefix",
        "suffix",
        "labels",
        "annotations",
        "imageTag",
        "replica",
        "replacements",
        "target",
        "path",
        "jsonOp",
        "paths",
        "patches",
    ];

    fn set(&mut self, field: &str, value: &Json, at: &At) -> Result<(), DecodeError> {
        match field {
            "metadata" => self.metadata = Decode::decode(value, at)?,
            "fieldSpecs" => self.field_specs = Decode::decode(value, at)?,
            "unsetOnly" => self.unset_only = Decode::decode(value, at)?,
            "setRoleBindingSubjects" => self.subjects = Decode::decode(value, at)?,
            "labels" => self.labels = Decode::decode(value, at)?,
            "annotations" => self.annotations = Decode::decode(value, at)?,
            "imageTag" => self.image = Decode::decode(value, at)?,
            "replica" => self.replica = Decode::decode(value, at)?,
            "replacements" => self.replacements = Decode::decode(value, at)?,
            "target" => self.target = Decode::decode(value, at)?,
            "paths" => self.paths = Decode::decode(value, at)?,
            text => {
                if let Some(name) = Self::FIELDS.iter().find(|name| **name == text) {
                    self.text.insert(name, Decode::decode(value, at)?);
                }
            }
        }
        Ok(())
    }
}

impl Config {
    fn text(&self, name: &str) -> &str {
        self.text.get(name).map(String::as_str).unwrap_or_default()
    }

    fn specs(&self) -> Vec<FieldSpec> {
        self.field_specs.clone().unwrap_or_default()
    }

    fn required_specs(&self) -> Result<Vec<FieldSpec>, Error> {
        self.field_specs
            .clone()
            .ok_or_else(|| Error::Usage("fieldSpecs is not expected to be nil".to_owned()))
    }

    fn subjects(&self) -> Result<Subjects, Error> {
        match self.subjects.as_str() {
            "" | "defaultOnly" => Ok(Subjects::Default),
            "none" => Ok(Subjects::None),
            "allServiceAccounts" => Ok(Subjects::ServiceAccounts),
            other => Err(Error::Usage(format!(
                "invalid value {other:?} for setRoleBindingSubjects: must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\""
            ))),
        }
    }
}

/// A generator configured by a file.
pub(crate) struct Generator {
    make: Make,
    origin: Option<Arc<Origin>>,
}

enum Make {
    ConfigMap(GeneratorArgs),
    Secret(SecretArgs),
    Iam(IamPolicy),
    Chart(Box<ChartConfig>),
}

impl Generator {
    pub(crate) fn origin(&self) -> Option<&Arc<Origin>> {
        self.origin.as_ref()
    }

    pub(crate) fn generate(&self, loader: &Loader<'_>) -> Result<Vec<Resource>, Error> {
        Ok(match &self.make {
            Make::ConfigMap(args) => vec![generate::config_map(args, loader)?],
            Make::Secret(args) => vec![generate::secret(args, loader)?],
            Make::Iam(policy) => vec![policy.resource()?],
            // The kustomization's namespace is not told to charts that a file configures.
            Make::Chart(config) => charts::inflate(&config.chart, &config.globals, "", loader)?,
        })
    }
}

/// The configuration as JSON, and the kind of a built-in plugin.
fn builtin(resource: &Resource) -> Result<(String, Json), Error> {
    let gvk = resource.gvk();
    if !gvk.group.is_empty() || gvk.version != "builtin" {
        return Err(Error::ExternalPlugin { kind: resource.original_id().gvk.kind });
    }
    Ok((gvk.kind, resource.to_json()?))
}

fn decode<T: Decode>(json: &Json, loader: &Loader<'_>) -> Result<T, Error> {
    Ok(T::decode(json, &At::top(false, loader.context.options.dialect))?)
}

fn failed(resource: &Resource) -> impl Fn(Error) -> Error + '_ {
    |source| source.within(format!("plugin {} fails configuration", resource.original_id()))
}

/// Where the plugin's own configuration is.
fn origin(resource: &Resource) -> Option<Arc<Origin>> {
    let origin = resource.memory.origin.as_ref()?;
    let by = ConfiguredBy {
        api_version: resource.api_version().to_owned(),
        kind: resource.kind().to_owned(),
        name: resource.name().to_owned(),
        namespace: resource.namespace().to_owned(),
    };
    Some(Arc::new(Origin {
        path: String::new(),
        configured_in: origin.path.clone(),
        configured_by: Some(by),
        ..Origin::clone(origin)
    }))
}

/// The generators that the resources configure.
pub(crate) fn generators(resources: &[Resource], loader: &Loader<'_>) -> Result<Vec<Generator>, Error> {
    let mut generators = Vec::new();
    for resource in resources {
        let make = generator(resource, loader)
            .map_err(|source| source.within("loading generator plugins: failed to load generator"))?;
        generators.push(Generator { make, origin: origin(resource) });
    }
    Ok(generators)
}

fn generator(resource: &Resource, loader: &Loader<'_>) -> Result<Make, Error> {
    let (kind, json) = builtin(resource)?;
    let named = |args: &mut GeneratorArgs| {
        args.move_env();
        if args.name.is_empty() {
            resource.name().clone_into(&mut args.name);
        }
        if args.namespace.is_empty() {
            resource.namespace().clone_into(&mut args.namespace);
        }
    };
    match kind.as_str() {
        "ConfigMapGenerator" => {
            let mut args: GeneratorArgs = decode(&json, loader).map_err(failed(resource))?;
            named(&mut args);
            Ok(Make::ConfigMap(args))
        }
        "SecretGenerator" => {
            let mut secret: SecretArgs = decode(&json, loader).map_err(failed(resource))?;
            named(&mut secret.args);
            Ok(Make::Secret(secret))
        }
        "IAMPolicyGenerator" => Ok(Make::Iam(decode(&json, loader).map_err(failed(resource))?)),
        "HelmChartInflationGenerator" if loader.context.environment.charts.is_some() => {
            let config: ChartConfig = decode(&json, loader).map_err(failed(resource))?;
            if config.chart.name.is_empty() {
                return Err(failed(resource)(Error::Usage("chart name cannot be empty".to_owned())));
            }
            Ok(Make::Chart(Box::new(config)))
        }
        "HelmChartInflationGenerator" => {
            Err(failed(resource)(Error::Helm { chart: resource.name().to_owned() }))
        }
        _ if is_transformer(&kind) => {
            Err(Error::Usage(format!("plugin {} not a generator", resource.original_id())))
        }
        _ => Err(Error::UnknownBuiltin { gvk: resource.gvk().to_string() }),
    }
}

fn is_transformer(kind: &str) -> bool {
    TRANSFORMERS.contains(&kind)
}

const TRANSFORMERS: [&str; 14] = [
    "AnnotationsTransformer",
    "HashTransformer",
    "ImageTagTransformer",
    "LabelTransformer",
    "NamespaceTransformer",
    "PatchJson6902Transformer",
    "PatchStrategicMergeTransformer",
    "PatchTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "ReplacementTransformer",
    "ReplicaCountTransformer",
    "SuffixTransformer",
    "ValueAddTransformer",
];
const GENERATORS: [&str; 4] =
    ["ConfigMapGenerator", "SecretGenerator", "IAMPolicyGenerator", "HelmChartInflationGenerator"];

/// The transformers that the resources configure.
pub(crate) fn transformers(resources: &[Resource], loader: &Loader<'_>) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for resource in resources {
        let (kind, json) = builtin(resource)?;
        let Some(kind) = TRANSFORMERS.iter().find(|known| **known == kind) else {
            return Err(if GENERATORS.contains(&kind.as_str()) {
                Error::Usage(format!("plugin {} not a transformer", resource.original_id()))
            } else {
                Error::UnknownBuiltin { gvk: resource.gvk().to_string() }
            });
        };
        let mut step = transformer(kind, &json, loader).map_err(failed(resource))?;
        step.origin = origin(resource);
        steps.push(step);
    }
    Ok(steps)
}

fn transformer(kind: &'static str, json: &Json, loader: &Loader<'_>) -> Result<Step, Error> {
    match kind {
        "PatchTransformer" => {
            let patch: Patch = decode(json, loader)?;
            return Ok(Step::new(kind, Patches::new(&patch, || sluice_yaml::to_yaml(json), loader)?));
        }
        "ValueAddTransformer" => {
            let args: ValueAddArgs = decode(json, loader)?;
            return Ok(Step::new(kind, ValueAdd::new(args, loader)?));
        }
        "HashTransformer" => return Ok(Step::new(kind, Hash)),
        _ => {}
    }
    let config: Config = decode(json, loader)?;
    Ok(match kind {
        "AnnotationsTransformer" => {
            Step::new(kind, Annotations::new(config.annotations.clone(), config.specs()))
        }
        "LabelTransformer" => Step::new(kind, Labels::new(config.labels.clone(), config.specs())),
        "ImageTagTransformer" => {
            Step::new(kind, Images::new(config.image.clone(), config.specs(), loader.context.options.dialect))
        }
        "NamespaceTransformer" => {
            let subjects = config.subjects()?;
            let specs = config.specs();
            let name = config.metadata.namespace;
            let dialect = loader.context.options.dialect;
            Step::new(kind, Namespace { name, specs, unset_only: config.unset_only, subjects, dialect })
        }
        "PatchJson6902Transformer" => {
            let patch =
                JsonPatch::new(config.target.as_ref(), config.text("path"), config.text("jsonOp"), loader)?;
            Step::new(kind, patch)
        }
        "PatchStrategicMergeTransformer" => {
            Step::new(kind, StrategicPatches::new(&config.paths, config.text("patches"), loader)?)
        }
        "PrefixTransformer" => {
            Step::new(kind, Affix::new(End::Prefix, config.text("prefix"), config.required_specs()?))
        }
        "SuffixTransformer" => {
            Step::new(kind, Affix::new(End::Suffix, config.text("suffix"), config.required_specs()?))
        }
        "PrefixSuffixTransformer" => {
            let specs = config.required_specs()?;
            let prefix = Affix::new(End::Prefix, config.text("prefix"), specs.clone());
            Step::new(kind, Both(prefix, Affix::new(End::Suffix, config.text("suffix"), specs)))
        }
        "ReplacementTransformer" => Step::new(kind, Replacements::new(&config.replacements, loader)?),
        _ => Step::new(kind, Replicas { replica: config.replica.clone(), specs: config.specs() }),
    })
}

/// Two transformers, one after the other.
struct Both(Affix, Affix);

impl Transformer for Both {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        self.0.transform(map)?;
        self.1.transform(map)
    }
}

/// Adds the hashes of generated resources to their names, early.
struct Hash;

impl Transformer for Hash {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        map.resources_mut().iter_mut().filter(|resource| resource.memory.needs_hash).try_for_each(add_hash)
    }
}

/// A chart, with what is global elsewhere.
#[derive(Default)]
struct ChartConfig {
    chart: HelmChart,
    globals: HelmGlobals,
}

impl Decode for ChartConfig {
    fn decode(value: &Json, at: &At) -> Result<Self, DecodeError> {
        Ok(Self { chart: Decode::decode(value, at)?, globals: Decode::decode(value, at)? })
    }

    fn go_type() -> Cow<'static, str> {
        HelmChart::go_type()
    }
}

/// A service account for GKE's workload identity.
#[derive(Default)]
struct IamPolicy {
    cloud: String,
    service: ObjectMeta,
    account: Account,
}

#[derive(Default)]
struct Account {
    name: String,
    project: String,
}

impl Fields for Account {
    const TYPE: &'static str = "ServiceAccount";
    const FIELDS: &'static [&'static str] = &["name", "projectId"];
    fn set(&mut self, field: &str, value: &Json, at: &At) -> Result<(), DecodeError> {
        match field {
            "name" => self.name = Decode::decode(value, at)?,
            _ => self.project = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

impl Fields for IamPolicy {
    const TYPE: &'static str = "IAMPolicyGenerator";
    const FIELDS: &'static [&'static str] = &["cloud", "kubernetesService", "serviceAccount"];
    fn set(&mut self, field: &str, value: &Json, at: &At) -> Result<(), DecodeError> {
        match field {
            "cloud" => self.cloud = Decode::decode(value, at)?,
            "kubernetesService" => self.service = Decode::decode(value, at)?,
            _ => self.account = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

impl IamPolicy {
    fn resource(&self) -> Result<Resource, Error> {
        if self.cloud != "gke" {
            return Err(Error::Usage(format!("cloud provider {} not supported yet", self.cloud)));
        }
        let account = format!("{}@{}.iam.gserviceaccount.com", self.account.name, self.account.project);
        let annotation = BTreeMap::from([("iam.gke.io/gcp-service-account".to_owned(), account)]);
        let mut metadata = sluice_yaml::Mapping::new();
        nodes::set_field(&mut metadata, "name", sluice_yaml::Node::plain(&self.service.name));
        nodes::set_field(&mut metadata, "annotations", nodes::from_string_map(&annotation));
        if !self.service.namespace.is_empty() {
            nodes::set_field(&mut metadata, "namespace", sluice_yaml::Node::plain(&self.service.namespace));
        }
        let mut mapping = sluice_yaml::Mapping::new();
        nodes::set_field(&mut mapping, "apiVersion", sluice_yaml::Node::string("v1"));
        nodes::set_field(&mut mapping, "kind", sluice_yaml::Node::string("ServiceAccount"));
        nodes::set_field(&mut mapping, "metadata", metadata.into());
        Ok(Resource::new(mapping.into()))
    }
}
