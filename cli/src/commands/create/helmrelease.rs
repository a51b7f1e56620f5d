//! `create helmrelease`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};
use sluice_apis::helm::v2::{CrdsPolicy, ValuesReferenceKind};
use sluice_apis::meta::Duration;
use sluice_apis::source::v1::{ChartReconcileStrategy, ChartSourceKind};
use sluice_chart::load;

use super::{Common, Words, fields, local, put, reference, text, word, words};
use crate::context::Context;
use crate::kinds::HELM_RELEASE;

/// What holds a chart as it is.
const CHART_REFERENCES: &[&str] = &["OCIRepository", "HelmChart"];

/// Arguments of `create helmrelease`.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("from").required(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of the release; that of the object, behind the target namespace if there is one, when not given
    #[arg(long, value_name = "NAME")]
    release_name: Option<String>,
    /// Name of the chart, or its path in the source
    #[arg(long, group = "from", requires = "source")]
    chart: Option<String>,
    /// Version or range of versions of the chart
    #[arg(long, value_name = "RANGE", requires = "chart")]
    chart_version: Option<String>,
    /// Where the chart comes from
    #[arg(long, value_name = "KIND/NAME[.NAMESPACE]")]
    source: Option<String>,
    /// OCI artifact or chart object that holds the chart
    #[arg(long, group = "from", value_name = "KIND/NAME[.NAMESPACE]")]
    chart_ref: Option<String>,
    /// Helm releases that must be ready first
    #[arg(long, value_delimiter = ',', value_name = "[NAMESPACE/]NAME,…")]
    depends_on: Vec<String>,
    /// Namespace of the release
    #[arg(long, value_name = "NAMESPACE")]
    target_namespace: Option<String>,
    /// Namespace of Helm's own records; the target namespace when not given
    #[arg(long, value_name = "NAMESPACE")]
    storage_namespace: Option<String>,
    /// Create the target namespace if it is missing
    #[arg(long)]
    create_target_namespace: bool,
    /// Service account to act as
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// When there is a new revision of the chart
    #[arg(long, default_value = "ChartVersion", value_parser = words(ChartReconcileStrategy::WORDS))]
    reconcile_strategy: String,
    /// How often to look for charts; as often as for the release when not given
    #[arg(long, value_name = "DURATION", requires = "chart")]
    chart_interval: Option<Duration>,
    /// Files with values, the later over the earlier
    #[arg(long, value_name = "FILE,…", value_delimiter = ',')]
    values: Vec<PathBuf>,
    /// Secrets and ConfigMaps with values
    #[arg(long, value_name = "KIND/NAME,…", value_delimiter = ',')]
    values_from: Vec<String>,
    /// What an upgrade does with custom resource definitions; an installation creates them
    #[arg(long, value_name = "POLICY", value_parser = words(CrdsPolicy::WORDS))]
    crds: Option<String>,
    /// Secret with the kubeconfig of another cluster
    #[arg(long, value_name = "SECRET")]
    kubeconfig_secret_ref: Option<String>,
}

const WORDS: Words = Words {
    noun: "HelmRelease",
    ready: |name| format!("HelmRelease {name} is ready"),
    result: HELM_RELEASE.success,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &HELM_RELEASE, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let storage = arguments.storage_namespace.as_ref().or(arguments.target_namespace.as_ref());
    let install = fields([
        ("createNamespace", arguments.create_target_namespace.then_some(json!(true))),
        ("crds", arguments.crds.is_some().then(|| json!("Create"))),
    ]);
    Ok(fields([
        ("interval", Some(json!(arguments.common.interval))),
        ("releaseName", text(arguments.release_name.as_ref())),
        ("chart", chart(arguments)?),
        ("chartRef", arguments.chart_ref.as_deref().map(chart_reference).transpose()?),
        ("dependsOn", dependencies(&arguments.depends_on)),
        ("targetNamespace", text(arguments.target_namespace.as_ref())),
        ("storageNamespace", text(storage)),
        ("serviceAccountName", text(arguments.service_account.as_ref())),
        (
            "kubeConfig",
            local(arguments.kubeconfig_secret_ref.as_ref()).map(|name| json!({ "secretRef": name })),
        ),
        ("install", (!install.is_empty()).then_some(Value::Object(install))),
        ("upgrade", arguments.crds.as_ref().map(|policy| json!({ "crds": policy }))),
        ("values", values(&arguments.values)?),
        ("valuesFrom", values_from(&arguments.values_from)?),
    ]))
}

fn chart(arguments: &Arguments) -> Result<Option<Value>> {
    let (Some(chart), Some(source)) = (&arguments.chart, &arguments.source) else { return Ok(None) };
    let (kind, name, namespace) = reference(source, "")?;
    let kind = word(ChartSourceKind::WORDS, kind, "source kind")?;
    let spec = fields([
        ("chart", Some(json!(chart))),
        ("version", text(arguments.chart_version.as_ref())),
        ("sourceRef", Some(named(kind, name, namespace))),
        ("reconcileStrategy", Some(json!(arguments.reconcile_strategy))),
        ("interval", arguments.chart_interval.map(|interval| json!(interval))),
    ]);
    Ok(Some(json!({ "spec": spec })))
}

fn chart_reference(text: &str) -> Result<Value> {
    let (kind, name, namespace) = reference(text, "")?;
    if !CHART_REFERENCES.contains(&kind) {
        bail!(
            "chart reference kind '{kind}' is not supported, must be one of: {}",
            CHART_REFERENCES.join(", ")
        );
    }
    Ok(named(kind, name, namespace))
}

fn named(kind: &str, name: &str, namespace: Option<&str>) -> Value {
    Value::Object(fields([
        ("kind", Some(json!(kind))),
        ("name", Some(json!(name))),
        ("namespace", namespace.map(|namespace| json!(namespace))),
    ]))
}

fn dependencies(names: &[String]) -> Option<Value> {
    let one = |text: &String| match text.split_once('/') {
        Some((namespace, name)) => json!({ "name": name, "namespace": namespace }),
        None => json!({ "name": text }),
    };
    (!names.is_empty()).then(|| names.iter().map(one).collect())
}

/// What the files say, the later over the earlier.
fn values(files: &[PathBuf]) -> Result<Option<Value>> {
    let mut merged = Map::new();
    for path in files {
        let bytes =
            std::fs::read(path).with_context(|| format!("reading values from {} failed", path.display()))?;
        let values = load::parse_values(&bytes)
            .with_context(|| format!("reading values from {} failed", path.display()))?;
        merged = load::merge_maps(merged, values);
    }
    Ok((!files.is_empty()).then_some(Value::Object(merged)))
}

fn values_from(references: &[String]) -> Result<Option<Value>> {
    let one = |text: &String| match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
            let kind = word(ValuesReferenceKind::WORDS, kind, "reference kind")?;
            Ok(json!({ "kind": kind, "name": name }))
        }
        _ => bail!("invalid Kubernetes object reference '{text}', must be in format <kind>/<name>"),
    };
    let all: Vec<Value> = references.iter().map(one).collect::<Result<_>>()?;
    Ok((!all.is_empty()).then(|| json!(all)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn of(line: &str) -> Result<Value, String> {
        let words = std::iter::once("hr").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        spec(&line.arguments).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn charts_come_from_sources_or_are_referred_to() {
        let chart = of("podinfo --source helmrepository/podinfo --chart podinfo").unwrap();
        let expected = json!({"interval": "1m0s", "chart": {"spec": {
            "chart": "podinfo", "reconcileStrategy": "ChartVersion",
            "sourceRef": {"kind": "HelmRepository", "name": "podinfo"},
        }}});
        assert_eq!(chart, expected);
        let referred = of("podinfo --chart-ref OCIRepository/podinfo.charts").unwrap();
        let expected = json!({"interval": "1m0s", "chartRef": {
            "kind": "OCIRepository", "name": "podinfo", "namespace": "charts",
        }});
        assert_eq!(referred, expected);
        assert!(of("podinfo").unwrap_err().contains("--chart"));
        assert!(of("podinfo --chart a --source HelmRepository/a --chart-ref HelmChart/a").is_err());
        let kind = of("podinfo --chart-ref foobar/podinfo").unwrap_err();
        assert_eq!(
            kind,
            "chart reference kind 'foobar' is not supported, must be one of: OCIRepository, HelmChart"
        );
        let source = of("podinfo --source foobar/podinfo --chart podinfo").unwrap_err();
        assert!(source.starts_with("source kind 'foobar' is not supported, must be one of: "), "{source}");
    }

    #[test]
    fn values_are_merged_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (first, second) = (
            write("a.yaml", "image: {tag: 1.0.0, pull: Always}\n"),
            write("b.yaml", "image: {tag: 2.0.0}\n"),
        );
        let spec = of(&format!(
            "a --chart-ref HelmChart/a --values {first},{second} --values-from secret/x --crds CreateReplace \
             --target-namespace web --create-target-namespace --depends-on infra/db,cache"
        ))
        .unwrap();
        assert_eq!(spec["values"], json!({"image": {"tag": "2.0.0", "pull": "Always"}}));
        assert_eq!(spec["valuesFrom"], json!([{"kind": "Secret", "name": "x"}]));
        assert_eq!(spec["install"], json!({"createNamespace": true, "crds": "Create"}));
        assert_eq!(spec["upgrade"], json!({"crds": "CreateReplace"}));
        assert_eq!(spec["storageNamespace"], json!("web"));
        assert_eq!(spec["dependsOn"], json!([{"name": "db", "namespace": "infra"}, {"name": "cache"}]));
    }
}
