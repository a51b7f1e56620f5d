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
}

/// The texts are those of cel-go 0.26.1 with Flux's libraries and the variables `self` and `dep`.
#[test]
fn names_that_stand_for_nothing_are_all_told() {
    let undeclared = |place: &str, name: &str, line: &str, mark: &str| {
        format!(
            "ERROR: <input>:{place}: undeclared reference to '{name}' (in container '')\n | {line}\n | {mark}"
        )
    };
    for (source, told) in [
        ("other.status.x == true", &[("1:1", "other", "^")][..]),
        ("other.x && another.y", &[("1:1", "other", "^"), ("1:12", "another", "...........^")]),
        ("other == other", &[("1:1", "other", "^"), ("1:10", "other", ".........^")]),
        ("foo(dep.x) == true", &[("1:4", "foo", "...^")]),
        ("dep.status.foo(1).bar == true", &[("1:15", "foo", "..............^")]),
        ("foo.bar(dep.x)", &[("1:1", "foo", "^"), ("1:8", "bar", ".......^")]),
        ("a.b.c.foo(d)", &[("1:1", "a", "^"), ("1:10", "foo", ".........^"), ("1:11", "d", "..........^")]),
        (
            "self.x == true && foo(bar(baz)) == 1",
            &[
                ("1:22", "foo", ".....................^"),
                ("1:26", "bar", ".........................^"),
                ("1:27", "baz", "..........................^"),
            ],
        ),
        ("sets.foo([1])", &[("1:1", "sets", "^"), ("1:9", "foo", "........^")]),
        ("math.greatest(1,2) == 2", &[("1:1", "math", "^"), ("1:14", "greatest", ".............^")]),
        ("base64 == 'x'", &[("1:1", "base64", "^")]),
        ("duration == 1", &[("1:1", "duration", "^")]),
        ("optional.none().foo()", &[("1:20", "foo", "...................^")]),
        ("{'a': other}.a == true", &[("1:7", "other", "......^")]),
        ("{other: 1}.size() == 1", &[("1:2", "other", ".^")]),
        ("{'a': foo()}", &[("1:10", "foo", ".........^")]),
        ("Foo{a: other}.a == true", &[("1:4", "Foo", "...^")]),
        ("a.b{c: d}", &[("1:4", "a.b", "...^")]),
        (
            "google.protobuf.Struct{fields: other} == dep",
            &[("1:32", "other", "...............................^")],
        ),
        ("google.protobuf.Foo == 1", &[("1:1", "google", "^")]),
        ("[other, 1].size() == 1", &[("1:2", "other", ".^")]),
        ("dep.list.exists(c, c.x == d.y)", &[("1:27", "d", "..........................^")]),
        ("other.exists(x, x.y)", &[("1:1", "other", "^")]),
        ("dep.list.map(x, foo(x)).size() == 1", &[("1:20", "foo", "...................^")]),
        ("dep.?a.optMap(x, y).hasValue()", &[("1:18", "y", ".................^")]),
        ("dep[?other].hasValue()", &[("1:6", "other", ".....^")]),
        ("has(other.a)", &[("1:5", "other", "....^")]),
        ("!other", &[("1:2", "other", ".^")]),
        ("dep.x ? other : foo()", &[("1:9", "other", "........^"), ("1:20", "foo", "...................^")]),
        ("dep.a == 'ü' && other.b == true", &[("1:17", "other", "..........．.....^")]),
        ("dep.a == '日本' && other.b == 1", &[("1:18", "other", "..........．．.....^")]),
        ("dep.a == '😀' && other.b == 1", &[("1:17", "other", "..........．.....^")]),
    ] {
        let told: Vec<_> =
            told.iter().map(|(place, name, mark)| undeclared(place, name, source, mark)).collect();
        refused(source, &told);
    }
    let line = "  other.b == true";
    refused(&format!("dep.a == true &&\n{line}"), &[undeclared("2:3", "other", line, "..^")]);
    refused("\tother.b == true", &[undeclared("1:2", "other", " other.b == true", ".^")]);
    refused(
        "foo(\n a,\n b)",
        &[
            undeclared("1:4", "foo", "foo(", "...^"),
            undeclared("2:2", "a", " a,", ".^"),
            undeclared("3:2", "b", " b)", ".^"),
        ],
    );
}

fn refused(source: &str, told: &[String]) {
    let error = Condition::compile(source, &["self", "dep"]).unwrap_err().to_string();
    let wanted = format!("failed to parse the CEL expression '{source}': {}", told.join("\n"));
    assert_eq!(error, wanted);
}

#[test]
fn many_names_that_stand_for_nothing_are_told_within_bounds() {
    let source = vec!["x"; 150].join("+");
    let error = Condition::compile(&source, &[]).unwrap_err().to_string();
    assert_eq!(error.matches("undeclared reference").count(), 100);
    assert!(error.ends_with("\n50 more errors were truncated"), "{error}");
    let source = format!("'{}' == x", "a".repeat(20_000));
    let error = Condition::compile(&source, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("ERROR: <input>:1:20007: undeclared reference to 'x' (in container '')"),
        "{error}"
    );
}

#[test]
fn names_of_types_functions_and_macros_are_known() {
    for source in [
        "type(1) == int",
        "dyn(1) == 1",
        "optional.of(1).hasValue()",
        "sets.contains([1], [1])",
        "base64.encode(b'a') == 'YQ=='",
        "dep.list.map(x, x).first().hasValue()",
        "dep.list.exists_one(x, x == 1)",
        "dep.?a.optMap(x, x + 1).hasValue()",
        "timestamp(dep.time).getHours() > 1 || duration('1s') < duration('2s')",
        "-dep.x == 1 && dep.y[0] in [1] && !(dep.z ? true : false)",
        "has(dep.x.y)",
    ] {
        let compiled = Condition::compile(source, &["dep"]);
        assert!(compiled.is_ok(), "{source}: {}", compiled.unwrap_err());
    }
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
