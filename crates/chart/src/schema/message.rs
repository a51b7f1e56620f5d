//! What is wrong with values, in the words that Helm's users know.

use boon::{ErrorKind, ValidationError};
use serde_json::{Number, Value as Json};

/// The failures as a tree of lines, without a line break at the end.
pub(super) fn text(error: &ValidationError<'_, '_>) -> String {
    let mut out = String::new();
    // The outermost level only says that there are failures.
    for cause in &error.causes {
        display(&mut out, cause, 1);
    }
    out
}

fn display(out: &mut String, error: &ValidationError<'_, '_>, indent: usize) {
    let is_detour = error.causes.len() == 1 && matches!(error.kind, ErrorKind::Reference { .. });
    let mut indent = indent;
    if !is_detour {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&"  ".repeat(indent - 1));
        let place = quote(&error.instance_location.to_string());
        out.extend(["- at ", &place, ": ", &message(&error.kind)]);
        indent += 1;
    }
    for cause in &error.causes {
        display(out, cause, indent);
    }
}

fn message(kind: &ErrorKind<'_, '_>) -> String {
    let limit = |name: &str, got: usize, want: usize| {
        format!("{name}: got {}, want {}", grouped(&got.to_string()), grouped(&want.to_string()))
    };
    let range = |name: &str, got: &Number, want: &Number| {
        format!("{name}: got {}, want {}", number(got), number(want))
    };
    match kind {
        ErrorKind::Group | ErrorKind::Reference { .. } => "validation failed".to_owned(),
        ErrorKind::Not => "'not' failed".to_owned(),
        ErrorKind::AllOf => "'allOf' failed".to_owned(),
        ErrorKind::AnyOf => "'anyOf' failed".to_owned(),
        ErrorKind::OneOf(None) => "'oneOf' failed, none matched".to_owned(),
        ErrorKind::OneOf(Some((a, b))) => format!("'oneOf' failed, subschemas {a}, {b} matched"),
        ErrorKind::FalseSchema => "false schema".to_owned(),
        ErrorKind::RefCycle { url, kw_loc1, kw_loc2 } => {
            format!("both {kw_loc1} and {kw_loc2} resolve to \"{url}\" causing reference cycle")
        }
        ErrorKind::Type { got, want } => {
            let want: Vec<_> = want.iter().map(|kind| kind.to_string()).collect();
            format!("got {got}, want {}", want.join(" or "))
        }
        ErrorKind::Enum { want } => {
            if want.iter().any(|value| value.is_array() || value.is_object()) {
                return "'enum' failed".to_owned();
            }
            let values: Vec<_> = want.iter().map(primitive).collect();
            match values.as_slice() {
                [only] => format!("value must be {only}"),
                _ => format!("value must be one of {}", values.join(", ")),
            }
        }
        ErrorKind::Const { want } if want.is_array() || want.is_object() => "'const' failed".to_owned(),
        ErrorKind::Const { want } => format!("value must be {}", primitive(want)),
        ErrorKind::Format { got, want, err } => format!("{} is not valid {want}: {err}", primitive(got)),
        ErrorKind::MinProperties { got, want } => limit("minProperties", *got, *want),
        ErrorKind::MaxProperties { got, want } => limit("maxProperties", *got, *want),
        ErrorKind::MinItems { got, want } => limit("minItems", *got, *want),
        ErrorKind::MaxItems { got, want } => limit("maxItems", *got, *want),
        ErrorKind::MinLength { got, want } => limit("minLength", *got, *want),
        ErrorKind::MaxLength { got, want } => limit("maxLength", *got, *want),
        ErrorKind::AdditionalItems { got } => format!("last {got} additionalItem(s) not allowed"),
        ErrorKind::Required { want } => match want.as_slice() {
            [only] => format!("missing property {}", quote(only)),
            _ => format!("missing properties {}", joined(want)),
        },
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => {
            format!("properties {} required, if {} exists", joined(missing), quote(prop))
        }
        ErrorKind::AdditionalProperties { got } => {
            format!("additional properties {} not allowed", joined(got))
        }
        ErrorKind::PropertyName { prop } => format!("invalid propertyName {}", quote(prop)),
        ErrorKind::UniqueItems { got: [a, b] } => format!("items at {a} and {b} are equal"),
        ErrorKind::Contains => "no items match contains schema".to_owned(),
        ErrorKind::MinContains { got, want } if got.is_empty() => {
            format!("min {want} items required to match contains schema, but none matched")
        }
        ErrorKind::MinContains { got, want } => contains("min", got, *want),
        ErrorKind::MaxContains { got, want } => contains("max", got, *want),
        ErrorKind::Pattern { got, want } => format!("{} does not match pattern {}", quote(got), quote(want)),
        ErrorKind::Minimum { got, want } => range("minimum", got, want),
        ErrorKind::Maximum { got, want } => range("maximum", got, want),
        ErrorKind::ExclusiveMinimum { got, want } => range("exclusiveMinimum", got, want),
        ErrorKind::ExclusiveMaximum { got, want } => range("exclusiveMaximum", got, want),
        ErrorKind::MultipleOf { got, want } => range("multipleOf", got, want),
        ErrorKind::ContentEncoding { want, err } => format!("value is not {} encoded: {err}", quote(want)),
        ErrorKind::ContentMediaType { want, err, .. } => {
            format!("value if not of mediatype {}: {err}", quote(want))
        }
        ErrorKind::ContentSchema => "'contentSchema' failed".to_owned(),
        ErrorKind::Schema { url } => format!("jsonschema validation failed with {}", quote(url)),
    }
}

fn contains(name: &str, got: &[usize], want: usize) -> String {
    let places: Vec<_> = got.iter().map(ToString::to_string).collect();
    format!(
        "{name} {want} items required to match contains schema, but matched {} items at {}",
        got.len(),
        places.join(" ")
    )
}

fn joined(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| quote(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A text in single quotes.
fn quote(text: &str) -> String {
    let quoted = sluice_gotmpl::quote::quote(text.as_bytes()).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", quoted.get(1..quoted.len() - 1).unwrap_or_default())
}

fn primitive(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) if number.is_f64() => crate::gotext::float(number.as_f64().unwrap_or_default()),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quote(text),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
    }
}

/// A number as English people write it, with commas between thousands.
fn number(number: &Number) -> String {
    let text = format!("{}", number.as_f64().unwrap_or_default());
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", grouped(whole)),
        None => grouped(&text),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
