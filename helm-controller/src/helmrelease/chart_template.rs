//! The `HelmChart` that is made of the template in the spec.

use std::collections::BTreeMap;

use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value as Json;
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::helm::{NAME_LABEL, NAMESPACE_LABEL};
use sluice_apis::k8s::ObjectMeta;
use sluice_apis::source::v1::{
    HelmChart, HelmChartSpec, HelmChartVerification, LocalHelmChartSourceReference,
};
use sluice_runtime::{EventType, ObjectKey, Store};

use super::source::Chart;
use super::status::status_mut;
use super::{HelmReleasePass, spec};

/// The field manager of charts.
const FIELD_MANAGER: &str = "helm-controller";
/// Fields of a chart's spec that are there only when the template asks for them.
const OPTIONAL: [&str; 3] = ["valuesFiles", "ignoreMissingValuesFiles", "verify"];

/// Brings the chart to what the template says; deletes one that the spec no longer wants. Gives the generation that the
/// chart has then, if there is to be one. One that is in place by what the watch told last (`seen`) is not asked for.
pub async fn reconcile(
    pass: &mut HelmReleasePass,
    client: &Client,
    seen: &Store<Chart>,
) -> Result<Option<i64>, String> {
    let wanted = spec::helm_chart(&pass.object);
    let recorded = pass.object.status.as_ref().and_then(|status| status.helm_chart.clone());
    let name = wanted.as_ref().map(|(namespace, name)| format!("{namespace}/{name}"));
    if recorded.is_some() && recorded != name {
        delete(pass, client).await?;
    }
    let Some((namespace, name)) = wanted else { return Ok(None) };
    let Some(chart) = build(&pass.object, &namespace, &name) else { return Ok(None) };
    if let Some(seen) = seen.get(&ObjectKey::new(&*namespace, &*name))
        && is_in_place(&seen.metadata, &seen.spec, &chart)
    {
        status_mut(&mut pass.object).helm_chart = Some(format!("{namespace}/{name}"));
        return Ok(seen.metadata.generation);
    }
    let subject = format!("HelmChart/{namespace}/{name}");
    let failed = |error: kube::Error| format!("failed to run server-side apply: {}", message(&error));
    let charts: Api<HelmChart> = Api::namespaced(client.clone(), &namespace);
    let live = match charts.get_opt(&name).await {
        Ok(live) => live,
        Err(error) => return Err(tell_failure(pass, failed(error))),
    };
    let mut generation = live.as_ref().and_then(|live| live.metadata.generation);
    let is_live = live.as_ref().is_some_and(|live| {
        serde_json::to_value(&live.spec).is_ok_and(|spec| is_in_place(&live.metadata, &spec, &chart))
    });
    if !is_live {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let applied = match charts.patch(&name, &params, &Patch::Apply(&chart)).await {
            Ok(applied) => applied,
            Err(error) => return Err(tell_failure(pass, failed(error))),
        };
        generation = applied.metadata.generation;
        let before = live.and_then(|live| live.metadata.resource_version);
        if before != applied.metadata.resource_version {
            let (action, reason) = match before {
                None => ("Created", "HelmChartCreated"),
                Some(_) => ("Configured", "HelmChartConfigured"),
            };
            let source = &chart["spec"]["sourceRef"];
            let text = |field: &str| source[field].as_str().unwrap_or_default().to_owned();
            let message =
                format!("{action} {subject} with SourceRef '{}/{namespace}/{}'", text("kind"), text("name"));
            pass.event(EventType::Trace, reason, &message, &BTreeMap::new());
        }
    }
    status_mut(&mut pass.object).helm_chart = Some(format!("{namespace}/{name}"));
    Ok(generation)
}

/// Deletes the chart that was made before.
pub async fn delete(pass: &mut HelmReleasePass, client: &Client) -> Result<(), String> {
    let Some(recorded) = pass.object.status.as_ref().and_then(|status| status.helm_chart.clone()) else {
        return Ok(());
    };
    if let Some((namespace, name)) = recorded.split_once('/') {
        let charts: Api<HelmChart> = Api::namespaced(client.clone(), namespace);
        match charts.delete(name, &DeleteParams::default()).await {
            Ok(_) => {
                let message = format!("deleted HelmChart '{recorded}'");
                pass.event(EventType::Trace, "HelmChartDeleted", &message, &BTreeMap::new());
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => {
                return Err(format!("failed to delete HelmChart '{recorded}': {}", message(&error)));
            }
        }
    }
    status_mut(&mut pass.object).helm_chart = None;
    Ok(())
}

fn tell_failure(pass: &HelmReleasePass, message: String) -> String {
    pass.event(EventType::Trace, "HelmChartSyncErr", &message, &BTreeMap::new());
    message
}

/// The chart as the template wants it.
fn build(object: &HelmRelease, namespace: &str, name: &str) -> Option<Json> {
    let template = object.spec.chart.as_ref()?;
    let from = &template.spec;
    let spec = HelmChartSpec {
        chart: from.chart.clone(),
        version: from.version.clone(),
        source_ref: LocalHelmChartSourceReference {
            api_version: None,
            kind: from.source_ref.kind.clone(),
            name: from.source_ref.name.clone(),
        },
        interval: from.interval.unwrap_or(object.spec.interval),
        reconcile_strategy: from.reconcile_strategy.clone(),
        values_files: from.values_files.clone(),
        ignore_missing_values_files: from.ignore_missing_values_files,
        suspend: false,
        verify: from.verify.as_ref().map(|verify| HelmChartVerification {
            provider: verify.provider.clone(),
            secret_ref: verify.secret_ref.clone(),
            match_oidc_identity: Vec::new(),
        }),
    };
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels;
    labels.insert(NAME_LABEL.to_owned(), spec::name(object).to_owned());
    labels.insert(NAMESPACE_LABEL.to_owned(), spec::namespace(object).to_owned());
    let mut value = serde_json::json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    });
    if !metadata.annotations.is_empty() {
        value["metadata"]["annotations"] = serde_json::to_value(metadata.annotations).ok()?;
    }
    Some(value)
}

/// Whether a chart is what the template wants: what others have put into it does not count.
fn is_in_place(live: &ObjectMeta, live_spec: &Json, wanted: &Json) -> bool {
    let covers = |live: Option<&BTreeMap<String, String>>, wanted: &Json| {
        let mut wanted = wanted.as_object().into_iter().flatten();
        wanted.all(|(key, value)| live.and_then(|live| live.get(key)).map(String::as_str) == value.as_str())
    };
    let mut spec = wanted["spec"].as_object().into_iter().flatten();
    let is_extra = |field: &str| !live_spec[field].is_null() && wanted["spec"][field].is_null();
    covers(live.labels.as_ref(), &wanted["metadata"]["labels"])
        && covers(live.annotations.as_ref(), &wanted["metadata"]["annotations"])
        && spec.all(|(key, value)| live_spec.get(key) == Some(value))
        && !OPTIONAL.iter().any(|field| is_extra(field))
}

fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chart_is_in_place_when_it_has_what_the_template_says() {
        let object: HelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "app", "namespace": "ns"},
            "spec": {"interval": "1m", "chart": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"chart": "c", "version": "1.x", "valuesFiles": ["a.yaml"], "sourceRef": {"kind": "HelmRepository", "name": "r"}},
            }},
        }))
        .unwrap();
        let wanted = build(&object, "ns", "ns-app").unwrap();
        assert_eq!(
            wanted,
            json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
                "metadata": {"name": "ns-app", "namespace": "ns", "labels": {"a": "b", "helm.toolkit.fluxcd.io/name": "app", "helm.toolkit.fluxcd.io/namespace": "ns"}},
                "spec": {"chart": "c", "version": "1.x", "interval": "1m0s", "reconcileStrategy": "ChartVersion", "valuesFiles": ["a.yaml"], "sourceRef": {"kind": "HelmRepository", "name": "r"}},
            })
        );
        let mut live: ObjectMeta = serde_json::from_value(wanted["metadata"].clone()).unwrap();
        let mut spec = wanted["spec"].clone();
        spec["suspend"] = true.into();
        live.labels.get_or_insert_default().insert("other".to_owned(), "x".to_owned());
        assert!(is_in_place(&live, &spec, &wanted));
        assert!(!is_in_place(&ObjectMeta::default(), &spec, &wanted));
        assert!(!is_in_place(&live, &Json::Null, &wanted));
        spec["ignoreMissingValuesFiles"] = true.into();
        assert!(!is_in_place(&live, &spec, &wanted));
    }
}
