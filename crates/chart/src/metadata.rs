//! `Chart.yaml`, `Chart.lock` and their Helm 2 predecessors.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use sluice_yaml::{Node, Version};

use crate::decode::{self, DecodeError, Place};

/// The content of `Chart.yaml`. Serialised, it has Helm's order of fields and leaves out what is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The chart's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// URL of the project.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// URLs of the sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Semantic version of the chart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words to search for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who maintains the chart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    /// URL of an image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(rename = "apiVersion", skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Without meaning since Helm 3.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Without meaning since Helm 3.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Version of what the chart installs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// Whether the chart should not be used any more.
    #[serde(skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// Anything else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Constraint on the version of Kubernetes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// The charts that this one needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application`, `library` or empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Lists that hold nulls, which validation refuses.
    #[serde(skip)]
    pub(crate) holes: Holes,
}

/// Which lists of objects hold a null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holes {
    pub(crate) maintainers: bool,
    pub(crate) dependencies: bool,
}

/// Someone who maintains a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Maintainer {
    /// Name of a person or organisation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address for mail.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Web address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A chart that another one needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dependency {
    /// The chart's name.
    pub name: String,
    /// Constraint on its version; in a lock file, its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// URL of its repository; `file://` for a directory.
    pub repository: String,
    /// Paths of values, separated by commas: the first boolean says whether the chart is used.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags that switch the chart on or off together with others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether tags and conditions want the chart.
    #[serde(skip_serializing_if = "is_false")]
    pub enabled: bool,
    /// Which values to take over: texts, or objects with `child` and `parent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Json>,
    /// Name under which the chart is used.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

/// The content of `Chart.lock`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lock {
    /// When it was written, in RFC 3339.
    pub generated: String,
    /// Digest of the dependencies in `Chart.yaml` and here.
    pub digest: String,
    /// The versions chosen.
    pub dependencies: Vec<Dependency>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !value
}

impl Metadata {
    /// Reads the fields that a YAML text has over those that are here.
    pub fn read(&mut self, yaml: &[u8]) -> Result<(), DecodeError> {
        decode::document(yaml)?.map_or(Ok(()), |node| self.read_node(&node))
    }

    /// As [`Metadata::read`], of a text that was parsed already.
    pub fn read_node(&mut self, node: &Node) -> Result<(), DecodeError> {
        decode::check(node)?;
        let root = Place { root: "Metadata", path: "" };
        let fields = decode::fields(node, root, "v2.Metadata")?;
        for (name, value) in fields.into_iter().flatten() {
            self.read_field(&name.to_ascii_lowercase(), value)?;
        }
        Ok(())
    }

    fn read_field(&mut self, name: &str, node: &Node) -> Result<(), DecodeError> {
        let place = |path| Place { root: "Metadata", path };
        let target = match name {
            "name" => &mut self.name,
            "home" => &mut self.home,
            "version" => &mut self.version,
            "description" => &mut self.description,
            "icon" => &mut self.icon,
            "apiversion" => &mut self.api_version,
            "condition" => &mut self.condition,
            "tags" => &mut self.tags,
            "appversion" => &mut self.app_version,
            "kubeversion" => &mut self.kube_version,
            "type" => &mut self.kind,
            "sources" => {
                self.sources = decode::texts(node, place("sources"))?.unwrap_or_default();
                return Ok(());
            }
            "keywords" => {
                self.keywords = decode::texts(node, place("keywords"))?.unwrap_or_default();
                return Ok(());
            }
            "annotations" => {
                if let Some(annotations) = decode::text_map(node, place("annotations"))? {
                    self.annotations.extend(annotations);
                }
                return Ok(());
            }
            "deprecated" => {
                self.deprecated = decode::boolean(node, place("deprecated"))?.unwrap_or(self.deprecated);
                return Ok(());
            }
            "maintainers" => return self.read_maintainers(node),
            "dependencies" => {
                (self.dependencies, self.holes.dependencies) = dependencies(node, "Metadata")?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(text) = decode::text(node, place(name))? {
            *target = text;
        }
        Ok(())
    }

    fn read_maintainers(&mut self, node: &Node) -> Result<(), DecodeError> {
        let place = Place { root: "Metadata", path: "maintainers" };
        self.maintainers.clear();
        self.holes.maintainers = false;
        for item in decode::items(node, place, "[]*v2.Maintainer")?.unwrap_or_default() {
            let Some(fields) = decode::fields(item, place, "v2.Maintainer")? else {
                self.holes.maintainers = true;
                continue;
            };
            let mut maintainer = Maintainer::default();
            for (name, value) in fields {
                let target = match name.to_ascii_lowercase().as_str() {
                    "name" => &mut maintainer.name,
                    "email" => &mut maintainer.email,
                    "url" => &mut maintainer.url,
                    _ => continue,
                };
                if let Some(text) = decode::text(value, place)? {
                    *target = text;
                }
            }
            self.maintainers.push(maintainer);
        }
        Ok(())
    }

    /// Whether the chart can't be installed, only used by others.
    pub fn is_library(&self) -> bool {
        self.kind.eq_ignore_ascii_case("library")
    }
}

impl Lock {
    /// Reads `Chart.lock` or `requirements.lock`.
    pub fn read(yaml: &[u8]) -> Result<Self, DecodeError> {
        let mut lock = Self { generated: ZERO_TIME.to_owned(), ..Self::default() };
        let Some(node) = decode::document(yaml)? else { return Ok(lock) };
        decode::check(&node)?;
        let place = |path| Place { root: "Lock", path };
        for (name, value) in decode::fields(&node, place(""), "v2.Lock")?.into_iter().flatten() {
            match name.to_ascii_lowercase().as_str() {
                "generated" => {
                    if let Some(text) = decode::text(value, place("generated"))? {
                        lock.generated = text;
                    }
                }
                "digest" => {
                    if let Some(text) = decode::text(value, place("digest"))? {
                        lock.digest = text;
                    }
                }
                "dependencies" => (lock.dependencies, _) = dependencies(value, "Lock")?,
                _ => {}
            }
        }
        Ok(lock)
    }
}

/// Go's zero time, which stands where there is none.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// The dependencies in a list, and whether there was a null among them.
fn dependencies(node: &Node, root: &str) -> Result<(Vec<Dependency>, bool), DecodeError> {
    let place = |path| Place { root, path };
    let mut has_null = false;
    let mut dependencies = Vec::new();
    for item in decode::items(node, place("dependencies"), "[]*v2.Dependency")?.unwrap_or_default() {
        match decode::fields(item, place("dependencies"), "v2.Dependency")? {
            None => has_null = true,
            Some(fields) => {
                let mut dependency = Dependency::default();
                for (name, value) in fields {
                    dependency.read_field(&name.to_ascii_lowercase(), value, root)?;
                }
                dependencies.push(dependency);
            }
        }
    }
    Ok((dependencies, has_null))
}

impl Dependency {
    fn read_field(&mut self, name: &str, node: &Node, root: &str) -> Result<(), DecodeError> {
        let path = format!("dependencies.{name}");
        let place = Place { root, path: &path };
        let target = match name {
            "name" => &mut self.name,
            "version" => &mut self.version,
            "repository" => &mut self.repository,
            "condition" => &mut self.condition,
            "alias" => &mut self.alias,
            "tags" => {
                self.tags = decode::texts(node, place)?.unwrap_or_default();
                return Ok(());
            }
            "enabled" => {
                self.enabled = decode::boolean(node, place)?.unwrap_or_default();
                return Ok(());
            }
            "import-values" => {
                let items = decode::items(node, place, "[]interface {}")?.unwrap_or_default();
                self.import_values =
                    items.iter().map(|item| item.to_json(Version::V2)).collect::<Result<_, _>>()?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(text) = decode::text(node, place)? {
            *target = text;
        }
        Ok(())
    }

    /// The name under which the chart is used.
    pub fn effective_name(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Metadata {
        let mut metadata = Metadata::default();
        metadata.read(yaml.as_bytes()).unwrap();
        metadata
    }

    #[test]
    fn numbers_and_booleans_become_texts() {
        let metadata = read("name: 1\nversion: 1.10\nappVersion: 1e6\nDescription: yes\nicon: ~\n");
        assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("1", "1.1"));
        assert_eq!((metadata.app_version.as_str(), metadata.description.as_str()), ("1e+06", "true"));
        assert_eq!(metadata.icon, "");
    }

    #[test]
    fn types_that_do_not_fit_are_errors() {
        let mut metadata = Metadata::default();
        let error = metadata.read(b"name: [a]").unwrap_err().to_string();
        assert_eq!(
            error,
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field \
             Metadata.name of type string"
        );
        let error = metadata.read(b"text").unwrap_err().to_string();
        assert!(error.ends_with("cannot unmarshal string into Go value of type v2.Metadata"), "{error}");
    }

    #[test]
    fn serialises_in_helms_order_without_what_is_empty() {
        let metadata = read("type: library\nname: a\nversion: 1.0.0\ndependencies: [{name: b, tags: [x]}]\n");
        assert_eq!(
            serde_json::to_string(&metadata).unwrap(),
            r#"{"name":"a","version":"1.0.0","dependencies":[{"name":"b","repository":"","tags":["x"]}],"type":"library"}"#
        );
    }
}
