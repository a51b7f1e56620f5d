//! The built-in tables of fields that hold names of other resources, and of fields with variables.

use super::NameReference;
use super::defaults::spec;
use crate::fieldspec::FieldSpec;
use crate::ids::Gvk;

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// The kinds with a pod in them that may refer to ConfigMaps and Secrets, and where the pod's spec is.
const PODS: [(&str, &str); 8] = [
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// The kinds whose pods may refer to service accounts, claims and priority classes.
const WORKLOADS: [(&str, &str); 7] = [
    ("Pod", "spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicationController", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
];

fn of_pods(fields: &[&str]) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for (kind, pod) in PODS {
        for field in fields {
            let mut spec = spec("", kind, &format!("{pod}/{field}"), false);
            if kind == "Pod" {
                "v1".clone_into(&mut spec.gvk.version);
            }
            specs.push(spec);
        }
    }
    specs
}

fn of_workloads(field: &str) -> impl Iterator<Item = FieldSpec> {
    WORKLOADS.iter().map(move |(kind, pod)| spec("", kind, &format!("{pod}/{field}"), false))
}

fn of(group: &str, kind: &str, paths: &[&str]) -> impl Iterator<Item = FieldSpec> {
    paths.iter().map(|path| spec(group, kind, path, false)).collect::<Vec<_>>().into_iter()
}

fn reference(group: &str, version: &str, kind: &str, referrers: Vec<FieldSpec>) -> NameReference {
    let gvk = Gvk { version: version.to_owned(), group: group.to_owned(), ..Gvk::of_kind(kind) };
    NameReference { gvk, referrers }
}

fn config_maps() -> Vec<FieldSpec> {
    let mut specs = of_pods(&[
        "volumes/configMap/name",
        "volumes/projected/sources/configMap/name",
        "containers/env/valueFrom/configMapKeyRef/name",
        "initContainers/env/valueFrom/configMapKeyRef/name",
        "containers/envFrom/configMapRef/name",
        "initContainers/envFrom/configMapRef/name",
    ]);
    specs.extend(of("", "Node", &["spec/configSource/configMap"]));
    specs.extend(of("", "Role", &["rules/resourceNames"]));
    specs.extend(of("", "ClusterRole", &["rules/resourceNames"]));
    specs.extend(of(
        "",
        "Ingress",
        &["metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap"],
    ));
    specs
}

fn secrets() -> Vec<FieldSpec> {
    let mut specs = of_pods(&[
        "volumes/secret/secretName",
        "volumes/projected/sources/secret/name",
        "containers/env/valueFrom/secretKeyRef/name",
        "initContainers/env/valueFrom/secretKeyRef/name",
        "containers/envFrom/secretRef/name",
        "initContainers/envFrom/secretRef/name",
        "imagePullSecrets/name",
    ]);
    let annotations = "metadata/annotations/";
    let ingress = [
        "ingress.kubernetes.io\\/auth-secret",
        "nginx.ingress.kubernetes.io\\/auth-secret",
        "nginx.ingress.kubernetes.io\\/auth-tls-secret",
    ];
    specs.extend(of("", "Ingress", &["spec/tls/secretName"]));
    specs.extend(ingress.map(|name| spec("", "Ingress", &format!("{annotations}{name}"), false)));
    specs.extend(of("", "ServiceAccount", &["imagePullSecrets/name"]));
    let storage = ["secretName", "adminSecretName", "userSecretName", "secretRef"];
    specs.extend(storage.map(|name| spec("", "StorageClass", &format!("parameters/{name}"), false)));
    specs.extend(of("", "Role", &["rules/resourceNames"]));
    specs.extend(of("", "ClusterRole", &["rules/resourceNames"]));
    let knative = "spec/template/spec/containers/env/valueFrom/secretKeyRef/name";
    let mut knative = spec("serving.knative.dev", "Service", knative, false);
    "v1".clone_into(&mut knative.gvk.version);
    specs.push(knative);
    specs.extend(of("", "PersistentVolume", &["spec/azureFile/secretName"]));
    specs
}

fn services() -> Vec<FieldSpec> {
    let mut specs = vec![spec("apps", "StatefulSet", "spec/serviceName", false)];
    specs.extend(of(
        "",
        "Ingress",
        &[
            "spec/rules/http/paths/backend/serviceName",
            "spec/backend/serviceName",
            "spec/rules/http/paths/backend/service/name",
            "spec/defaultBackend/service/name",
        ],
    ));
    specs.extend(of("apiregistration.k8s.io", "APIService", &["spec/service/name"]));
    specs.extend(of(ADMISSION, "ValidatingWebhookConfiguration", &["webhooks/clientConfig/service"]));
    specs.extend(of(ADMISSION, "MutatingWebhookConfiguration", &["webhooks/clientConfig/service"]));
    specs
}

/// Which fields hold names of which kinds.
pub(super) fn references() -> Vec<NameReference> {
    let mut references: Vec<NameReference> =
        ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
            .map(|kind| {
                reference(
                    "",
                    "",
                    kind,
                    of("", "HorizontalPodAutoscaler", &["spec/scaleTargetRef/name"]).collect(),
                )
            })
            .into();
    let bindings = |path: &'static str| {
        of(RBAC, "RoleBinding", &[path]).chain(of(RBAC, "ClusterRoleBinding", &[path])).collect::<Vec<_>>()
    };
    let mut volumes: Vec<_> = of("", "PersistentVolumeClaim", &["spec/volumeName"]).collect();
    volumes.extend(of("", "ClusterRole", &["rules/resourceNames"]));
    let mut storage: Vec<_> = of("", "PersistentVolume", &["spec/storageClassName"]).collect();
    storage.extend(of("", "PersistentVolumeClaim", &["spec/storageClassName"]));
    storage.extend(of("", "StatefulSet", &["spec/volumeClaimTemplates/spec/storageClassName"]));
    let policies = of(ADMISSION, "ValidatingAdmissionPolicyBinding", &["spec/policyName"]).collect();
    references.extend([
        reference("", "v1", "ConfigMap", config_maps()),
        reference("", "v1", "Secret", secrets()),
        reference("", "v1", "Service", services()),
        reference(RBAC, "", "Role", of(RBAC, "RoleBinding", &["roleRef/name"]).collect()),
        reference(RBAC, "", "ClusterRole", bindings("roleRef/name")),
        reference(
            "",
            "v1",
            "ServiceAccount",
            bindings("subjects").into_iter().chain(of_workloads("serviceAccountName")).collect(),
        ),
        reference(
            "",
            "v1",
            "PersistentVolumeClaim",
            of_workloads("volumes/persistentVolumeClaim/claimName").collect(),
        ),
        reference("", "v1", "PersistentVolume", volumes),
        reference("storage.k8s.io", "v1", "StorageClass", storage),
        reference("scheduling.k8s.io", "v1", "PriorityClass", of_workloads("priorityClassName").collect()),
        // kustomize's table has the version in the group's place, so it never applies.
        reference(
            "networking.k8s.io/v1",
            "v1",
            "IngressClass",
            of("", "Ingress", &["spec/ingressClassName"]).collect(),
        ),
        reference(ADMISSION, "", "ValidatingAdmissionPolicy", policies),
    ]);
    references
}

/// Where variables are replaced.
pub(super) fn variables() -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for (kind, pod) in PODS.iter().filter(|(kind, _)| *kind != "PodTemplate") {
        for containers in ["containers", "initContainers"] {
            for field in ["args", "command", "env/value", "volumeMounts/mountPath"] {
                specs.push(spec("", kind, &format!("{pod}/{containers}/{field}"), false));
            }
        }
        let nfs = match *kind {
            "CronJob" => "spec/jobTemplate/spec/template/volumes/nfs/server".to_owned(),
            "StatefulSet" => "spec/volumeClaimTemplates/spec/nfs/server".to_owned(),
            _ => format!("{pod}/volumes/nfs/server"),
        };
        specs.push(spec("", kind, &nfs, false));
    }
    specs.push(spec("", "Deployment", "spec/template/metadata/annotations", false));
    specs.extend(of("", "Ingress", &["spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"]));
    specs.extend(of("", "Service", &["spec/ports/port", "spec/ports/targetPort"]));
    specs.extend(of("", "PersistentVolume", &["spec/nfs/server"]));
    specs.extend(of("", "", &["metadata/labels", "metadata/annotations"]));
    specs
}
