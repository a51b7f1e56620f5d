//! Which dependencies of a chart are used, under which name, and which of their values it takes over.

use serde_json::{Map as JsonMap, Value as Json, json};
use sluice_gotmpl::value::{Map, Scope, Value};
use sluice_semver::{Constraints, Version};

use super::ValuesError;
use super::coalesce::Merger;
use super::tables::{deep_copy, from_json, nest, path_value, table, to_json};
use crate::chart::Chart;
use crate::metadata::Dependency;

/// Drops what tags and conditions switch off or what has the wrong version, gives aliases, and imports values; in the
/// chart and in all below it. Returns warnings.
pub fn process_dependencies(
    chart: &mut Chart,
    values: &JsonMap<String, Json>,
) -> Result<Vec<String>, ValuesError> {
    let _scope = Scope::enter();
    let mut warnings = Vec::new();
    enable(chart, &from_json(values), "", &mut warnings)?;
    import(chart, &mut warnings)?;
    Ok(warnings)
}

/// Whether a version meets a constraint; no if either of them is malformed.
pub fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Constraints::parse(constraint), Version::parse(version)) {
        (Ok(constraint), Ok(version)) => constraint.matches(&version),
        _ => false,
    }
}

fn fits(chart: &Chart, dependency: &Dependency) -> bool {
    chart.name() == dependency.name && is_compatible(&dependency.version, &chart.metadata.version)
}

fn enable(
    chart: &mut Chart,
    values: &Map,
    path: &str,
    warnings: &mut Vec<String>,
) -> Result<(), ValuesError> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    rename(chart);
    let mut merger = Merger::coalescing();
    let values = merger.chart(chart, values)?;
    warnings.append(&mut merger.warnings);
    for dependency in &mut chart.metadata.dependencies {
        dependency.enabled = true;
    }
    by_tags(&mut chart.metadata.dependencies, &values, warnings);
    by_conditions(&mut chart.metadata.dependencies, &values, path, warnings);
    let disabled: Vec<String> = chart
        .metadata
        .dependencies
        .iter()
        .filter(|dependency| !dependency.enabled)
        .map(|dependency| dependency.name.clone())
        .collect();
    chart.dependencies.retain(|subchart| !disabled.iter().any(|name| name == subchart.name()));
    chart.metadata.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
    for subchart in &mut chart.dependencies {
        let path = format!("{path}{}.", subchart.name());
        enable(subchart, &values, &path, warnings)?;
    }
    Ok(())
}

/// Puts the charts in the order in which they are named, after those that are not; one for each alias.
fn rename(chart: &mut Chart) {
    let mut charts: Vec<Option<Chart>> =
        std::mem::take(&mut chart.dependencies).into_iter().map(Some).collect();
    let dependencies = &mut chart.metadata.dependencies;
    let fits = |subchart: &Option<Chart>, dependency: &Dependency| {
        subchart.as_ref().is_some_and(|subchart| fits(subchart, dependency))
    };
    let found: Vec<Option<usize>> = dependencies
        .iter()
        .map(|dependency| charts.iter().position(|subchart| fits(subchart, dependency)))
        .collect();
    let unnamed = charts
        .iter_mut()
        .filter(|subchart| !dependencies.iter().any(|dependency| fits(subchart, dependency)))
        .filter_map(Option::take);
    let mut used: Vec<Chart> = unnamed.collect();
    for (position, dependency) in dependencies.iter_mut().enumerate() {
        let wanted = found.get(position).copied().flatten();
        // A chart is copied only as long as it is wanted again, under another name.
        let is_last = !found.iter().skip(position + 1).any(|later| *later == wanted);
        let subchart = wanted.and_then(|index| charts.get_mut(index));
        if let Some(mut subchart) =
            subchart.and_then(|chart| if is_last { chart.take() } else { chart.clone() })
        {
            if !dependency.alias.is_empty() {
                subchart.metadata.name.clone_from(&dependency.alias);
            }
            used.push(subchart);
        }
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
    }
    chart.dependencies = used;
}

/// One true tag is enough; without one, a false tag switches off.
fn by_tags(dependencies: &mut [Dependency], values: &Map, warnings: &mut Vec<String>) {
    let Ok(tags) = table(values, "tags") else { return };
    for dependency in dependencies {
        let (mut has_true, mut has_false) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag) {
                Some(Value::Bool(true)) => has_true = true,
                Some(Value::Bool(false)) => has_false = true,
                Some(_) => {
                    warnings.push(format!("tag {tag} of chart {} is no boolean", dependency.name));
                }
                None => {}
            }
        }
        dependency.enabled = has_true || !has_false;
    }
}

/// The first condition that is a boolean decides, over the tags.
fn by_conditions(dependencies: &mut [Dependency], values: &Map, path: &str, warnings: &mut Vec<String>) {
    for dependency in dependencies {
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            match path_value(values, &format!("{path}{condition}")) {
                Some(Value::Bool(enabled)) => {
                    dependency.enabled = enabled;
                    break;
                }
                Some(_) => {
                    warnings
                        .push(format!("condition {condition} of chart {} is no boolean", dependency.name));
                }
                None => {}
            }
        }
    }
}

/// Takes over values of subcharts, from the bottom up. They stand below the chart's own.
fn import(chart: &mut Chart, warnings: &mut Vec<String>) -> Result<(), ValuesError> {
    for subchart in &mut chart.dependencies {
        import(subchart, warnings)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut merger = Merger::merging();
    let values = merger.chart(chart, &Map::new())?;
    let imported = Map::new();
    for dependency in &mut chart.metadata.dependencies {
        let mut normalized = Vec::new();
        for item in &dependency.import_values {
            let (child, parent) = match item {
                Json::Object(pair) => (text(pair.get("child")), text(pair.get("parent"))),
                Json::String(name) => (format!("exports.{name}"), ".".to_owned()),
                _ => continue,
            };
            let path = format!("{}.{child}", dependency.name);
            normalized.push(json!({ "child": child, "parent": parent }));
            match table(&values, &path) {
                Ok(found) => {
                    // An empty table is replaced, so that nothing is shared with it.
                    let found = if found.is_empty() { Map::new() } else { found };
                    merger.tables(&imported, &nest(&parent, found), "", true);
                }
                Err(error) => merger
                    .warnings
                    .push(format!("import-values of chart {}: no table {path}: {error}", dependency.name)),
            }
        }
        dependency.import_values = normalized;
    }
    let values = deep_copy(&values);
    merger.tables(&values, &imported, "", true);
    chart.values = to_json(&values);
    warnings.append(&mut merger.warnings);
    Ok(())
}

fn text(value: Option<&Json>) -> String {
    match value {
        Some(Json::String(text)) => text.clone(),
        None | Some(Json::Null) => "<nil>".to_owned(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn chart(yaml: &str, values: Json, dependencies: Vec<Chart>) -> Chart {
        let mut chart = Chart { dependencies, ..Chart::default() };
        chart.metadata.read(yaml.as_bytes()).unwrap();
        chart.values = values.as_object().unwrap().clone();
        chart
    }

    fn names(chart: &Chart) -> Vec<&str> {
        chart.dependencies.iter().map(Chart::name).collect()
    }

    fn process(chart: &mut Chart, values: &Json) -> Vec<String> {
        process_dependencies(chart, values.as_object().unwrap()).unwrap()
    }

    fn sub(name: &str, version: &str, values: Json) -> Chart {
        chart(&format!("{{name: {name}, version: {version}}}"), values, vec![])
    }

    #[test]
    fn the_first_boolean_condition_beats_tags() {
        let yaml =
            "{name: p, dependencies: [{name: a, version: 1.x, condition: 'a.none,a.on,b.on', tags: [t]}]}";
        let top = chart(yaml, json!({}), vec![sub("a", "1.2.0", json!({}))]);
        for (values, expected) in [
            (json!({}), true),
            (json!({ "tags": { "t": false } }), false),
            (json!({ "tags": { "t": false }, "a": { "on": true }, "b": { "on": false } }), true),
            (json!({ "a": { "on": "text" }, "b": { "on": false } }), false),
        ] {
            let mut top = top.clone();
            process(&mut top, &values);
            assert_eq!(!names(&top).is_empty(), expected, "{values}");
        }
    }

    #[test]
    fn wrong_versions_are_dropped_and_aliases_multiply() {
        let yaml = "{name: p, dependencies: [{name: a, version: ^2}, {name: b, version: '*', alias: x}, {name: b, \
                    version: '*', alias: z}]}";
        let subs =
            vec![sub("a", "1.0.0", json!({})), sub("b", "1.0.0", json!({})), sub("c", "1.0.0", json!({}))];
        let mut top = chart(yaml, json!({}), subs);
        process(&mut top, &json!({}));
        // What has the wrong version is in use only as if it were not named at all.
        assert_eq!(names(&top), ["a", "c", "x", "z"]);
    }

    #[test]
    fn imports_stand_below_the_charts_own_values() {
        let yaml = "{name: p, dependencies: [{name: a, version: '*', import-values: [data, {child: deep, parent: into.it}, \
                    none]}]}";
        let values = json!({ "exports": { "data": { "k": 1.0, "own": 1.0 } }, "deep": { "z": true } });
        let mut top = chart(yaml, json!({ "own": 2.0 }), vec![sub("a", "1.0.0", values)]);
        let warnings = process(&mut top, &json!({}));
        assert_eq!(
            (&top.values["k"], &top.values["own"], &top.values["into"]),
            (&json!(1.0), &json!(2.0), &json!({ "it": { "z": true } }))
        );
        assert_eq!(warnings.len(), 1);
    }
}
