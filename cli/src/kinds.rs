//! What the commands know of each kind.

use std::fmt;

use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt};

use crate::object::{self, condition, some_text, text};
use crate::text::{title, truncate_hex};

/// A kind and how it is shown.
#[allow(clippy::struct_field_names)] // `kind` is what the API calls it
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    /// The name of the kind, in CamelCase.
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    /// The kind in messages about changes to an object.
    pub(crate) human: &'static str,
    /// The columns between the name and the readiness.
    pub(crate) columns: &'static [Column],
    /// The message of kinds that report no readiness.
    pub(crate) always_ready: Option<&'static str>,
    /// What a successful reconciliation did.
    pub(crate) success: fn(&DynamicObject) -> String,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// A column of a table.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) cell: fn(&DynamicObject) -> String,
    /// Shown only when asked for.
    pub(crate) optional: bool,
}

impl Kind {
    /// How the API calls the kind.
    pub(crate) fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: format!("{}/{}", self.group, self.version),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// The objects in a namespace.
    pub(crate) fn api(&self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }

    /// The objects in all namespaces.
    pub(crate) fn api_all(&self, client: &Client) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.resource())
    }

    /// Status and message of the readiness.
    pub(crate) fn readiness(&self, item: &DynamicObject) -> (String, String) {
        if let Some(message) = self.static_message(item) {
            return ("True".to_owned(), message.to_owned());
        }
        match condition(item, "Ready") {
            Some(ready) => (ready.status.to_owned(), truncate_hex(ready.message)),
            None => ("False".to_owned(), "waiting to be reconciled".to_owned()),
        }
    }

    /// Whether nothing reconciles the object: it is always ready.
    pub(crate) fn is_static(&self, item: &DynamicObject) -> bool {
        self.static_message(item).is_some()
    }

    fn static_message(&self, item: &DynamicObject) -> Option<&'static str> {
        let is_oci = self.kind == "HelmRepository" && text(item, "/spec/type") == "oci";
        if is_oci { Some("Helm repository is Ready") } else { self.always_ready }
    }
}

const SUSPENDED: Column =
    Column { name: "Suspended", cell: |item| title(object::is_suspended(item)).to_owned(), optional: false };
const REVISION: Column = Column {
    name: "Revision",
    cell: |item| truncate_hex(text(item, "/status/artifact/revision")),
    optional: false,
};

const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
const IMAGE_GROUP: &str = "image.toolkit.fluxcd.io";
const NOTIFICATION_GROUP: &str = "notification.toolkit.fluxcd.io";

fn fetched(item: &DynamicObject) -> String {
    format!("fetched revision {}", text(item, "/status/artifact/revision"))
}

fn ready_message(item: &DynamicObject) -> String {
    condition(item, "Ready").map(|ready| ready.message.to_owned()).unwrap_or_default()
}

/// `Kind/namespace/name` of a reference.
fn reference(item: &DynamicObject, pointer: &str) -> String {
    let part = |field: &str| text(item, &format!("{pointer}/{field}"));
    let namespace = Some(part("namespace")).filter(|namespace| !namespace.is_empty());
    let namespace = namespace.map_or_else(|| object::namespace(item), str::to_owned);
    if part("name").is_empty() {
        String::new()
    } else {
        format!("{}/{namespace}/{}", part("kind"), part("name"))
    }
}

macro_rules! source {
    ($name:ident, $kind:literal, $plural:literal, $human:literal) => {
        pub(crate) static $name: Kind = Kind {
            group: SOURCE_GROUP,
            version: "v1",
            kind: $kind,
            plural: $plural,
            human: $human,
            columns: &[REVISION, SUSPENDED],
            always_ready: None,
            success: fetched,
        };
    };
}

source!(GIT_REPOSITORY, "GitRepository", "gitrepositories", "source git");
source!(OCI_REPOSITORY, "OCIRepository", "ocirepositories", "source oci");
source!(BUCKET, "Bucket", "buckets", "source bucket");
source!(HELM_REPOSITORY, "HelmRepository", "helmrepositories", "source helm");

pub(crate) static HELM_CHART: Kind = Kind {
    group: SOURCE_GROUP,
    version: "v1",
    kind: "HelmChart",
    plural: "helmcharts",
    human: "source chart",
    columns: &[
        // A version may well look like a digest: it stays whole.
        Column {
            name: "Revision",
            cell: |item| text(item, "/status/artifact/revision").to_owned(),
            optional: false,
        },
        SUSPENDED,
    ],
    always_ready: None,
    success: fetched,
};

pub(crate) static EXTERNAL_ARTIFACT: Kind = Kind {
    group: SOURCE_GROUP,
    version: "v1",
    kind: "ExternalArtifact",
    plural: "externalartifacts",
    human: "source external-artifact",
    columns: &[
        REVISION,
        Column { name: "Source", cell: |item| reference(item, "/spec/sourceRef"), optional: false },
    ],
    always_ready: None,
    success: fetched,
};

pub(crate) static KUSTOMIZATION: Kind = Kind {
    group: "kustomize.toolkit.fluxcd.io",
    version: "v1",
    kind: "Kustomization",
    plural: "kustomizations",
    human: "kustomization",
    columns: &[
        Column { name: "Source", cell: |item| reference(item, "/spec/sourceRef"), optional: true },
        Column {
            name: "Revision",
            cell: |item| truncate_hex(text(item, "/status/lastAppliedRevision")),
            optional: false,
        },
        SUSPENDED,
    ],
    always_ready: None,
    success: |item| format!("applied revision {}", text(item, "/status/lastAppliedRevision")),
};

pub(crate) static HELM_RELEASE: Kind = Kind {
    group: "helm.toolkit.fluxcd.io",
    version: "v2",
    kind: "HelmRelease",
    plural: "helmreleases",
    human: "helmrelease",
    columns: &[
        Column { name: "Source", cell: release_source, optional: true },
        Column { name: "Revision", cell: |item| truncate_hex(release_revision(item)), optional: false },
        SUSPENDED,
    ],
    always_ready: None,
    success: |item| format!("applied revision {}", release_revision(item)),
};

fn release_revision(item: &DynamicObject) -> &str {
    some_text(item, "/status/history/0/chartVersion")
        .unwrap_or_else(|| text(item, "/status/lastAttemptedRevision"))
}

fn release_source(item: &DynamicObject) -> String {
    let from_template = reference(item, "/spec/chart/spec/sourceRef");
    if from_template.is_empty() { reference(item, "/spec/chartRef") } else { from_template }
}

pub(crate) static ALERT: Kind = Kind {
    group: NOTIFICATION_GROUP,
    version: "v1beta3",
    kind: "Alert",
    plural: "alerts",
    human: "alert",
    columns: &[SUSPENDED],
    always_ready: Some("Alert is Ready"),
    success: |_| "Alert reconciliation completed".to_owned(),
};

pub(crate) static PROVIDER: Kind = Kind {
    group: NOTIFICATION_GROUP,
    version: "v1beta3",
    kind: "Provider",
    plural: "providers",
    human: "alert provider",
    columns: &[],
    always_ready: Some("Provider is Ready"),
    success: |_| "Provider reconciliation completed".to_owned(),
};

pub(crate) static RECEIVER: Kind = Kind {
    group: NOTIFICATION_GROUP,
    version: "v1",
    kind: "Receiver",
    plural: "receivers",
    human: "receiver",
    columns: &[SUSPENDED],
    always_ready: None,
    success: |_| "Receiver reconciliation completed".to_owned(),
};

pub(crate) static IMAGE_REPOSITORY: Kind = Kind {
    group: IMAGE_GROUP,
    version: "v1",
    kind: "ImageRepository",
    plural: "imagerepositories",
    human: "image repository",
    columns: &[
        Column {
            name: "Last scan",
            cell: |item| text(item, "/status/lastScanResult/scanTime").to_owned(),
            optional: false,
        },
        SUSPENDED,
    ],
    always_ready: None,
    success: |item| {
        let tags = item.data.pointer("/status/lastScanResult/tagCount").and_then(serde_json::Value::as_i64);
        format!("scan fetched {} tags", tags.unwrap_or(0))
    },
};

pub(crate) static IMAGE_POLICY: Kind = Kind {
    group: IMAGE_GROUP,
    version: "v1",
    kind: "ImagePolicy",
    plural: "imagepolicies",
    human: "image policy",
    columns: &[
        Column {
            name: "Image",
            cell: |item| text(item, "/status/latestRef/name").to_owned(),
            optional: false,
        },
        Column { name: "Tag", cell: |item| text(item, "/status/latestRef/tag").to_owned(), optional: false },
    ],
    always_ready: None,
    success: |item| {
        let digest = some_text(item, "/status/latestRef/digest").map(|digest| format!("@{digest}"));
        format!(
            "selected ref {}:{}{}",
            text(item, "/status/latestRef/name"),
            text(item, "/status/latestRef/tag"),
            digest.unwrap_or_default()
        )
    },
};

pub(crate) static IMAGE_UPDATE: Kind = Kind {
    group: IMAGE_GROUP,
    version: "v1",
    kind: "ImageUpdateAutomation",
    plural: "imageupdateautomations",
    human: "image update automation",
    columns: &[
        Column {
            name: "Last run",
            cell: |item| text(item, "/status/lastAutomationRunTime").to_owned(),
            optional: false,
        },
        SUSPENDED,
    ],
    always_ready: None,
    success: ready_message,
};

pub(crate) static ARTIFACT_GENERATOR: Kind = Kind {
    group: "source.extensions.fluxcd.io",
    version: "v1beta1",
    kind: "ArtifactGenerator",
    plural: "artifactgenerators",
    human: "artifactgenerator",
    columns: &[Column {
        name: "Suspended",
        // This kind is switched off by an annotation.
        cell: |item| {
            let value = item.annotations().get("source.extensions.fluxcd.io/reconcile");
            title(value.is_some_and(|value| value == "disabled")).to_owned()
        },
        optional: false,
    }],
    always_ready: None,
    success: ready_message,
};

/// The sources in the order of `get sources all`.
pub(crate) static SOURCES: [&Kind; 6] =
    [&OCI_REPOSITORY, &BUCKET, &GIT_REPOSITORY, &HELM_REPOSITORY, &HELM_CHART, &EXTERNAL_ARTIFACT];

/// The image kinds in the order of `get images all`.
pub(crate) static IMAGES: [&Kind; 3] = [&IMAGE_REPOSITORY, &IMAGE_POLICY, &IMAGE_UPDATE];

/// The other kinds in the order of `get all`.
pub(crate) static OTHERS: [&Kind; 5] = [&HELM_RELEASE, &KUSTOMIZATION, &RECEIVER, &PROVIDER, &ALERT];

/// Every kind that has a controller.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    SOURCES.into_iter().chain(IMAGES).chain(OTHERS).chain([&ARTIFACT_GENERATOR])
}

/// The kind of this name, in any case.
pub(crate) fn find(kind: &str) -> Option<&'static Kind> {
    all().find(|candidate| candidate.kind.eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use serde_json::json;
    use sluice_apis::{crd, extensions, source};

    use super::*;
    use crate::object::tests::object;

    #[test]
    fn kinds_are_those_of_the_api() {
        let definitions = crd::all().unwrap();
        assert_eq!(definitions.len(), all().count());
        for kind in all() {
            let name = format!("{}.{}", kind.plural, kind.group);
            let definition = definitions
                .iter()
                .find(|definition| definition.metadata.name.as_ref() == Some(&name))
                .unwrap();
            assert_eq!(definition.spec.names.kind, kind.kind);
            assert_eq!(definition.spec.versions[0].name, kind.version);
        }
        assert_eq!(GIT_REPOSITORY.resource().plural, source::v1::GitRepository::api_resource().plural);
        assert_eq!(extensions::GROUP, ARTIFACT_GENERATOR.group);
    }

    #[test]
    fn readiness_without_a_condition_says_so() {
        let fresh = object(json!({}));
        let expected = ("False".to_owned(), "waiting to be reconciled".to_owned());
        assert_eq!(KUSTOMIZATION.readiness(&fresh), expected);
        assert_eq!(ALERT.readiness(&fresh), ("True".to_owned(), "Alert is Ready".to_owned()));
        let oci = object(json!({"spec": {"type": "oci"}}));
        assert_eq!(
            HELM_REPOSITORY.readiness(&oci),
            ("True".to_owned(), "Helm repository is Ready".to_owned())
        );
    }

    #[test]
    fn a_release_shows_its_chart_version_or_the_last_try() {
        let tried = object(json!({"status": {"lastAttemptedRevision": "1.2.3"}}));
        assert_eq!(release_revision(&tried), "1.2.3");
        let released = object(
            json!({"status": {"history": [{"chartVersion": "1.2.2"}], "lastAttemptedRevision": "1.2.3"}}),
        );
        assert_eq!(release_revision(&released), "1.2.2");
    }
}
