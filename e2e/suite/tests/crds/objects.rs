//! One object of every kind that uses every field, the least that is accepted, and combinations that rules speak of.

use serde_json::{Value, json};

/// Objects of a kind.
pub struct Sample {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    /// A spec with as many fields as may stand together.
    pub full: Value,
    /// The smallest spec.
    pub least: Value,
    /// Fields to add to the smallest spec, some of them wrong together.
    pub variants: Vec<Value>,
}

impl Sample {
    /// The object with the full spec.
    pub fn object(&self) -> Value {
        json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": { "name": "sample" },
            "spec": self.full,
        })
    }
}

const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
const IMAGE: &str = "image.toolkit.fluxcd.io/v1";

pub fn samples() -> Vec<Sample> {
    vec![
        git_repository(),
        oci_repository(),
        bucket(),
        helm_repository(),
        helm_chart(),
        external_artifact(),
        kustomization(),
        helm_release(),
        provider(),
        alert(),
        receiver(),
        image_repository(),
        image_policy(),
        image_update_automation(),
        artifact_generator(),
    ]
}

fn git_repository() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "GitRepository",
        plural: "gitrepositories",
        full: json!({
            "url": "https://example.com/app.git",
            "secretRef": { "name": "git" },
            "provider": "azure",
            "serviceAccountName": "git",
            "interval": "1m30s",
            "timeout": "20s",
            "ref": { "branch": "main", "tag": "v1", "semver": ">=1.0.0", "name": "refs/heads/main", "commit": "abc" },
            "verify": { "mode": "TagAndHEAD", "secretRef": { "name": "keys" } },
            "proxySecretRef": { "name": "proxy" },
            "ignore": "*.md\n",
            "suspend": false,
            "recurseSubmodules": true,
            "include": [{ "repository": { "name": "other" }, "fromPath": "a", "toPath": "b" }],
            "sparseCheckout": ["deploy"],
        }),
        least: json!({ "url": "ssh://git@example.com/app", "interval": "1m" }),
        variants: vec![
            json!({ "serviceAccountName": "x" }),
            json!({ "serviceAccountName": "x", "provider": "generic" }),
            json!({ "serviceAccountName": "x", "provider": "aws" }),
            json!({ "serviceAccountName": "x", "provider": "github" }),
            json!({ "provider": "gcp" }),
            json!({ "verify": { "secretRef": { "name": "keys" } } }),
            json!({ "verify": { "mode": "head", "secretRef": { "name": "keys" } } }),
            json!({ "timeout": "1h" }),
            json!({ "interval": "1d" }),
            json!({ "interval": "1.5h" }),
            json!({ "url": "git@example.com:app" }),
        ],
    }
}

fn oci_repository() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "OCIRepository",
        plural: "ocirepositories",
        full: json!({
            "url": "oci://example.com/app",
            "ref": { "digest": "sha256:a", "semver": "1.x", "semverFilter": ".*", "tag": "latest" },
            "layerSelector": { "mediaType": "application/x", "operation": "copy" },
            "provider": "aws",
            "secretRef": { "name": "a" },
            "verify": {
                "provider": "cosign",
                "secretRef": { "name": "a" },
                "matchOIDCIdentity": [{ "issuer": "^a$", "subject": "^b$" }],
                "trustedRootSecretRef": { "name": "root" },
            },
            "serviceAccountName": "a",
            "certSecretRef": { "name": "a" },
            "proxySecretRef": { "name": "a" },
            "interval": "1m",
            "timeout": "1m",
            "ignore": "a",
            "insecure": true,
            "suspend": true,
        }),
        least: json!({ "url": "oci://example.com/app", "interval": "1m" }),
        variants: vec![
            json!({ "verify": {} }),
            json!({ "verify": { "provider": "notation" } }),
            json!({ "verify": { "provider": "gpg" } }),
            json!({ "layerSelector": { "operation": "move" } }),
            json!({ "url": "https://example.com/app" }),
        ],
    }
}

fn bucket() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "Bucket",
        plural: "buckets",
        full: json!({
            "provider": "generic",
            "bucketName": "b",
            "endpoint": "s3.example.com",
            "sts": {
                "provider": "ldap",
                "endpoint": "https://sts.example.com",
                "secretRef": { "name": "a" },
                "certSecretRef": { "name": "a" },
            },
            "insecure": true,
            "region": "eu",
            "prefix": "p/",
            "secretRef": { "name": "a" },
            "certSecretRef": { "name": "a" },
            "proxySecretRef": { "name": "a" },
            "interval": "1m",
            "timeout": "1m",
            "ignore": "a",
            "suspend": true,
        }),
        least: json!({ "bucketName": "b", "endpoint": "s3.example.com", "interval": "1m" }),
        variants: vec![
            json!({ "serviceAccountName": "a" }),
            json!({ "provider": "aws", "serviceAccountName": "a" }),
            json!({ "provider": "aws", "serviceAccountName": "a", "secretRef": { "name": "a" } }),
            json!({ "provider": "gcp", "sts": { "provider": "aws", "endpoint": "https://a" } }),
            json!({ "provider": "aws", "sts": { "provider": "ldap", "endpoint": "https://a" } }),
            json!({ "provider": "aws", "sts": { "provider": "aws", "endpoint": "https://a" } }),
            json!({ "provider": "aws", "sts": { "provider": "aws", "endpoint": "https://a", "secretRef": { "name": "a" } } }),
            json!({ "provider": "aws", "sts": { "provider": "aws", "endpoint": "https://a", "certSecretRef": { "name": "a" } } }),
            json!({ "sts": { "provider": "aws", "endpoint": "https://a" } }),
            json!({ "sts": { "provider": "ldap", "endpoint": "ftp://a" } }),
        ],
    }
}

fn helm_repository() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "HelmRepository",
        plural: "helmrepositories",
        full: json!({
            "url": "https://example.com/charts",
            "secretRef": { "name": "a" },
            "certSecretRef": { "name": "a" },
            "passCredentials": true,
            "interval": "1h",
            "insecure": true,
            "timeout": "1m",
            "suspend": true,
            "accessFrom": { "namespaceSelectors": [{ "matchLabels": { "a": "b" } }, {}] },
            "type": "oci",
            "provider": "gcp",
        }),
        least: json!({ "url": "oci://example.com/charts" }),
        variants: vec![
            json!({ "type": "git" }),
            json!({ "accessFrom": {} }),
            json!({ "url": "ftp://example.com" }),
        ],
    }
}

fn helm_chart() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "HelmChart",
        plural: "helmcharts",
        full: json!({
            "chart": "app",
            "version": "1.x",
            "sourceRef": { "apiVersion": SOURCE, "kind": "HelmRepository", "name": "charts" },
            "interval": "1m",
            "reconcileStrategy": "Revision",
            "valuesFiles": ["values.yaml"],
            "ignoreMissingValuesFiles": true,
            "suspend": true,
            "verify": {
                "provider": "notation",
                "secretRef": { "name": "a" },
                "matchOIDCIdentity": [{ "issuer": "a", "subject": "b" }],
            },
        }),
        least: json!({
            "chart": "app", "sourceRef": { "kind": "GitRepository", "name": "app" }, "interval": "1m",
        }),
        variants: vec![
            json!({ "verify": { "provider": "cosign" } }),
            json!({ "verify": { "provider": "cosign" }, "sourceRef": { "kind": "HelmRepository" } }),
            json!({ "sourceRef": { "kind": "OCIRepository" } }),
        ],
    }
}

fn external_artifact() -> Sample {
    Sample {
        api_version: SOURCE,
        kind: "ExternalArtifact",
        plural: "externalartifacts",
        full: json!({ "sourceRef": { "apiVersion": "a/v1", "kind": "A", "name": "a", "namespace": "b" } }),
        least: json!({}),
        variants: vec![],
    }
}

fn kustomization() -> Sample {
    let selector = json!({
        "group": "apps", "version": "v1", "kind": "Deployment", "name": "a", "namespace": "b",
        "annotationSelector": "a=b", "labelSelector": "a=b",
    });
    Sample {
        api_version: "kustomize.toolkit.fluxcd.io/v1",
        kind: "Kustomization",
        plural: "kustomizations",
        full: json!({
            "commonMetadata": { "annotations": { "a": "b" }, "labels": { "a": "b" } },
            "dependsOn": [{ "name": "a", "namespace": "b", "readyExpr": "true" }],
            "decryption": { "provider": "sops", "secretRef": { "name": "a" }, "serviceAccountName": "a" },
            "interval": "10m",
            "retryInterval": "1m",
            "kubeConfig": { "secretRef": { "name": "a", "key": "b" } },
            "path": "./deploy",
            "postBuild": {
                "substitute": { "a": "b" },
                "substituteFrom": [{ "kind": "ConfigMap", "name": "a", "optional": true }],
                "substituteStrategy": "Always",
            },
            "prune": true,
            "deletionPolicy": "WaitForTermination",
            "healthChecks": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "namespace": "b" }],
            "namePrefix": "a-",
            "nameSuffix": "-b",
            "patches": [{ "patch": "[]", "target": selector }],
            "images": [{ "name": "a", "newName": "b", "newTag": "c", "digest": "sha256:d" }],
            "serviceAccountName": "a",
            "sourceRef": { "apiVersion": SOURCE, "kind": "GitRepository", "name": "a", "namespace": "b" },
            "suspend": true,
            "targetNamespace": "a",
            "timeout": "1m",
            "force": true,
            "wait": true,
            "components": ["../c"],
            "ignoreMissingComponents": true,
            "buildMetadata": ["originAnnotations"],
            "healthCheckExprs": [{
                "apiVersion": "a/v1", "kind": "A", "inProgress": "true", "failed": "false", "current": "true",
            }],
            "ignore": [{ "paths": ["/spec/replicas"], "target": selector }],
        }),
        least: json!({ "interval": "1m", "prune": false, "sourceRef": { "kind": "Bucket", "name": "a" } }),
        variants: vec![
            json!({ "kubeConfig": {} }),
            json!({ "kubeConfig": { "configMapRef": { "name": "a" } } }),
            json!({ "kubeConfig": { "configMapRef": { "name": "a" }, "secretRef": { "name": "a" } } }),
            json!({ "postBuild": { "substituteFrom": [{ "kind": "Secret", "name": "a" }] } }),
            json!({ "postBuild": { "substituteFrom": [{ "kind": "Pod", "name": "a" }] } }),
            json!({ "sourceRef": { "kind": "HelmRepository" } }),
            json!({ "buildMetadata": ["managedByLabel"] }),
            json!({ "deletionPolicy": "Keep" }),
        ],
    }
}

fn helm_release() -> Sample {
    let selector = json!({ "kind": "Deployment", "name": "a", "labelSelector": "a=b" });
    Sample {
        api_version: "helm.toolkit.fluxcd.io/v2",
        kind: "HelmRelease",
        plural: "helmreleases",
        full: json!({
            "chart": {
                "metadata": { "labels": { "a": "b" }, "annotations": { "a": "b" } },
                "spec": {
                    "chart": "app",
                    "version": "1.x",
                    "sourceRef": { "apiVersion": SOURCE, "kind": "HelmRepository", "name": "a", "namespace": "b" },
                    "interval": "1m",
                    "reconcileStrategy": "Revision",
                    "valuesFiles": ["a"],
                    "ignoreMissingValuesFiles": true,
                    "verify": { "provider": "cosign", "secretRef": { "name": "a" } },
                },
            },
            "interval": "1m",
            "kubeConfig": { "secretRef": { "name": "a" } },
            "suspend": true,
            "releaseName": "a",
            "targetNamespace": "a",
            "storageNamespace": "a",
            "dependsOn": [{ "name": "a", "namespace": "b", "readyExpr": "true" }],
            "timeout": "1m",
            "maxHistory": 3,
            "serviceAccountName": "a",
            "persistentClient": false,
            "driftDetection": { "mode": "enabled", "ignore": [{ "paths": ["/a"], "target": selector }] },
            "install": {
                "timeout": "1m",
                "strategy": { "name": "RetryOnFailure", "retryInterval": "1m" },
                "remediation": { "retries": 3, "ignoreTestFailures": true, "remediateLastFailure": true },
                "disableTakeOwnership": true, "disableWait": true, "disableWaitForJobs": true, "disableHooks": true,
                "disableOpenAPIValidation": true, "disableSchemaValidation": true, "replace": true, "skipCRDs": true,
                "crds": "CreateReplace", "createNamespace": true, "serverSideApply": true,
            },
            "upgrade": {
                "timeout": "1m",
                "strategy": { "name": "RetryOnFailure", "retryInterval": "1m" },
                "remediation": {
                    "retries": 3, "ignoreTestFailures": true, "remediateLastFailure": true, "strategy": "uninstall",
                },
                "disableTakeOwnership": true, "disableWait": true, "disableWaitForJobs": true, "disableHooks": true,
                "disableOpenAPIValidation": true, "disableSchemaValidation": true, "force": true,
                "preserveValues": true, "cleanupOnFail": true, "crds": "Skip", "chartNameChangeStrategy": "Reinstall",
                "serverSideApply": "auto",
            },
            "test": {
                "enable": true, "timeout": "1m", "ignoreFailures": true,
                "filters": [{ "name": "a", "exclude": true }],
            },
            "rollback": {
                "timeout": "1m", "disableWait": true, "disableWaitForJobs": true, "disableHooks": true,
                "recreate": true, "force": true, "cleanupOnFail": true, "serverSideApply": "disabled",
            },
            "uninstall": {
                "timeout": "1m", "disableHooks": true, "keepHistory": true, "disableWait": true,
                "deletionPropagation": "foreground",
            },
            "valuesFrom": [{
                "kind": "Secret", "name": "a", "valuesKey": "a.yaml", "targetPath": "a.b[0]", "literal": true,
                "optional": true,
            }],
            "values": { "a": [1, { "b": null }] },
            "commonMetadata": { "annotations": { "a": "b" }, "labels": { "a": "b" } },
            "postRenderers": [{ "kustomize": {
                "patches": [{ "patch": "a", "target": selector }],
                "images": [{ "name": "a", "newName": "b", "newTag": "c", "digest": "d" }],
            } }],
            "postRenderStrategy": "combined",
            "healthCheckExprs": [{ "apiVersion": "a/v1", "kind": "A", "current": "true" }],
            "waitStrategy": { "name": "legacy" },
        }),
        least: json!({ "interval": "1m", "chartRef": { "kind": "OCIRepository", "name": "a" } }),
        variants: vec![
            json!({ "chart": { "spec": { "chart": "a", "sourceRef": { "kind": "Bucket", "name": "a" } } } }),
            json!({ "chartRef": { "kind": "HelmRepository" } }),
            json!({ "install": { "strategy": { "name": "RemediateOnFailure", "retryInterval": "1m" } } }),
            json!({ "upgrade": { "strategy": { "name": "RemediateOnFailure", "retryInterval": "1m" } } }),
            json!({ "upgrade": { "strategy": { "name": "RemediateOnFailure" } } }),
            json!({ "uninstall": {} }),
            json!({ "values": "text" }),
            json!({ "values": [1] }),
            json!({ "install": { "serverSideApply": "auto" } }),
            json!({ "upgrade": { "serverSideApply": true } }),
            json!({ "maxHistory": 1.5 }),
            json!({ "maxHistory": -1 }),
        ],
    }
}

fn provider() -> Sample {
    Sample {
        api_version: "notification.toolkit.fluxcd.io/v1beta3",
        kind: "Provider",
        plural: "providers",
        full: json!({
            "type": "github",
            "interval": "1m",
            "channel": "a",
            "username": "a",
            "address": "https://example.com",
            "timeout": "1m",
            "proxy": "https://proxy.example.com",
            "proxySecretRef": { "name": "a" },
            "secretRef": { "name": "a" },
            "serviceAccountName": "a",
            "certSecretRef": { "name": "a" },
            "suspend": true,
            "commitStatusExpr": "'a'",
        }),
        least: json!({ "type": "generic" }),
        variants: ["slack", "gitea", "bitbucket", "azuredevops", "otel", "incident.io", "pigeon"]
            .into_iter()
            .flat_map(|kind| [json!({ "type": kind }), json!({ "type": kind, "commitStatusExpr": "'a'" })])
            .collect(),
    }
}

fn alert() -> Sample {
    Sample {
        api_version: "notification.toolkit.fluxcd.io/v1beta3",
        kind: "Alert",
        plural: "alerts",
        full: json!({
            "providerRef": { "name": "a" },
            "eventSeverity": "error",
            "eventSources": [{
                "apiVersion": "a/v1", "kind": "Kustomization", "name": "*", "namespace": "b",
                "matchLabels": { "a": "b" },
            }],
            "inclusionList": ["a"],
            "eventMetadata": { "a": "b" },
            "exclusionList": ["b"],
            "summary": "a",
            "suspend": true,
        }),
        least: json!({ "providerRef": { "name": "a" }, "eventSources": [{ "kind": "Bucket", "name": "a" }] }),
        variants: vec![
            json!({ "eventSeverity": "warn" }),
            json!({ "eventSources": [{ "kind": "Pod", "name": "a" }] }),
            json!({ "summary": "a".repeat(256) }),
        ],
    }
}

fn receiver() -> Sample {
    let oidc = json!({
        "issuerURL": "https://issuer.example.com",
        "audience": "a",
        "variables": [{ "name": "a", "expression": "1" }],
        "validations": [{ "expression": "true", "message": "a" }],
    });
    Sample {
        api_version: "notification.toolkit.fluxcd.io/v1",
        kind: "Receiver",
        plural: "receivers",
        full: json!({
            "type": "generic-oidc",
            "interval": "1m",
            "events": ["push"],
            "resources": [{
                "apiVersion": "a/v1", "kind": "GitRepository", "name": "*", "namespace": "b",
                "matchLabels": { "a": "b" }, "filter": "true",
            }],
            "resourceFilter": "true",
            "oidcProviders": [oidc],
            "suspend": true,
        }),
        least: json!({
            "type": "github", "resources": [{ "kind": "GitRepository", "name": "a" }], "secretRef": { "name": "a" },
        }),
        variants: vec![
            json!({ "type": "generic-oidc" }),
            json!({ "type": "generic-oidc", "oidcProviders": [] }),
            json!({ "oidcProviders": [] }),
            json!({ "oidcProviders": [oidc] }),
            json!({ "oidcProviders": [oidc, oidc] }),
            json!({ "type": "pigeon" }),
        ],
    }
}

fn image_repository() -> Sample {
    Sample {
        api_version: IMAGE,
        kind: "ImageRepository",
        plural: "imagerepositories",
        full: json!({
            "image": "example.com/app",
            "interval": "1m",
            "timeout": "1m",
            "secretRef": { "name": "a" },
            "proxySecretRef": { "name": "a" },
            "serviceAccountName": "a",
            "certSecretRef": { "name": "a" },
            "suspend": true,
            "accessFrom": { "namespaceSelectors": [{ "matchLabels": { "a": "b" } }] },
            "exclusionList": ["a"],
            "provider": "aws",
            "insecure": true,
        }),
        least: json!({ "image": "example.com/app", "interval": "1m" }),
        variants: vec![json!({ "exclusionList": vec!["a"; 25] }), json!({ "exclusionList": vec!["a"; 26] })],
    }
}

fn image_policy() -> Sample {
    Sample {
        api_version: IMAGE,
        kind: "ImagePolicy",
        plural: "imagepolicies",
        full: json!({
            "imageRepositoryRef": { "name": "a", "namespace": "b" },
            "policy": {
                "semver": { "range": "1.x" },
                "alphabetical": { "order": "desc" },
                "numerical": { "order": "asc" },
            },
            "filterTags": { "pattern": "a", "extract": "b" },
            "digestReflectionPolicy": "Always",
            "interval": "1m",
            "suspend": true,
        }),
        least: json!({ "imageRepositoryRef": { "name": "a" }, "policy": { "alphabetical": {} } }),
        variants: vec![
            json!({ "interval": "1m" }),
            json!({ "digestReflectionPolicy": "Always" }),
            json!({ "digestReflectionPolicy": "IfNotPresent", "interval": "1m" }),
            json!({ "digestReflectionPolicy": "IfNotPresent" }),
            json!({ "policy": { "numerical": { "order": "up" } } }),
            json!({ "policy": { "semver": {} } }),
        ],
    }
}

fn image_update_automation() -> Sample {
    Sample {
        api_version: IMAGE,
        kind: "ImageUpdateAutomation",
        plural: "imageupdateautomations",
        full: json!({
            "sourceRef": { "apiVersion": SOURCE, "kind": "GitRepository", "name": "a", "namespace": "b" },
            "git": {
                "checkout": { "ref": { "branch": "main" } },
                "commit": {
                    "author": { "name": "a", "email": "a@example.com" },
                    "signingKey": { "secretRef": { "name": "a" }, "type": "ssh" },
                    "messageTemplate": "a",
                    "messageTemplateValues": { "a": "b" },
                },
                "push": { "branch": "a", "refspec": "a:b", "options": { "a": "b" } },
            },
            "interval": "1m",
            "policySelector": {
                "matchLabels": { "a": "b" },
                "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }],
            },
            "update": { "strategy": "Setters", "path": "./a" },
            "suspend": true,
        }),
        least: json!({ "sourceRef": { "kind": "GitRepository", "name": "a" }, "interval": "1m" }),
        variants: vec![
            json!({ "sourceRef": { "kind": "Bucket" } }),
            json!({ "update": {} }),
            json!({ "update": { "strategy": "Other" } }),
            json!({ "git": { "commit": { "author": {} } } }),
        ],
    }
}

fn artifact_generator() -> Sample {
    Sample {
        api_version: "source.extensions.fluxcd.io/v1beta1",
        kind: "ArtifactGenerator",
        plural: "artifactgenerators",
        full: json!({
            "commonMetadata": { "annotations": { "a": "b" }, "labels": { "a": "b" } },
            "sources": [{ "alias": "a", "kind": "GitRepository", "name": "a", "namespace": "b" }],
            "pathPattern": "@a/apps/*",
            "artifacts": [{
                "name": "{{ .path }}",
                "revision": "@a",
                "originRevision": "@a",
                "copy": [{ "from": "@a/x/**", "to": "@artifact/", "exclude": ["*.md"], "strategy": "Merge" }],
            }],
        }),
        least: json!({
            "sources": [{ "alias": "a", "kind": "Bucket", "name": "a" }],
            "artifacts": [{ "name": "a.b", "copy": [{ "from": "@a/x", "to": "@artifact/y" }] }],
        }),
        variants: vec![
            json!({ "artifacts": [] }),
            json!({ "artifacts": [{ "name": "A", "copy": [{ "from": "@a/x", "to": "@artifact/y" }] }] }),
            json!({
                "pathPattern": "@a/*",
                "artifacts": [{ "name": "A", "copy": [{ "from": "@a/x", "to": "@artifact/y" }] }],
            }),
            json!({ "pathPattern": "a/*" }),
            json!({ "sources": [{ "alias": "A", "kind": "Bucket", "name": "a" }] }),
        ],
    }
}
