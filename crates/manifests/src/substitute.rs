//! Substitutes variables in the built manifests.

use std::collections::HashSet;

use sluice_apis::kustomize::v1::{PostBuild, SubstituteReferenceKind, SubstituteStrategy};
use sluice_apis::meta::{DISABLED, SUBSTITUTE_ANNOTATION};
use sluice_expr::envsubst::{self, Missing, Variables};
use sluice_yaml::Version;

use crate::describe;

/// Why a manifest can't be substituted into.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name can't be used in `${…}`.
    #[error(
        "envsubst error: '{name}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
    )]
    Name {
        /// The name.
        name: String,
        /// Where it was found, such as `ConfigMap/app`.
        origin: String,
    },
    /// The text has a form that can't be expanded.
    #[error("envsubst error: variable substitution failed: {0}")]
    Expand(#[from] envsubst::Error),
    /// What came out is not YAML.
    #[error("envsubst error: YAMLToJSON: {}", .0.go_text())]
    Yaml(#[from] sluice_yaml::Error),
    /// What came out is empty or has several documents.
    #[error("the manifest is no longer one YAML document after substitution")]
    NotOneDocument,
}

impl Error {
    /// The place, and what to do about it where that is known.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Name { origin, .. } => Some(format!("from {origin}")),
            Self::Expand(error) => Some(error.detail()),
            Self::Yaml(error) => {
                const REMEDY: &str = "quote the variable if its value is not plain";
                let own = error.to_string();
                // Said once where both parsers say the same.
                let place = if own == error.go_text() { String::new() } else { format!("{own}: ") };
                Some(format!("after substitution: {place}{REMEDY}"))
            }
            Self::NotOneDocument => None,
        }
    }
}

/// Why the manifests as a whole can't be substituted into.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// One of them can't.
    #[error("post build failed for '{object}': {source}")]
    Manifest {
        /// The object, as kustomize names it.
        object: String,
        /// Why.
        source: Error,
    },
    /// Two of them are the same object afterwards.
    #[error("in Replace: id matched 2 resources")]
    Twice {
        /// The object, as kustomize names it.
        object: String,
    },
}

impl Failed {
    /// The place, and what to do about it where that is known.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Manifest { source, .. } => source.detail(),
            Self::Twice { object } => {
                Some(format!("after substitution there are two of '{object}': give them names of their own"))
            }
        }
    }
}

/// Whether variables are substituted at all.
pub fn is_due(post_build: &PostBuild, variables: &Variables) -> bool {
    !variables.is_empty() || post_build.substitute_strategy == Some(SubstituteStrategy::Always)
}

/// Adds values; later ones win. Line breaks are taken out, so that a value stays one scalar.
pub fn add<'v>(
    variables: &mut Variables,
    values: impl IntoIterator<Item = (&'v str, &'v str)>,
    origin: &str,
) -> Result<(), Error> {
    for (name, value) in values {
        if !envsubst::is_valid_name(name) {
            return Err(Error::Name { name: name.to_owned(), origin: origin.to_owned() });
        }
        variables.insert(name.to_owned(), value.replace('\n', ""));
    }
    Ok(())
}

/// The name that messages give a source of variables: `ConfigMap/app`.
pub fn origin(kind: &SubstituteReferenceKind, name: &str) -> String {
    format!("{kind}/{name}")
}

/// Substitutes in one manifest; `None` if the manifest opts out or holds nothing to substitute.
///
/// The text is the manifest as kustomize prints it, and the result is read as YAML again: an
/// unquoted `${port}` becomes a number.
pub fn manifest(
    value: &serde_json::Value,
    variables: &Variables,
    missing: Missing,
) -> Result<Option<serde_json::Value>, Error> {
    if is_exempt(value) {
        return Ok(None);
    }
    let text = sluice_yaml::to_yaml(value);
    if !text.contains('$') {
        return Ok(None);
    }
    let expanded = envsubst::expand(&text, variables, missing)?;
    let mut documents = sluice_yaml::parse(&expanded)?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(Some(document.root.to_json(Version::V2)?)),
        _ => Err(Error::NotOneDocument),
    }
}

/// Substitutes in all manifests; the error names the one that failed.
pub fn all(
    mut manifests: Vec<serde_json::Value>,
    variables: &Variables,
    missing: Missing,
) -> Result<Vec<serde_json::Value>, Failed> {
    for value in &mut manifests {
        match manifest(value, variables, missing) {
            Ok(Some(substituted)) => *value = substituted,
            Ok(None) => {}
            Err(source) => return Err(Failed::Manifest { object: describe(value), source }),
        }
    }
    let mut seen = HashSet::new();
    match manifests.iter().find(|value| !seen.insert(identity(value))) {
        Some(value) => Err(Failed::Twice { object: describe(value) }),
        None => Ok(manifests),
    }
}

/// What no two objects share, for kustomize: two versions of a kind are two objects.
fn identity(value: &serde_json::Value) -> [Option<&str>; 4] {
    let metadata = &value["metadata"];
    [&value["apiVersion"], &value["kind"], &metadata["namespace"], &metadata["name"]]
        .map(|part| part.as_str())
}

fn is_exempt(value: &serde_json::Value) -> bool {
    ["labels", "annotations"]
        .iter()
        .any(|field| value["metadata"][field][SUBSTITUTE_ANNOTATION].as_str() == Some(DISABLED))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config_map(data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    }

    fn substitute(data: &Value, variables: &[(&str, &str)]) -> Value {
        let mut all = Variables::new();
        add(&mut all, variables.iter().copied(), "inline").unwrap();
        manifest(&config_map(data), &all, Missing::Error).unwrap().unwrap()["data"].take()
    }

    #[test]
    fn two_manifests_may_not_become_one_object() {
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let mut variables = Variables::new();
        add(&mut variables, [("name", "a")], "inline").unwrap();
        let all = |names: [&str; 2]| all(names.map(named).to_vec(), &variables, Missing::Error);
        assert_eq!(all(["b", "${name}"]).unwrap(), [named("b"), named("a")]);
        let error = all(["a", "${name}"]).unwrap_err();
        assert_eq!(error.to_string(), "in Replace: id matched 2 resources");
        assert!(error.detail().unwrap().contains("'ConfigMap.v1.[noGrp]/a'"));
        let version = |version: &str| json!({"apiVersion": version, "kind": "A", "metadata": {"name": "a"}});
        let two = vec![version("x/v1"), version("x/v2")];
        assert_eq!(super::all(two.clone(), &variables, Missing::Error).unwrap(), two);
    }

    #[test]
    fn results_are_typed_by_yaml() {
        for (value, expected) in [
            ("8080", json!(8080)),
            ("true", json!(true)),
            ("yes", json!(true)),
            ("null", Value::Null),
            ("1e3", json!(1000)),
            ("plain", json!("plain")),
            ("\"q\"", json!("q")),
        ] {
            let data = substitute(&json!({"k": "${v}"}), &[("v", value)]);
            assert_eq!(data["k"], expected, "{value}");
        }
    }

    #[test]
    fn the_documented_way_to_quote_works() {
        let data = substitute(&json!({"k": "${quote}${v}${quote}"}), &[("v", "8080"), ("quote", "\"")]);
        assert_eq!(data["k"], json!("8080"));
    }

    #[test]
    fn line_breaks_in_values_are_taken_out() {
        let data = substitute(&json!({"k": "${v}"}), &[("v", "one\ntwo\n")]);
        assert_eq!(data["k"], json!("onetwo"));
    }

    #[test]
    fn manifests_can_opt_out_by_label_or_annotation() {
        for field in ["labels", "annotations"] {
            let mut value = config_map(&json!({"k": "${v}"}));
            value["metadata"][field] = json!({SUBSTITUTE_ANNOTATION: "disabled"});
            assert_eq!(manifest(&value, &Variables::new(), Missing::Error).unwrap(), None);
            value["metadata"][field] = json!({SUBSTITUTE_ANNOTATION: "Disabled"});
            assert!(manifest(&value, &Variables::new(), Missing::Error).is_err());
        }
    }

    #[test]
    fn bad_names_say_where_they_are() {
        let error = add(&mut Variables::new(), [("a-b", "")], "Secret/vars").unwrap_err();
        assert_eq!(
            error.to_string(),
            "envsubst error: 'a-b' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
        );
        assert_eq!(error.detail().as_deref(), Some("from Secret/vars"));
    }

    #[test]
    fn the_manifest_and_the_place_are_told() {
        let value = config_map(&json!({"k": "${v-x}"}));
        let error = all(vec![value], &Variables::new(), Missing::Empty).unwrap_err();
        assert_eq!(
            error.to_string(),
            "post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: variable substitution failed: missing closing brace"
        );
        assert_eq!(error.detail().as_deref(), Some("line 3: `${v` is followed by '-'"));
    }
}
