//! Where the values of a release come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::is_false;

vocabulary! {
    /// The kinds that values may come from.
    pub enum ValuesReferenceKind {
        /// A Secret.
        Secret = "Secret",
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
    }
}

/// A ConfigMap or Secret with values, in the namespace of the release.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValuesReference {
    /// Its kind.
    pub kind: ValuesReferenceKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it; `values.yaml` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^[\-._a-zA-Z0-9]+$"))]
    pub values_key: Option<String>,
    /// Path, with dots, of the single value that the key holds; when not given, the key holds a whole values file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 250), regex(pattern = r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$"))]
    pub target_path: Option<String>,
    /// Whether the value at the path is taken as it is, without Helm's `--set` syntax.
    #[serde(default, skip_serializing_if = "is_false")]
    pub literal: bool,
    /// Whether it may be missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// Path of the file with the values, where the reference is to a source. Flux's definition has no such field, so
    /// ours has none either; `config/components/artifact-values` adds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub path: Option<String>,
}
