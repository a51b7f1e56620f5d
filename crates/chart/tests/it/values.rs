//! `--set` and its siblings.

use serde_json::{Map, Value};
use sluice_chart::values;

use crate::corpus;

#[test]
fn strvals() {
    corpus::run("values", "strvals", |case| {
        let input = case["input"].as_str().unwrap();
        let mut map = Map::new();
        let result = match case["mode"].as_str().unwrap() {
            "parse" => values::parse_typed(input, &mut map),
            "string" => values::parse_string(input, &mut map),
            "literal" => values::parse_literal(input, &mut map),
            "json" => values::parse_json(input, &mut map),
            other => return Err(format!("unknown mode {other}")),
        };
        match (result, case.get("error")) {
            (Ok(()), None) => {
                let got = Value::Object(map);
                if corpus::same(&got, &case["json"]) {
                    Ok(())
                } else {
                    Err(format!("{input}: {got} instead of {}", case["json"]))
                }
            }
            (Err(error), Some(expected)) if error.to_string() == *expected => Ok(()),
            (result, expected) => Err(format!("{input}: {result:?} {map:?} instead of {expected:?}")),
        }
    });
}
