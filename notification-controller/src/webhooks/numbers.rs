//! Numbers of JSON as expressions see them.

use serde_json::{Number, Value};

/// Makes all numbers doubles, as they are to users of Flux: `req.count + 1.0` is a sum, `req.count + 1` is none.
pub fn as_doubles(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(double) = number.as_f64().and_then(Number::from_f64) {
                *number = double;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(as_doubles),
        Value::Object(fields) => fields.values_mut().for_each(as_doubles),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_of_them() {
        let mut value = json!({"a": [1, {"b": -2}], "c": 1.5, "d": "1"});
        as_doubles(&mut value);
        assert_eq!(value, json!({"a": [1.0, {"b": -2.0}], "c": 1.5, "d": "1"}));
    }
}
