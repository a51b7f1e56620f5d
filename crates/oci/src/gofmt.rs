//! JSON values as Go prints them with `%v`: registries' details appear so in messages that people search for.

use std::collections::BTreeMap;

use serde_json::Value;

/// The text of a value.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), float),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields: Vec<String> =
                sorted.into_iter().map(|(key, field)| format!("{key}:{}", self::value(field))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// The shortest form; with an exponent from 1e6 on and below 1e-4.
fn float(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::value;

    #[test]
    fn prints_as_go_does() {
        // Printed by fmt.Sprintf("%v", v) of values that encoding/json decoded.
        for (json, text) in [
            (json!({"Tag": "9.9.9"}), "map[Tag:9.9.9]"),
            (
                json!([{"Type": "repository", "Action": "pull", "Class": ""}]),
                "[map[Action:pull Class: Type:repository]]",
            ),
            (json!(["a", null, true, 3, 0.5]), "[a <nil> true 3 0.5]"),
            (json!(1_000_000), "1e+06"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
        ] {
            assert_eq!(value(&json), text);
        }
    }
}
