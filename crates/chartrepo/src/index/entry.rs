//! One version of one chart in an index.

use serde::{Deserialize, Serialize};
use sluice_chart::Metadata;
use sluice_yaml::{Node, Version as Yaml};

use super::IndexError;

/// What Go writes for a time that is not set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Fields of an entry besides those of `Chart.yaml`. The last four are of older Helms and without meaning.
const OWN_FIELDS: [&str; 8] =
    ["urls", "created", "removed", "digest", "checksum", "engine", "tillerVersion", "url"];

/// Fields of `Chart.yaml`.
const METADATA_FIELDS: [&str; 17] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// A version as it is stored: in Helm's order of fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Entry {
    #[serde(flatten)]
    pub(super) metadata: Metadata,
    pub(super) urls: Vec<String>,
    pub(super) created: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) removed: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) digest: String,
}

/// What is wanted of a stored version.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Release {
    /// The chart.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it can be had.
    pub urls: Vec<String>,
    /// When it was made, in RFC 3339.
    pub created: String,
}

impl Entry {
    /// Reads an entry; None if it is one that no chart can be (such are passed over). Unknown fields are an error
    /// if `strict`.
    pub(super) fn read(node: &Node, strict: bool) -> Result<Option<Self>, IndexError> {
        if node.is_null() {
            return Ok(None);
        }
        let invalid = |error: &dyn std::fmt::Display| IndexError::Invalid(error.to_string());
        let fields = node.as_mapping().ok_or_else(|| invalid(&"a version of a chart is no mapping"))?;
        let mut entry = Self { created: NO_TIME.to_owned(), ..Self::default() };
        for field in fields {
            let name = field.name().unwrap_or_default();
            let known =
                OWN_FIELDS.iter().chain(&METADATA_FIELDS).any(|known| known.eq_ignore_ascii_case(name));
            if strict && !known {
                return Err(invalid(&format!("unknown field {name:?}")));
            }
            let value = || field.value.to_json(Yaml::V2).map_err(|error| invalid(&error));
            let text = || Ok::<_, IndexError>(value()?.as_str().map(ToOwned::to_owned));
            match name {
                "urls" => {
                    entry.urls = match value()? {
                        serde_json::Value::Array(urls) => {
                            urls.iter().filter_map(|url| url.as_str().map(ToOwned::to_owned)).collect()
                        }
                        _ => Vec::new(),
                    };
                }
                "created" => entry.created = text()?.unwrap_or(entry.created),
                "digest" => entry.digest = text()?.unwrap_or_default(),
                "removed" => entry.removed = value()?.as_bool().unwrap_or_default(),
                _ => {}
            }
        }
        entry.metadata.read_node(node).map_err(|error| invalid(&error))?;
        if entry.metadata.api_version.is_empty() {
            "v1".clone_into(&mut entry.metadata.api_version);
        }
        match entry.metadata.validate() {
            Ok(()) => Ok(Some(entry)),
            // Some repositories leave out the aliases that tell two dependencies apart.
            Err(error) if error.to_string().contains("more than one dependency with name or alias") => {
                Ok(Some(entry))
            }
            Err(_) => Ok(None),
        }
    }
}
