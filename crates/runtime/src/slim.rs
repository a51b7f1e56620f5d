//! Objects as they are read from the API server: without `metadata.managedFields`, which is often more than the rest, and
//! nothing here reads it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// An object without its managed fields.
pub(crate) struct Slim(pub Value);

impl<'de> Deserialize<'de> for Slim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Without(&["metadata", "managedFields"]).deserialize(deserializer).map(Self)
    }
}

/// Reads a map and skips what is at this path.
struct Without(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Without {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Without {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = match self.0 {
                [last] if key == *last => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                [first, rest @ ..] if key == *first => map.next_value_seed(Without(rest))?,
                _ => map.next_value()?,
            };
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_managed_fields_are_left_out() {
        let text = r#"{"managedFields": 1, "metadata": {"name": "a", "managedFields": [{"manager": "m"}], "labels": {"managedFields": "x"}}, "spec": {"metadata": {"managedFields": 2}}}"#;
        let Slim(object) = serde_json::from_str(text).unwrap();
        let metadata = json!({"name": "a", "labels": {"managedFields": "x"}});
        assert_eq!(
            object,
            json!({"managedFields": 1, "metadata": metadata, "spec": {"metadata": {"managedFields": 2}}})
        );
        assert!(serde_json::from_str::<Slim>("[]").is_err());
    }
}
