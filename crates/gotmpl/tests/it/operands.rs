//! Operands that built-in functions seldom get, and what Go makes of them.

use sluice_gotmpl::{Budget, FuncMap, Numbers, Scope, Value};

use crate::support::set;

/// Templates and what Go gives: the text, or the error behind its position.
const RECORDED: &[(&str, &str)] = &[
    // An index that sits in a variable of type `interface {}` is no number to `slice`.
    (
        "{{slice .s .i}}",
        "<slice .s .i>: error calling slice: cannot index slice/array with type interface {}",
    ),
    (
        "{{slice .l 0 .m.i}}",
        "<slice .l 0 .m.i>: error calling slice: cannot index slice/array with type interface {}",
    ),
    (
        "{{range .l}}{{slice \"abcdef\" .}}{{end}}",
        "<slice \"abcdef\" .>: error calling slice: cannot index slice/array with type interface {}",
    ),
    ("{{$x := .i}}{{slice .s $x}}", "bcdef"),
    ("{{with .i}}{{slice \"abc\" .}}{{end}}", "bc"),
    ("{{.i | slice .s}}", "bcdef"),
    ("{{slice .s (index .l 0)}}", "bcdef"),
    ("{{eq 1i 1i}} {{eq 1i 2i}} {{ne 1i 1+1i}}", "true false true"),
    (
        "{{eq 1i .m}}",
        "<eq 1i .m>: error calling eq: incompatible types for comparison: complex128 and map[string]interface {}",
    ),
    ("{{lt 1 1i}}", "<lt 1 1i>: error calling lt: incompatible types for comparison: int and complex128"),
    ("{{lt 1i 2i}}", "<lt 1i 2i>: error calling lt: invalid type for comparison"),
    ("{{eq 1i 1}}", "<eq 1i 1>: error calling eq: incompatible types for comparison: complex128 and int"),
];

#[test]
fn as_go_takes_them() {
    let data = serde_json::json!({ "s": "abcdef", "i": 1, "l": [1, 2, 3], "m": { "i": 2 } });
    for (template, want) in RECORDED {
        let _scope = Scope::enter();
        let data = Value::from_json(&data, Numbers::Int);
        // Without sprig, which has a `slice` of its own.
        match set(template, FuncMap::new()).execute("t", data, &Budget::default(), &()) {
            Ok(output) => assert_eq!(String::from_utf8(output).unwrap(), *want, "{template}"),
            Err(error) => {
                let error = error.to_string();
                assert_eq!(error.split_once(" at ").map(|(_, fault)| fault), Some(*want), "{template}");
            }
        }
    }
}
