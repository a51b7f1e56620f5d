//! Senders that sign nothing, but whose bodies have a known shape.

use serde_json::Value;

use super::Refusal;

/// What a value must be, if it is there and not `null`.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// An object, with these among its fields.
    Fields(&'static [(&'static str, Shape)]),
}

pub const DOCKER_HUB: Shape = Shape::Fields(&[
    ("push_data", Shape::Fields(&[("tag", Shape::Text)])),
    ("repository", Shape::Fields(&[("repo_url", Shape::Text)])),
]);
pub const QUAY: Shape = Shape::Fields(&[("docker_url", Shape::Text), ("updated_tags", Shape::Texts)]);
pub const ACR: Shape = Shape::Fields(&[
    ("action", Shape::Text),
    ("target", Shape::Fields(&[("repository", Shape::Text), ("tag", Shape::Text)])),
]);
pub const NEXUS: Shape = Shape::Fields(&[("action", Shape::Text), ("repositoryName", Shape::Text)]);

impl Shape {
    /// Where the value has another shape, if it has.
    fn misfit(self, value: &Value, path: &str) -> Option<String> {
        match (self, value) {
            (_, Value::Null) | (Self::Text, Value::String(_)) => None,
            (Self::Texts, Value::Array(items)) => items.iter().find_map(|item| Self::Text.misfit(item, path)),
            (Self::Fields(fields), Value::Object(values)) => values.iter().find_map(|(key, value)| {
                let (name, shape) = fields.iter().find(|(name, _)| key.eq_ignore_ascii_case(name))?;
                shape.misfit(value, &format!("{path}.{name}"))
            }),
            (Self::Text, _) => Some(format!("{path} is no string")),
            (Self::Texts, _) => Some(format!("{path} is no list of strings")),
            (Self::Fields(_), _) => Some(format!("{path} is no object")),
        }
    }
}

/// The body must begin with a value of the shape; what follows it is passed over.
pub fn check(sender: &'static str, shape: Shape, body: &[u8]) -> Result<Value, Refusal> {
    let refuse = |reason: String| Refusal::Payload { sender, reason };
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let value = match values.next() {
        Some(value) => value.map_err(|error| refuse(error.to_string()))?,
        None => return Err(refuse("it is empty".to_owned())),
    };
    fits(sender, shape, value)
}

/// The body must be a value of the shape.
pub fn check_alone(sender: &'static str, shape: Shape, body: &[u8]) -> Result<Value, Refusal> {
    let value = serde_json::from_slice(body)
        .map_err(|error| Refusal::Payload { sender, reason: error.to_string() })?;
    fits(sender, shape, value)
}

fn fits(sender: &'static str, shape: Shape, value: Value) -> Result<Value, Refusal> {
    match shape.misfit(&value, "the body") {
        Some(reason) => Err(Refusal::Payload { sender, reason }),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_shape_of_their_sender() {
        for good in [
            &br#"{"push_data": {"tag": "1"}, "repository": {"repo_url": "https://x"}}"#[..],
            b"{}",
            b"null",
            b"{}garbage",
            br#"{"push_data": null, "other": 5}"#,
        ] {
            assert!(check("DockerHub", DOCKER_HUB, good).is_ok(), "{}", String::from_utf8_lossy(good));
        }
        for bad in [&b""[..], b"nope", b"[]", b"5", br#"{"push_data": 5}"#, br#"{"Push_Data": {"TAG": 1}}"#] {
            assert!(check("DockerHub", DOCKER_HUB, bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(check("Quay", QUAY, br#"{"updated_tags": ["a", 1]}"#).is_err());
        assert!(check_alone("Nexus", NEXUS, b"{}garbage").is_err());
        assert!(check_alone("Nexus", NEXUS, br#"{"action": "UPDATED"}"#).is_ok());
    }
}
