//! The values of a release: from ConfigMaps, Secrets and files of sources, single ones at a path, and inline.

mod aliases;
mod files;
mod read;

use serde_json::{Map, Value as Json};
use sluice_apis::helm::v2::{ValuesReference, ValuesReferenceKind};
use sluice_chart::load::merge_maps;
use sluice_chart::values::{parse_string, parse_typed};
use sluice_yaml::Version;

use self::aliases::Composition;
pub use self::files::{Files, NoFiles, SOURCE_KINDS};
pub use self::read::read;

/// The key in a ConfigMap or Secret where the reference names none.
const DEFAULT_KEY: &str = "values.yaml";

/// What is behind a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The value of the key.
    Data(Vec<u8>),
    /// There is no such object; the text is what the API server says.
    NoObject(String),
    /// The object has no such key.
    NoKey,
}

/// Why there are no values. Names the reference and its key, never a value.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// A reference can't be used.
    #[error("could not resolve{} {kind} chart values reference '{object}' with key '{key}': {reason}", if *.optional { " optional" } else { "" })]
    Reference {
        /// Its kind.
        kind: String,
        /// Namespace and name.
        object: String,
        /// The key in it; the path in a source.
        key: String,
        /// Whether it may be missing.
        optional: bool,
        /// What is wrong, in Go's words.
        reason: String,
        /// What explains it.
        detail: Option<String>,
    },
    /// The API server refused, or can't be asked.
    #[error("{0}")]
    Api(String),
    /// The inline values are no map.
    #[error("spec.values is not a map")]
    Inline,
}

impl ValuesError {
    /// The text with what explains it.
    pub fn explained(&self) -> String {
        match self {
            Self::Reference { detail: Some(detail), .. } => format!("{self}: {detail}"),
            _ => self.to_string(),
        }
    }
}

/// Inline values as Helm sees them: all numbers are floats. Nothing and null are no values.
pub fn inline(values: Option<&Json>) -> Result<Map<String, Json>, ValuesError> {
    match values {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(map)) => {
            let mut map = map.clone();
            map.values_mut().for_each(floats);
            Ok(map)
        }
        Some(_) => Err(ValuesError::Inline),
    }
}

/// Brings values together: references in order, then the inline ones over them.
pub fn compose(
    namespace: &str,
    inline: Map<String, Json>,
    references: &[(ValuesReference, Found)],
) -> Result<Map<String, Json>, ValuesError> {
    let mut composition = Composition::new(inline);
    for (reference, found) in references {
        let unusable = |reason: String, detail: Option<String>| ValuesError::Reference {
            kind: reference.kind.as_str().to_owned(),
            object: format!("{namespace}/{}", reference.name),
            key: key(reference).to_owned(),
            optional: reference.optional,
            reason,
            detail,
        };
        let failed = |reason: String| unusable(reason, None);
        if !matches!(reference.kind, ValuesReferenceKind::Secret | ValuesReferenceKind::ConfigMap)
            && !files::is_source(reference)
        {
            return Err(failed("unsupported values reference kind".to_owned()));
        }
        let data = match found {
            Found::Data(data) => data,
            Found::NoObject(_) | Found::NoKey if reference.optional => {
                tracing::info!(reference = %failed("not there".to_owned()), "an optional values reference is left out");
                continue;
            }
            Found::NoObject(message) => return Err(failed(message.clone())),
            Found::NoKey if files::is_source(reference) => return Err(failed("no such file".to_owned())),
            Found::NoKey => return Err(failed("key not found".to_owned())),
        };
        if let Some(path) = reference.target_path.as_deref().filter(|path| !path.is_empty()) {
            let text = String::from_utf8_lossy(data);
            let set = |values: &mut Map<String, Json>| set_at(values, path, &text, reference.literal);
            composition.set(path, set).map_err(failed)?;
        } else {
            let values = parse(data).map_err(|(reason, detail)| unusable(reason, Some(detail)))?;
            composition.merge(values);
        }
    }
    Ok(composition.finish())
}

/// The key that a reference means; of a source, the path.
fn key(reference: &ValuesReference) -> &str {
    if files::is_source(reference) {
        return reference.path.as_deref().unwrap_or_default();
    }
    reference.values_key.as_deref().filter(|key| !key.is_empty()).unwrap_or(DEFAULT_KEY)
}

/// A values file: its first document, which must be a map. The error is Go's, whose line may be one too low, and ours.
fn parse(data: &[u8]) -> Result<Map<String, Json>, (String, String)> {
    let failed = |error: &sluice_yaml::Error| {
        (format!("error converting YAML to JSON: {}", error.go_text()), error.to_string())
    };
    let text = sluice_yaml::decode(data).map_err(|error| failed(&error))?;
    let node = sluice_yaml::parse_first(&text).map_err(|error| failed(&error))?.unwrap_or_default();
    let value = node.to_json(Version::V2).map_err(|error| failed(&error))?;
    let kind = match &value {
        Json::Array(_) => "array",
        Json::String(_) => "string",
        Json::Number(_) => "number",
        _ => "bool",
    };
    match value {
        Json::Null => Ok(Map::new()),
        Json::Object(mut map) => {
            map.values_mut().for_each(floats);
            Ok(map)
        }
        _ => Err((
            format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type common.Values"
            ),
            "the values are not a map".to_owned(),
        )),
    }
}

/// Sets one value by the grammar of `--set`; one in quotes is text; a literal one is taken as it is.
fn set_at(values: &mut Map<String, Json>, path: &str, value: &str, literal: bool) -> Result<(), String> {
    let quoted = |quote: char| value.starts_with(quote) && value.ends_with(quote);
    let result = if literal {
        let mut escaped = String::with_capacity(value.len());
        for char in value.chars() {
            if matches!(char, '\\' | ',' | '[' | ']' | '{' | '}') {
                escaped.push('\\');
            }
            escaped.push(char);
        }
        parse_string(&format!("{path}={escaped}"), values)
    } else if quoted('\'') || quoted('"') {
        parse_string(&format!("{path}={}", value.trim_matches(['\'', '"'])), values)
    } else {
        parse_typed(&format!("{path}={value}"), values)
    };
    result.map_err(|error| error.to_string())
}

/// Makes all numbers floats, as Go decodes JSON.
fn floats(value: &mut Json) {
    match value {
        Json::Number(number) if !number.is_f64() => {
            if let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(floats),
        Json::Object(map) => map.values_mut().for_each(floats),
        _ => {}
    }
}

/// Values over values: maps merge, everything else replaces.
fn merged(base: Map<String, Json>, over: Map<String, Json>) -> Map<String, Json> {
    merge_maps(base, over)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(name: &str, path: Option<&str>) -> ValuesReference {
        ValuesReference {
            kind: ValuesReferenceKind::ConfigMap,
            name: name.to_owned(),
            values_key: None,
            target_path: path.map(ToOwned::to_owned),
            literal: false,
            optional: false,
            path: None,
        }
    }

    fn composed(inline: &Json, references: &[(&str, Option<&str>)]) -> Json {
        let references: Vec<_> = references
            .iter()
            .map(|(data, path)| (reference("a", *path), Found::Data(data.as_bytes().to_vec())))
            .collect();
        let inline = super::inline(Some(inline)).unwrap();
        Json::Object(compose("ns", inline, &references).unwrap())
    }

    #[test]
    fn inline_values_win_over_files_and_files_over_earlier_ones() {
        let values = composed(
            &json!({"a": {"b": 1}, "n": null}),
            &[("a: {b: 2, c: 3}\nd: 4\nn: 1\n", None), ("d: 5\ny: 1\n", None)],
        );
        assert_eq!(
            values,
            json!({"a": {"b": 1.0, "c": 3.0}, "d": 5.0, "n": null, "true": 1.0, "false": 1.0})
        );
    }

    #[test]
    fn who_wins_at_a_path_follows_what_is_shared() {
        // A top-level scalar: inline wins.
        assert_eq!(composed(&json!({"a": 1}), &[("2", Some("a"))]), json!({"a": 1.0}));
        // In a map that only inline has: the path wins.
        assert_eq!(composed(&json!({"a": {"b": 1}}), &[("2", Some("a.b"))]), json!({"a": {"b": 2}}));
        // In a map that a file has as well: inline wins.
        assert_eq!(
            composed(&json!({"a": {"b": 1}}), &[("a: {c: 3}", None), ("2", Some("a.b"))]),
            json!({"a": {"b": 1.0, "c": 3.0}})
        );
        // But not in a map below it that only inline has.
        assert_eq!(
            composed(&json!({"a": {"x": {"b": 1}}}), &[("a: {c: 3}", None), ("2", Some("a.x.b"))]),
            json!({"a": {"x": {"b": 2}, "c": 3.0}})
        );
        // An element of a list is replaced.
        assert_eq!(composed(&json!({"l": [1, 2]}), &[("9", Some("l[0]"))]), json!({"l": [9, 2.0]}));
        // A list that grows at the top stays as it was, one in a map grows.
        assert_eq!(composed(&json!({"l": [1]}), &[("9", Some("l[1]"))]), json!({"l": [1.0]}));
        assert_eq!(
            composed(&json!({"m": {"l": [1]}}), &[("9", Some("m.l[1]"))]),
            json!({"m": {"l": [1.0, 9]}})
        );
        // What inline does not have is set.
        assert_eq!(composed(&json!({}), &[("x", Some("a.b[0].c"))]), json!({"a": {"b": [{"c": "x"}]}}));
    }

    #[test]
    fn values_at_a_path_have_the_types_of_set() {
        for (text, expected) in [
            ("true", json!(true)),
            ("NULL", json!(null)),
            ("0", json!(0)),
            ("012", json!("012")),
            ("1e3", json!("1e3")),
            ("'1'", json!("1")),
            ("\"a,b\"", json!("a")),
            ("{a,b}", json!(["a", "b"])),
        ] {
            let mut values = Map::new();
            let _ = set_at(&mut values, "k", text, false);
            assert_eq!(values.get("k"), Some(&expected), "{text}");
        }
        let mut values = Map::new();
        set_at(&mut values, "a\\.b", "x,{y}=\\z\n", true).unwrap();
        assert_eq!(Json::Object(values), json!({"a.b": "x,{y}=\\z\n"}));
    }

    #[test]
    fn what_is_missing_is_named_unless_it_may_be() {
        let mut optional = reference("b", Some("x"));
        optional.optional = true;
        let gone = || Found::NoObject("configmaps \"a\" not found".to_owned());
        assert_eq!(compose("ns", Map::new(), &[(optional, gone())]).unwrap(), Map::new());
        let error = compose("ns", Map::new(), &[(reference("a", None), gone())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not resolve ConfigMap chart values reference 'ns/a' with key 'values.yaml': configmaps \"a\" not found"
        );
        let error = compose("ns", Map::new(), &[(reference("a", None), Found::NoKey)]).unwrap_err();
        assert!(error.to_string().ends_with("with key 'values.yaml': key not found"), "{error}");
    }

    #[test]
    fn a_file_of_a_source_is_named_by_its_path() {
        let file = ValuesReference {
            kind: ValuesReferenceKind::from("GitRepository"),
            path: Some("values/prod.yaml".to_owned()),
            ..reference("app", None)
        };
        let found = |data: &str| Found::Data(data.as_bytes().to_vec());
        let over = (reference("a", None), found("a: {b: 2}\n"));
        let values = compose("ns", Map::new(), &[(file.clone(), found("a: {b: 1, c: x}\n")), over]).unwrap();
        assert_eq!(Json::Object(values), json!({"a": {"b": 2.0, "c": "x"}}));
        let error = compose("ns", Map::new(), &[(file, Found::NoKey)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not resolve GitRepository chart values reference 'ns/app' with key 'values/prod.yaml': no such file"
        );
    }
}
