//! Go's way to print values in messages.

use sluice_gotmpl::value::Value;

/// A float as `%v` prints it: with an exponent below 1e-4 and from 1e+06 on.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) || value == 0.0 {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `%v`
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(_, value) => value.to_string(),
        Value::Uint(_, value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Str(text) => text.to_string(),
        Value::List(list) => {
            let items: Vec<_> = list.iter().map(|item| display(&item)).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => {
            let entries: Vec<_> =
                map.entries().iter().map(|(key, value)| format!("{key}:{}", display(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Object(_) => value.type_name(),
    }
}

/// `%t`, which suits booleans only: the rest is printed with its type.
pub(crate) fn as_boolean(value: &Value) -> String {
    match value {
        Value::Nil => "%!t(<nil>)".to_owned(),
        value => element_as_boolean(value),
    }
}

fn element_as_boolean(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::List(list) => {
            let items: Vec<_> = list.iter().map(|item| element_as_boolean(&item)).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => {
            let entries: Vec<_> = map
                .entries()
                .iter()
                .map(|(key, value)| format!("%!t(string={key}):{}", element_as_boolean(value)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
        value => format!("%!t({}={})", value.type_name(), display(value)),
    }
}

/// `%q`
pub(crate) fn quote(text: &str) -> String {
    sluice_gotmpl::quote::quote(text.as_bytes())
}

/// `%q` of a list of runes: `['n' 'a']`.
pub(crate) fn quote_runes(runes: &[char]) -> String {
    let quoted: Vec<_> = runes.iter().map(|rune| sluice_gotmpl::quote::quote_rune(*rune)).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_gotmpl::value::Numbers;

    use super::*;

    #[test]
    fn floats() {
        for (value, text) in [
            (1.5, "1.5"),
            (0.0, "0"),
            (-7.0, "-7"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (12_345_678.0, "1.2345678e+07"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.234_567_5e6, "1.2345675e+06"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn values() {
        let value = Value::from_json(&json!([{ "k": 1.5 }, null, "a", true]), Numbers::Int64);
        assert_eq!(display(&value), "[map[k:1.5] <nil> a true]");
        assert_eq!(as_boolean(&value), "[map[%!t(string=k):%!t(float64=1.5)] <nil> %!t(string=a) true]");
        assert_eq!(as_boolean(&Value::Nil), "%!t(<nil>)");
    }
}
