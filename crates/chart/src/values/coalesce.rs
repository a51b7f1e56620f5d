//! Bringing values of a user and of charts together, after Helm 4's rules: what is further up wins, maps merge, a
//! user's null takes a chart's value away, globals go down.

use std::collections::HashSet;

use serde_json::{Map as JsonMap, Value as Json};
use sluice_gotmpl::value::{Map, Scope, Str, Value};

use super::ValuesError;
use super::tables::{deep_copy, from_json, to_json};
use crate::chart::Chart;
use crate::gotext::{as_boolean, display, quote};

/// The key of the values that all charts see.
pub(crate) const GLOBAL: &str = "global";

/// The values with which the templates of a chart and of its dependencies run, and warnings.
pub fn coalesce(
    chart: &Chart,
    values: &JsonMap<String, Json>,
) -> Result<(JsonMap<String, Json>, Vec<String>), ValuesError> {
    let _scope = Scope::enter();
    let mut merger = Merger::coalescing();
    let map = merger.chart(chart, &from_json(values))?;
    Ok((to_json(&map), merger.warnings))
}

/// Merges values and remembers what it has to warn of.
pub(crate) struct Merger {
    /// Whether nulls are kept, for a later merge to see.
    keep_nulls: bool,
    pub(crate) warnings: Vec<String>,
}

impl Merger {
    /// Nulls take away what they stand for.
    pub(crate) fn coalescing() -> Self {
        Self { keep_nulls: false, warnings: Vec::new() }
    }

    /// Nulls stay.
    pub(crate) fn merging() -> Self {
        Self { keep_nulls: true, warnings: Vec::new() }
    }

    /// A copy of the values with those of the chart and its dependencies below them.
    pub(crate) fn chart(&mut self, chart: &Chart, values: &Map) -> Result<Map, ValuesError> {
        let values = deep_copy(values);
        self.with_dependencies(chart, &values, "")?;
        Ok(values)
    }

    fn with_dependencies(&mut self, chart: &Chart, dest: &Map, prefix: &str) -> Result<(), ValuesError> {
        self.defaults(chart, dest, prefix);
        for subchart in &chart.dependencies {
            let table = match dest.get(subchart.name()) {
                Some(Value::Map(table)) => table,
                Some(other) => {
                    let (chart, found) = (subchart.name().to_owned(), as_boolean(&other));
                    return Err(ValuesError::Mismatch { chart, found });
                }
                None => {
                    let table = Map::new();
                    dest.insert(subchart.name(), Value::Map(table.clone()));
                    table
                }
            };
            let prefix = join(prefix, chart.name());
            self.globals(&table, dest, &prefix);
            self.with_dependencies(subchart, &table, &prefix)?;
        }
        Ok(())
    }

    /// Gives a subchart the globals of the chart around it.
    fn globals(&mut self, dest: &Map, src: &Map, prefix: &str) {
        let dest_globals = match dest.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                self.warn("warning: skipping globals because destination global is not a table.".to_owned());
                return;
            }
        };
        let src_globals = match src.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(globals)) => globals,
            Some(_) => {
                self.warn("warning: skipping globals because source global is not a table.".to_owned());
                return;
            }
        };
        for (key, value) in src_globals.entries() {
            let below = dest_globals.get(&key);
            match (&value, below) {
                (Value::Map(table), None) => dest_globals.insert(key, table.shallow_copy()),
                (Value::Map(table), Some(Value::Map(below))) => {
                    // The parent's copy is the target here: it wins.
                    let copy = table.shallow_copy();
                    self.tables(&copy, &below, &join(prefix, &key.to_text()), true);
                    dest_globals.insert(key, copy);
                }
                (Value::Map(_), Some(_)) => self.warn(format!(
                    "Conflict: cannot merge map onto non-map for {}. Skipping.",
                    quote(&key.to_text())
                )),
                (_, Some(Value::Map(_))) => self.warn(format!("key {key} is table. Skipping")),
                (_, _) => dest_globals.insert(key, value),
            }
        }
        dest.insert(GLOBAL, Value::Map(dest_globals));
    }

    /// Puts a chart's own values below those given.
    fn defaults(&mut self, chart: &Chart, dest: &Map, prefix: &str) {
        let prefix = join(prefix, chart.name());
        for (key, value) in from_json(&chart.values).entries() {
            match (dest.get(&key), &value) {
                (Some(Value::Nil), _) if !self.keep_nulls => {
                    // The user wants it gone.
                    dest.remove(&key);
                }
                (Some(Value::Map(given)), Value::Map(default)) => {
                    // What is a subchart's own affair keeps its nulls until that chart's turn.
                    let is_subchart =
                        chart.dependencies.iter().any(|subchart| subchart.name().as_bytes() == &*key);
                    let keep_nulls = self.keep_nulls || is_subchart;
                    if !keep_nulls {
                        remove_nulls(default);
                    }
                    self.tables(&given, default, &join(&prefix, &key.to_text()), keep_nulls);
                }
                (None, Value::Nil) if !self.keep_nulls => {}
                (Some(Value::Map(_)), Value::Nil) => {}
                (Some(Value::Map(_)), _) => {
                    self.warn(format!("warning: skipped value for {prefix}.{key}: Not a table."));
                }
                (Some(_), _) => {}
                (None, _) => {
                    if let Value::Map(table) = &value
                        && !self.keep_nulls
                    {
                        remove_nulls(table);
                    }
                    dest.insert(key, value);
                }
            }
        }
    }

    /// Merges a table into another one, which wins.
    pub(crate) fn tables(&mut self, dest: &Map, src: &Map, prefix: &str, keep_nulls: bool) {
        let entries = src.entries();
        let given: HashSet<Str> = entries
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Nil))
            .map(|(key, _)| key.clone())
            .collect();
        for (key, value) in dest.entries() {
            if matches!(value, Value::Nil) {
                src.insert(key, Value::Nil);
            }
        }
        for (key, value) in src.entries() {
            match (dest.get(&key), &value) {
                (Some(Value::Nil), _) if !keep_nulls && given.contains(&key) => {
                    dest.remove(&key);
                }
                (None, _) => dest.insert(key, value),
                (Some(Value::Map(dest)), Value::Map(src)) => {
                    self.tables(&dest, src, &join(prefix, &key.to_text()), keep_nulls);
                }
                (Some(_), Value::Map(_)) => self.warn(format!(
                    "warning: cannot overwrite table with non table for {} ({})",
                    join(prefix, &key.to_text()),
                    display(&value)
                )),
                (Some(Value::Map(_)), other) if !matches!(other, Value::Nil) => self.warn(format!(
                    "warning: destination for {} is a table. Ignoring non-table value ({})",
                    join(prefix, &key.to_text()),
                    display(&value)
                )),
                _ => {}
            }
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// Takes nulls out of a chart's defaults, which mean nothing there.
fn remove_nulls(map: &Map) {
    for (key, value) in map.entries() {
        match value {
            Value::Nil => {
                map.remove(&key);
            }
            Value::Map(inner) => remove_nulls(&inner),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn chart(name: &str, values: Json, dependencies: Vec<Chart>) -> Chart {
        let mut chart = Chart { dependencies, ..Chart::default() };
        name.clone_into(&mut chart.metadata.name);
        chart.values = values.as_object().unwrap().clone();
        chart
    }

    fn coalesced(chart: &Chart, values: &Json) -> Json {
        Json::Object(coalesce(chart, values.as_object().unwrap()).unwrap().0)
    }

    #[test]
    fn a_users_null_takes_a_default_away() {
        let chart =
            chart("p", json!({ "a": { "b": 1.0, "c": 2.0, "n": null }, "d": 3.0, "n": null }), vec![]);
        let values = json!({ "a": { "b": null, "x": null }, "d": null });
        assert_eq!(coalesced(&chart, &values), json!({ "a": { "c": 2.0, "x": null } }));
    }

    #[test]
    fn globals_go_down_and_the_top_wins() {
        let sub = chart("s", json!({ "global": { "a": "sub", "t": { "x": "sub", "y": "sub" } } }), vec![]);
        let top = chart("p", json!({ "global": { "a": "top", "t": { "x": "top" } } }), vec![sub]);
        let values = coalesced(&top, &json!({}));
        assert_eq!(values["s"]["global"], json!({ "a": "top", "t": { "x": "top", "y": "sub" } }));
        assert_eq!(values["global"], json!({ "a": "top", "t": { "x": "top" } }));
    }

    #[test]
    fn values_for_a_subchart_must_be_a_map() {
        let top = chart("p", json!({}), vec![chart("s", json!({}), vec![])]);
        let error = coalesce(&top, json!({ "s": 1.5 }).as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "type mismatch on s: %!t(float64=1.5)");
        let error = coalesce(&top, json!({ "s": null }).as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "type mismatch on s: %!t(<nil>)");
    }

    #[test]
    fn warns_of_what_does_not_fit() {
        let top = chart("p", json!({ "a": 1.0, "b": { "c": { "d": 1.0 } } }), vec![]);
        let values = json!({ "a": {}, "b": { "c": 2.0 } });
        let (_, warnings) = coalesce(&top, values.as_object().unwrap()).unwrap();
        assert_eq!(
            warnings,
            [
                "warning: skipped value for p.a: Not a table.",
                "warning: cannot overwrite table with non table for p.b.c (map[d:1])",
            ]
        );
    }
}
