//! The built-in tables for labels, annotations, namespaces, images and replicas.

use super::{TransformerConfig, names};
use crate::Dialect;
use crate::fieldspec::FieldSpec;
use crate::ids::Gvk;

/// A spec for the kind, in any version; an empty group or kind matches any.
pub(super) fn spec(group: &str, kind: &str, path: &str, create: bool) -> FieldSpec {
    let gvk = Gvk { group: group.to_owned(), kind: kind.to_owned(), ..Gvk::default() };
    FieldSpec { gvk, path: path.to_owned(), create }
}

/// A spec for a kind in version v1 of any group.
pub(super) fn spec_v1(kind: &str, path: &str, create: bool) -> FieldSpec {
    let mut spec = spec("", kind, path, create);
    "v1".clone_into(&mut spec.gvk.version);
    spec
}

pub(super) fn config(dialect: Dialect) -> TransformerConfig {
    let claim_labels = vec![spec("apps", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels", true)];
    let mut template_labels = metadata("labels", "apps");
    if dialect == Dialect::V5_8_1 {
        template_labels.extend(claim_labels.iter().cloned());
    }
    let mut common_labels = selectors();
    common_labels.extend(template_labels.iter().cloned());
    if dialect == Dialect::Latest {
        common_labels.extend(claim_labels.iter().cloned());
    }
    TransformerConfig {
        settled: false,
        name_prefix: vec![spec("", "", "metadata/name", false)],
        name_suffix: vec![spec("", "", "metadata/name", false)],
        namespace: vec![
            spec("", "Namespace", "metadata/name", true),
            spec("apiregistration.k8s.io", "APIService", "spec/service/namespace", true),
            spec(
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                "spec/conversion/webhook/clientConfig/service/namespace",
                false,
            ),
        ],
        common_labels,
        labels: Vec::new(),
        template_labels,
        volume_claim_template_labels: if dialect == Dialect::Latest { claim_labels } else { Vec::new() },
        common_annotations: metadata("annotations", ""),
        name_reference: names::references(),
        var_reference: names::variables(),
        images: images(),
        replicas: ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
            .map(|kind| spec("", kind, "spec/replicas", true))
            .into(),
    }
}

/// `metadata` of every object and of the templates within.
fn metadata(field: &str, stateful_set_group: &str) -> Vec<FieldSpec> {
    let template = format!("spec/template/metadata/{field}");
    vec![
        spec("", "", &format!("metadata/{field}"), true),
        spec_v1("ReplicationController", &template, true),
        spec("", "Deployment", &template, true),
        spec("", "ReplicaSet", &template, true),
        spec("", "DaemonSet", &template, true),
        spec(stateful_set_group, "StatefulSet", &template, true),
        spec("batch", "Job", &template, true),
        spec("batch", "CronJob", &format!("spec/jobTemplate/metadata/{field}"), true),
        spec("batch", "CronJob", &format!("spec/jobTemplate/spec/template/metadata/{field}"), true),
    ]
}

/// Where labels select.
fn selectors() -> Vec<FieldSpec> {
    let mut specs = vec![
        spec_v1("Service", "spec/selector", true),
        spec_v1("ReplicationController", "spec/selector", true),
        spec("", "Deployment", "spec/selector/matchLabels", true),
        spec("", "ReplicaSet", "spec/selector/matchLabels", true),
        spec("", "DaemonSet", "spec/selector/matchLabels", true),
        spec("apps", "StatefulSet", "spec/selector/matchLabels", true),
        spec("batch", "Job", "spec/selector/matchLabels", false),
        spec("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels", false),
        spec("policy", "PodDisruptionBudget", "spec/selector/matchLabels", false),
    ];
    for path in ["spec/podSelector", "spec/ingress/from/podSelector", "spec/egress/to/podSelector"] {
        specs.push(spec("networking.k8s.io", "NetworkPolicy", &format!("{path}/matchLabels"), false));
    }
    for kind in ["Deployment", "StatefulSet"] {
        for affinity in ["podAffinity", "podAntiAffinity"] {
            for term in [
                "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
                "requiredDuringSchedulingIgnoredDuringExecution",
            ] {
                let path = format!("spec/template/spec/affinity/{affinity}/{term}/labelSelector/matchLabels");
                specs.push(spec("apps", kind, &path, false));
            }
        }
        let spread = "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels";
        specs.push(spec("apps", kind, spread, false));
    }
    specs
}

fn images() -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for pod in ["spec", "spec/template/spec"] {
        for field in ["containers[]/image", "initContainers[]/image", "volumes[]/image/reference"] {
            specs.push(spec("", "", &format!("{pod}/{field}"), true));
        }
    }
    specs
}
