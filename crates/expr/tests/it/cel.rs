//! Conditions as users write them, against the results and refusals of cel-go's semantics.

use serde_json::{Value, json};
use sluice_expr::cel::{Condition, Error, Expression, Type};

fn object() -> Value {
    json!({
        "metadata": {"name": "a", "generation": 3, "labels": {"go": "yes"}},
        "status": {
            "observedGeneration": 3, "replicas": 2, "ratio": 0.5, "done": true, "names": ["x", "y"],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}],
        },
    })
}

fn evaluate(source: &str) -> Result<bool, Error> {
    let object = object();
    let fields = object.as_object().unwrap();
    Condition::parse(source)?.evaluate(fields.iter().map(|(k, v)| (k.as_str(), v)))
}

#[test]
fn conditions_hold_or_not() {
    for (source, expected) in [
        ("status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", true),
        ("status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", true),
        ("status.conditions.exists_one(c, c.status == 'False')", true),
        ("has(status.missing)", false),
        ("has(status.done) && status.done", true),
        ("metadata.generation == status.observedGeneration", true),
        ("status.replicas > 1.5", true),
        ("status.replicas + 1 == 3", true),
        ("status.ratio < 1", true),
        ("'go' in metadata.labels", true),
        ("metadata.labels['go'].startsWith('y')", true),
        ("metadata.name.upperAscii() == 'A'", true),
        ("status.?phase.orValue('none') == 'none'", true),
        ("sets.contains(status.names, ['x'])", true),
        ("sets.equivalent(status.names, ['y', 'x', 'x'])", true),
        ("sets.intersects(status.names, ['z'])", false),
        ("base64.encode(b'a') == 'YQ=='", true),
        ("size(status.names) == 2", true),
    ] {
        assert_eq!(evaluate(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn failures_say_what_is_missing() {
    let missing = evaluate("status.phase == 'Ready'").unwrap_err().to_string();
    assert_eq!(
        missing,
        "failed to evaluate the CEL expression 'status.phase == 'Ready'': no such key: phase"
    );
    assert!(matches!(evaluate("status.replicas"), Err(Error::NotBoolean { .. })));
    let syntax = evaluate("status.phase ==").unwrap_err().to_string();
    assert!(
        syntax.starts_with("failed to parse the CEL expression 'status.phase ==': ERROR: <input>:1:"),
        "{syntax}"
    );
}

#[test]
fn only_booleans_compile() {
    for source in [
        "dep.status.x == true",
        "has(dep.status)",
        "self.metadata.name != dep.metadata.name && dep.status.ok == 1",
        "dep.status.conditions.exists(c, c.type == 'Ready')",
        "dep.status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True')",
        "dep.status.conditions.exists_one(c, c.type == 'Ready')",
        "dep.x ? true : false",
        "!dep.status.x",
        "bool(dep.status.x)",
        "true",
        "dep.metadata.name in ['a']",
        "dep.metadata.name.startsWith('a')",
    ] {
        assert!(Condition::compile(source, &["self", "dep"]).is_ok(), "{source}");
    }
    for (source, found) in [
        ("dep.status.x", "dyn"),
        ("size(dep.list)", "int"),
        ("'a'", "string"),
        ("dep.list.map(x, x)", "list"),
    ] {
        let error = Condition::compile(source, &["self", "dep"]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("CEL expression output type mismatch: expected bool, got {found}")),
            "{error}"
        );
    }
    let error = Condition::compile("other.status.x == true", &["self", "dep"]).unwrap_err().to_string();
    assert!(error.contains("undeclared reference to 'other'"), "{error}");
}

#[test]
fn lists_have_ends() {
    for (source, expected) in [
        ("status.names.first().value() == 'x' && status.names.last().value() == 'y'", true),
        ("status.names.filter(n, n == 'z').first().orValue('none') == 'none'", true),
    ] {
        assert_eq!(evaluate(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn expressions_give_texts_and_values() {
    let object = object();
    let variables = || [("o", &object)];
    let text =
        Expression::compile("o.metadata.name + '/' + string(o.status.replicas)", &["o"], Some(Type::String));
    assert_eq!(text.unwrap().evaluate_text(variables()).unwrap(), "a/2");
    let value = Expression::compile("o.status.names.map(n, n + n)", &["o"], None).unwrap();
    assert_eq!(value.evaluate(variables()).unwrap(), json!(["xx", "yy"]));
    for (source, found) in [("1 + 1", "int"), ("o.metadata.name", "dyn"), ("o.metadata.name == 'a'", "bool")]
    {
        let error = Expression::compile(source, &["o"], Some(Type::String)).unwrap_err().to_string();
        assert_eq!(error, format!("CEL expression output type mismatch: expected string, got {found}"));
    }
}
