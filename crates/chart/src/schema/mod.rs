//! `values.schema.json`: JSON schema from draft 4 to 2020-12.

mod bound;
mod message;

use std::error::Error;
use std::sync::Arc;

use boon::{Compiler, Schemas, UrlLoader};
use serde_json::{Map, Value as Json};

use crate::chart::Chart;

/// Gives the document that a `$ref` to another one names: its URL, and its text or why there is none.
pub type FetchSchema = Arc<dyn Fn(&str) -> Result<Vec<u8>, String>>;

/// Where a schema stands, as Helm names it.
const LOCATION: &str = "file:///values.schema.json";

/// The largest document that a `$ref` may bring in, in bytes.
const MAX_REMOTE: usize = 5 << 20;

/// The values do not meet the schemas of one or more charts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
pub struct SchemaError(String);

/// A [`FetchSchema`] that fetches nothing.
pub fn refuse_remote() -> FetchSchema {
    Arc::new(|url| Err(format!("{url} is not fetched: put what it defines into values.schema.json")))
}

/// Checks coalesced values against the schemas of a chart and of its dependencies. A reference to a `urn:` allows
/// anything; what other references name is asked of `fetch`.
pub fn validate(chart: &Chart, values: &Map<String, Json>, fetch: &FetchSchema) -> Result<(), SchemaError> {
    let mut report = String::new();
    collect(chart, values, fetch, &mut report);
    if report.is_empty() { Ok(()) } else { Err(SchemaError(report)) }
}

fn collect(chart: &Chart, values: &Map<String, Json>, fetch: &FetchSchema, report: &mut String) {
    if let Some(schema) = &chart.schema
        && let Err(message) = check(schema, values, fetch)
    {
        report.extend([chart.name(), ":\n", &message]);
    }
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Json::Null) => {}
            Some(Json::Object(values)) => collect(subchart, values, fetch, report),
            Some(other) => {
                let told = ":\ninvalid type for values: expected object (map), got ";
                report.extend([subchart.name(), told, go_type(other), "\n"]);
            }
        }
    }
}

fn go_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

/// Checks values against one schema. The message ends with a line break when the values are wrong, and without one
/// when the schema is.
fn check(schema: &[u8], values: &Map<String, Json>, fetch: &FetchSchema) -> Result<(), String> {
    let schema: Json = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    bound::check(&schema)?;
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Loader(fetch.clone())));
    compiler.add_resource(LOCATION, schema).map_err(|error| format!("{error:#}"))?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(LOCATION, &mut schemas).map_err(|error| format!("{error:#}"))?;
    let values = Json::Object(values.clone());
    schemas.validate(&values, index).map_err(|error| message::text(&error) + "\n")
}

struct Loader(FetchSchema);

impl UrlLoader for Loader {
    fn load(&self, url: &str) -> Result<Json, Box<dyn Error>> {
        if url.starts_with("urn:") {
            return Ok(Json::Bool(true));
        }
        let text = (self.0)(url)?;
        if text.len() > MAX_REMOTE {
            return Err(format!("{url} has more than {MAX_REMOTE} bytes").into());
        }
        let schema = serde_json::from_slice(&text)?;
        bound::check(&schema)?;
        Ok(schema)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(schema: &Json, values: &Json) -> String {
        let fetch = refuse_remote();
        check(schema.to_string().as_bytes(), values.as_object().unwrap(), &fetch).unwrap_err()
    }

    #[test]
    fn texts_are_helms() {
        let schema = json!({
            "type": "object",
            "required": ["a", "b"],
            "additionalProperties": false,
            "properties": {
                "n": { "type": "integer", "minimum": 1000 },
                "s": { "type": ["string", "null"], "pattern": "^[a-z]+$", "minLength": 2 },
                "e": { "enum": ["x", 1, null] },
                "c": { "const": "x" },
                "l": { "minItems": 2, "uniqueItems": true, "items": { "type": "boolean" } },
                "o": { "oneOf": [{ "type": "string" }, { "type": "number", "multipleOf": 2 }] },
            },
        });
        for (values, expected) in [
            (json!({}), "- at '': missing properties 'a', 'b'\n"),
            (
                json!({ "a": 1.0, "b": 1.0, "n": 1.5 }),
                "- at '/n': got number, want integer\n- at '': additional properties 'a', 'b' not allowed\n",
            ),
        ] {
            assert_eq!(messages(&schema, &values), expected);
        }
        let schema = schema["properties"].clone();
        for (key, value, expected) in [
            ("n", json!(5.0), "- at '': minimum: got 5, want 1,000\n"),
            ("s", json!(5.0), "- at '': got number, want null or string\n"),
            ("e", json!("y"), "- at '': value must be one of 'x', 1, <nil>\n"),
            ("c", json!("y"), "- at '': value must be 'x'\n"),
            ("l", json!([true]), "- at '': minItems: got 1, want 2\n"),
            ("l", json!([true, true]), "- at '': items at 0 and 1 are equal\n"),
            (
                "o",
                json!(true),
                "- at '': 'oneOf' failed, none matched\n  - at '': got boolean, want string\n  - at '': got boolean, want number\n",
            ),
        ] {
            let schema = json!({ "properties": { "v": schema[key] } });
            let text = messages(&schema, &json!({ "v": value }));
            assert_eq!(text, expected.replace("at ''", "at '/v'"), "{key}");
        }
    }

    #[test]
    fn references_elsewhere_are_not_followed() {
        for url in ["https://example.com/s.json", "http://169.254.169.254/x", "file:///dev/zero"] {
            let text = messages(&json!({ "$ref": url }), &json!({}));
            assert!(text.contains("is not fetched"), "{text}");
        }
        let schema = json!({ "$ref": "urn:example:anything" }).to_string();
        assert_eq!(check(schema.as_bytes(), &Map::new(), &refuse_remote()), Ok(()));
    }

    #[test]
    fn bombs_are_refused() {
        let mut definitions = Map::new();
        for i in 0..64 {
            let next = format!("#/definitions/d{}", i + 1);
            definitions.insert(format!("d{i}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }));
        }
        definitions.insert("d64".to_owned(), json!({ "type": "string" }));
        let schema =
            json!({ "properties": { "a": { "$ref": "#/definitions/d0" } }, "definitions": definitions });
        assert!(messages(&schema, &json!({ "a": 1.0 })).contains("expands to more than"));
        let deep = format!("{}{}", "{\"not\":".repeat(100_000), "}".repeat(100_000));
        assert!(check(deep.as_bytes(), &Map::new(), &refuse_remote()).is_err());
        let cycle =
            json!({ "$ref": "#/definitions/a", "definitions": { "a": { "$ref": "#/definitions/a" } } });
        assert!(!messages(&cycle, &json!({})).is_empty());
    }
}
