//! The grammar of `--set` and its siblings: nothing panics, and lists stay within their bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use sluice_chart::values::{MAX_INDEX, parse_json, parse_literal, parse_string, parse_typed};

fuzz_target!(|text: &str| {
    for parse in [parse_typed, parse_string, parse_literal, parse_json] {
        let mut values = Map::new();
        let _ = parse(text, &mut values);
        // A second time over what is there already.
        let _ = parse(text, &mut values);
        values.values().for_each(check);
    }
});

fn check(value: &Value) {
    match value {
        Value::Array(items) => {
            assert!(items.len() as i64 <= MAX_INDEX + 1);
            items.iter().for_each(check);
        }
        Value::Object(map) => map.values().for_each(check),
        _ => {}
    }
}
