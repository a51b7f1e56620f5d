//! Decodes JSON into structs as Go's encoding/json does: field names in any case, null as absent, unknown fields
//! an error where the caller is strict.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::Dialect;

/// Why a document doesn't have the shape that its reader needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field that the struct doesn't have.
    #[error("json: unknown field {field:?}")]
    UnknownField {
        /// The field as written.
        field: String,
        /// The most similar field that exists.
        known: Option<&'static str>,
    },
    /// A value of another type.
    #[error("json: cannot unmarshal {found} into Go {} of type {wanted}", place(.path))]
    Type {
        /// What was found: `number`, `string`, `bool`, `array`, `object`.
        found: &'static str,
        /// Where: the struct's name and the path from the top, joined by dots; empty for the top itself.
        path: String,
        /// The type that the field has.
        wanted: Cow<'static, str>,
    },
}

fn place(path: &str) -> Cow<'static, str> {
    if path.is_empty() { "value".into() } else { format!("struct field {path}").into() }
}

impl DecodeError {
    /// What may help. It is no part of the message, whose words are those of Go.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownField { known, .. } => known.map(|field| format!("did you mean {field:?}?")),
            // YAML 1.1 has more booleans than one expects: `y`, `no`, `on`.
            Self::Type { found: "bool" | "number", wanted, .. } if wanted == "string" => {
                Some("put quotes around the value".to_owned())
            }
            Self::Type { .. } => None,
        }
    }
}

/// Where the decoder is, and how strict.
#[derive(Clone, Debug)]
pub struct At {
    /// Whether an unknown field is an error.
    pub strict: bool,
    /// Whether numbers and booleans are taken for texts where texts belong.
    pub coerce: bool,
    /// Whose fields exist.
    pub dialect: Dialect,
    owner: &'static str,
    path: Vec<String>,
}

impl At {
    /// At the top of a kustomization file: nothing but what it should be.
    pub fn exact(dialect: Dialect) -> Self {
        Self { strict: true, coerce: false, dialect, owner: "", path: Vec::new() }
    }

    /// At the top of a document that sigs.k8s.io/yaml decodes into a struct: it makes texts where texts belong.
    pub fn top(strict: bool, dialect: Dialect) -> Self {
        Self { strict, coerce: true, dialect, owner: "", path: Vec::new() }
    }

    fn field(&self, owner: &'static str, within: &str, name: &str) -> Self {
        let mut path = self.path.clone();
        if !within.is_empty() {
            path.push(within.to_owned());
        }
        path.push(name.to_owned());
        // What sigs.k8s.io/yaml looks at for the type it should make is then the embedded struct.
        let coerce = self.coerce && within.is_empty();
        Self { coerce, owner, path, ..self.clone() }
    }

    /// The error for a value of another type.
    pub fn type_error(&self, value: &Value, wanted: impl Into<Cow<'static, str>>) -> DecodeError {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let path = match self.path.as_slice() {
            [] => String::new(),
            path => format!("{}.{}", self.owner, path.join(".")),
        };
        DecodeError::Type { found, path, wanted: wanted.into() }
    }
}

/// Something that JSON decodes into.
pub trait Decode: Sized + Default {
    /// Decodes a value that is not null.
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError>;

    /// How Go calls the type.
    fn go_type() -> Cow<'static, str>;

    /// How Go calls the type where it is an element of a list.
    fn go_element() -> Cow<'static, str> {
        Self::go_type()
    }
}

/// A struct with named fields.
pub trait Fields: Default {
    /// The struct's name in messages.
    const TYPE: &'static str;
    /// The fields' names.
    const FIELDS: &'static [&'static str];
    /// Decodes one of [`Self::FIELDS`]; never called with null.
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError>;
    /// Whether Go's lists hold pointers to it.
    const LISTED_BY_POINTER: bool = false;
    /// The structs that Go's struct embeds and that have the field, joined by dots: messages name them.
    fn embedded(_field: &str) -> &'static str {
        ""
    }
    /// Whether the dialect has the field.
    fn has(_field: &str, _dialect: Dialect) -> bool {
        true
    }
}

impl<T: Fields> Decode for T {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        let Value::Object(object) = value else { return Err(at.type_error(value, Self::go_type())) };
        let mut decoded = Self::default();
        // Sorted, so of two spellings of one field the lower-case one comes last and wins.
        for (name, value) in object {
            let field = Self::FIELDS.iter().find(|field| **field == name);
            let field = field.or_else(|| Self::FIELDS.iter().find(|field| field.eq_ignore_ascii_case(name)));
            match field.filter(|field| Self::has(field, at.dialect)) {
                Some(field) if !value.is_null() => {
                    decoded.set(field, value, &at.field(Self::TYPE, Self::embedded(field), field))?;
                }
                Some(_) => {}
                None if at.strict => {
                    return Err(DecodeError::UnknownField {
                        field: name.clone(),
                        known: similar(name, Self::FIELDS),
                    });
                }
                None => {}
            }
        }
        Ok(decoded)
    }

    fn go_type() -> Cow<'static, str> {
        format!("types.{}", T::TYPE).into()
    }

    fn go_element() -> Cow<'static, str> {
        format!("{}{}", if T::LISTED_BY_POINTER { "*" } else { "" }, Self::go_type()).into()
    }
}

/// The field that a misspelt name most likely means: one edit away, or the same but for a plural `s`.
fn similar(name: &str, fields: &[&'static str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    fields.iter().copied().find(|field| {
        let field = field.to_ascii_lowercase();
        let common = name.bytes().zip(field.bytes()).take_while(|(a, b)| a == b).count();
        let (rest_a, rest_b) = (&name.as_bytes()[common..], &field.as_bytes()[common..]);
        common > 1
            && (rest_a.get(1..) == Some(rest_b)
                || rest_b.get(1..) == Some(rest_a)
                || (rest_a.len() == rest_b.len() && !rest_a.is_empty() && rest_a.get(1..) == rest_b.get(1..)))
    })
}

impl Decode for String {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) if at.coerce => {
                Ok(sluice_yaml::to_yaml(value).trim_end().to_owned())
            }
            _ => Err(at.type_error(value, Self::go_type())),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "string".into()
    }
}

impl Decode for bool {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        value.as_bool().ok_or_else(|| at.type_error(value, Self::go_type()))
    }

    fn go_type() -> Cow<'static, str> {
        "bool".into()
    }
}

impl Decode for i64 {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        value.as_i64().ok_or_else(|| at.type_error(value, Self::go_type()))
    }

    fn go_type() -> Cow<'static, str> {
        "int64".into()
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        T::decode(value, at).map(Some)
    }

    fn go_type() -> Cow<'static, str> {
        format!("*{}", T::go_type()).into()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        let Value::Array(items) = value else { return Err(at.type_error(value, Self::go_type())) };
        items.iter().map(|item| if item.is_null() { Ok(T::default()) } else { T::decode(item, at) }).collect()
    }

    fn go_type() -> Cow<'static, str> {
        format!("[]{}", T::go_element()).into()
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(value: &Value, at: &At) -> Result<Self, DecodeError> {
        let Value::Object(object) = value else { return Err(at.type_error(value, Self::go_type())) };
        object
            .iter()
            .map(|(key, value)| {
                let value = if value.is_null() { T::default() } else { T::decode(value, at)? };
                Ok((key.clone(), value))
            })
            .collect()
    }

    fn go_type() -> Cow<'static, str> {
        format!("map[string]{}", T::go_type()).into()
    }
}

/// A value that is only looked at as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw(pub Value);

impl Decode for Raw {
    fn decode(value: &Value, _: &At) -> Result<Self, DecodeError> {
        Ok(Self(value.clone()))
    }

    fn go_type() -> Cow<'static, str> {
        "interface {}".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample {
        name: String,
        list: Vec<String>,
    }

    impl Fields for Sample {
        const TYPE: &'static str = "Sample";
        const FIELDS: &'static [&'static str] = &["name", "list"];
        fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
            match field {
                "name" => self.name = Decode::decode(value, at)?,
                _ => self.list = Decode::decode(value, at)?,
            }
            Ok(())
        }
    }

    fn decode(json: &str, strict: bool) -> Result<Sample, DecodeError> {
        Sample::decode(&serde_json::from_str(json).unwrap(), &At { strict, ..At::exact(Dialect::Latest) })
    }

    #[test]
    fn names_in_any_case_and_null_as_absent() {
        let sample = decode(r#"{"NAME": "a", "list": null}"#, true).unwrap();
        assert_eq!(sample, Sample { name: "a".into(), list: vec![] });
        assert_eq!(decode(r#"{"Name": "a", "name": "b"}"#, true).unwrap().name, "b");
    }

    #[test]
    fn makes_texts_where_asked() {
        let json = serde_json::json!({"name": 1.5, "list": [true, 2]});
        let sample = Sample::decode(&json, &At::top(true, Dialect::Latest)).unwrap();
        assert_eq!(sample, Sample { name: "1.5".into(), list: vec!["true".into(), "2".into()] });
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let error = decode(r#"{"name": 1}"#, true).unwrap_err();
        let words = "json: cannot unmarshal number into Go struct field Sample.name of type string";
        assert_eq!(error.to_string(), words);
        assert_eq!(error.hint().unwrap(), "put quotes around the value");
        let error = decode(r#"{"names": "a"}"#, true).unwrap_err();
        assert_eq!(error.to_string(), r#"json: unknown field "names""#);
        assert_eq!(error.hint().unwrap(), r#"did you mean "name"?"#);
        assert!(decode(r#"{"names": "a"}"#, false).is_ok());
        let error = decode("[]", true).unwrap_err();
        assert_eq!(error.to_string(), "json: cannot unmarshal array into Go value of type types.Sample");
        let error = decode(r#"{"list": "a"}"#, true).unwrap_err();
        let words = "json: cannot unmarshal string into Go struct field Sample.list of type []string";
        assert_eq!(error.to_string(), words);
    }
}
