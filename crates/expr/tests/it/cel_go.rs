//! Expressions that cel-go judged: with the libraries and variables that Flux gives it, what it refuses before it
//! evaluates, what the evaluation gives, and its words.

use serde_json::Value;
use sluice_expr::cel::{Expression, Type};

/// A line for each expression:
///
/// - `refused`: why it does not compile;
/// - `bool`: why it does not compile as a `bool`, where it does otherwise;
/// - `failed`, `value`: what the evaluation gives; `opaque` where that is no JSON;
/// - `parse_refused`, `parse_failed`, `parse_value`: the same, where it differs, of one that is parsed without checking.
const RECORDED: &str = include_str!("cel_go.jsonl");

/// The variables that were given.
const VARIABLES: &str = include_str!("cel_go.json");

/// Where we differ, and know it.
const REST: &str = include_str!("cel_go_rest.txt");

#[test]
fn expressions_are_judged_as_cel_go_judges_them() {
    let variables: Value = serde_json::from_str(VARIABLES).unwrap();
    let rest: Vec<String> =
        REST.lines().filter(|line| line.starts_with('"')).map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut count = 0;
    let mut differing = Vec::new();
    let mut report = Vec::new();
    for line in RECORDED.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let source = record["expr"].as_str().unwrap().to_owned();
        let differences = differences(&source, &record, &variables);
        count += 1;
        if !differences.is_empty() {
            if !rest.contains(&source) {
                report.push(format!("{source}\n  {}", differences.join("\n  ")));
            }
            differing.push(source);
        }
    }
    assert!(count > 600);
    assert!(report.is_empty(), "{}", report.join("\n"));
    let mended: Vec<_> = rest.iter().filter(|source| !differing.contains(source)).collect();
    assert!(mended.is_empty(), "no longer different: {mended:?}");
}

fn differences(source: &str, record: &Value, variables: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let compiled = Expression::compile(source, &["self", "dep"], None);
    let refused = compiled.is_err();
    let (got, wanted) = (result(compiled, variables), wanted(record, ""));
    differ(&mut found, "compiled", &got, &wanted);
    if !refused && record.get("refused").is_none() {
        let compiled = Expression::compile(source, &["self", "dep"], Some(Type::Bool));
        let got = compiled.err().map_or(String::new(), |error| error.to_string());
        let wanted = record["bool"].as_str().unwrap_or_default();
        if got != wanted {
            found.push(format!("as bool: {got}\n    wanted: {wanted}"));
        }
    }
    let is_apart = record.as_object().unwrap().keys().any(|key| key.starts_with("parse_"));
    let wanted = self::wanted(record, if is_apart { "parse_" } else { "" });
    differ(&mut found, "parsed", &result(Expression::parse(source), variables), &wanted);
    found
}

fn differ(found: &mut Vec<String>, how: &str, got: &Outcome, wanted: &Outcome) {
    let same = match (got, wanted) {
        (Outcome::Value(_), Outcome::Opaque) => true,
        (got, wanted) => got == wanted,
    };
    if !same {
        found.push(format!("{how}: {got:?}\n    wanted: {wanted:?}"));
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Refused(String),
    Failed(String),
    Value(Value),
    Opaque,
}

fn wanted(record: &Value, prefix: &str) -> Outcome {
    let field = |name: &str| record.get(format!("{prefix}{name}"));
    let text = |name: &str| field(name).map(|text| text.as_str().unwrap().to_owned());
    if let Some(refused) = text("refused") {
        return Outcome::Refused(refused);
    }
    match (text("failed"), field("value"), field("opaque")) {
        (Some(failed), _, _) => Outcome::Failed(failed),
        (None, Some(Value::String(text)), _) if text.starts_with("OPAQUE") => Outcome::Opaque,
        (None, Some(value), None) => Outcome::Value(value.clone()),
        _ => Outcome::Opaque,
    }
}

fn result(expression: Result<Expression, sluice_expr::cel::Error>, variables: &Value) -> Outcome {
    let given = ["self", "dep"].map(|name| (name, &variables[name]));
    match expression.map(|expression| expression.evaluate(given)) {
        Err(error) => Outcome::Refused(error.to_string()),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Ok(Ok(value)) => Outcome::Value(value),
    }
}
