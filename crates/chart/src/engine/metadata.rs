//! `.Chart`: the metadata with the names of Go's fields.

use sluice_gotmpl::value::{List, Map, Str, Type, Value};

use crate::metadata::{Dependency, Metadata};
use crate::values::tables;

pub(super) fn to_map(metadata: &Metadata) -> Map {
    let map = Map::new();
    for (name, text) in [
        ("Name", &metadata.name),
        ("Home", &metadata.home),
        ("Version", &metadata.version),
        ("Description", &metadata.description),
        ("Icon", &metadata.icon),
        ("APIVersion", &metadata.api_version),
        ("Condition", &metadata.condition),
        ("Tags", &metadata.tags),
        ("AppVersion", &metadata.app_version),
        ("KubeVersion", &metadata.kube_version),
        ("Type", &metadata.kind),
    ] {
        map.insert(name, text.as_str());
    }
    map.insert("Sources", texts(&metadata.sources));
    map.insert("Keywords", texts(&metadata.keywords));
    map.insert("Deprecated", metadata.deprecated);
    let annotations = if metadata.annotations.is_empty() {
        Map::nil(Type::STRING_MAP)
    } else {
        let entries = metadata.annotations.iter();
        Map::with_entries(
            Type::STRING_MAP,
            entries.map(|(key, text)| (Str::from(key.as_str()), Value::str(text.as_str()))),
        )
    };
    map.insert("Annotations", annotations);
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        let map = Map::new();
        map.insert("Name", maintainer.name.as_str());
        map.insert("Email", maintainer.email.as_str());
        map.insert("URL", maintainer.url.as_str());
        Value::Map(map)
    });
    map.insert("Maintainers", Value::list(maintainers.collect()));
    map.insert("Dependencies", Value::list(metadata.dependencies.iter().map(dependency).collect()));
    map
}

fn dependency(dependency: &Dependency) -> Value {
    let map = Map::new();
    map.insert("Name", dependency.name.as_str());
    map.insert("Version", dependency.version.as_str());
    map.insert("Repository", dependency.repository.as_str());
    map.insert("Condition", dependency.condition.as_str());
    map.insert("Tags", texts(&dependency.tags));
    map.insert("Enabled", dependency.enabled);
    map.insert("ImportValues", Value::list(dependency.import_values.iter().map(import_value).collect()));
    map.insert("Alias", dependency.alias.as_str());
    Value::Map(map)
}

/// An import is a `map[string]string` once it was processed.
fn import_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Object(map) => {
            let typed = Map::typed(Type::STRING_MAP);
            for (key, value) in tables::from_json(map).entries() {
                typed.insert(key, value);
            }
            Value::Map(typed)
        }
        other => Value::from_json(other, sluice_gotmpl::Numbers::Float64),
    }
}

/// Helm hands lists over as `[]interface {}`.
fn texts(texts: &[String]) -> Value {
    Value::List(List::of(texts.iter().map(|text| Value::str(text.as_str())).collect()))
}
