//! What a source produces.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::ConditionedObject;
use crate::k8s::Time;

/// A stored archive of a source at one revision.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Path of the file relative to the root of the storage.
    pub path: String,
    /// HTTP address of the file.
    pub url: String,
    /// Human-readable identifier of the upstream revision, such as `main@sha1:<commit>`.
    pub revision: String,
    /// Digest of the file: `<algorithm>:<checksum>`.
    #[schemars(regex(pattern = crate::schema::DIGEST_PATTERN))]
    pub digest: String,
    /// When the file was written.
    pub last_update_time: Time,
    /// Size of the file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Upstream metadata, such as OCI annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A kind that produces artifacts.
pub trait Source: ConditionedObject {
    /// `status.artifact`.
    fn artifact(&self) -> Option<&Artifact>;
    /// Sets or removes `status.artifact`.
    fn set_artifact(&mut self, artifact: Option<Artifact>);
}

/// Implements [`Source`] for a kind whose status has `artifact`.
macro_rules! source {
    ($kind:ident) => {
        impl crate::source::v1::Source for $kind {
            fn artifact(&self) -> Option<&crate::source::v1::Artifact> {
                self.status.as_ref()?.artifact.as_ref()
            }

            fn set_artifact(&mut self, artifact: Option<crate::source::v1::Artifact>) {
                self.status.get_or_insert_default().artifact = artifact;
            }
        }
    };
}
pub(super) use source;
