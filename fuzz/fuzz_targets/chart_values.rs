//! Values in YAML: nothing panics, all numbers are floats, and coalescing takes whatever comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice_chart::Chart;
use sluice_chart::load::parse_values;
use sluice_chart::values::coalesce;

fuzz_target!(|data: &[u8]| {
    // The first half is the chart's, the second the user's.
    let (defaults, given) = data.split_at(data.len() / 2);
    let (Ok(defaults), Ok(given)) = (parse_values(defaults), parse_values(given)) else { return };
    defaults.values().chain(given.values()).for_each(check);
    let subchart = Chart { values: defaults.clone(), ..Chart::default() };
    let chart = Chart { values: defaults, dependencies: vec![subchart], ..Chart::default() };
    let _ = coalesce(&chart, &given);
});

fn check(value: &Value) {
    match value {
        Value::Number(number) => assert!(number.is_f64()),
        Value::Array(items) => items.iter().for_each(check),
        Value::Object(map) => map.values().for_each(check),
        _ => {}
    }
}
