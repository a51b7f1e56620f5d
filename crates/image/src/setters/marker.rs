//! The comment that marks a value.

use serde_json::Value as Json;

use crate::Image;

/// What every marker holds.
pub(crate) const KEY: &str = r#""$imagepolicy""#;

/// A marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// `<namespace>:<name>` of the policy.
    pub policy: String,
    /// What of the image is written.
    pub field: Field,
    /// The whole text, `<namespace>:<name>[:<field>]`.
    pub setter: String,
}

/// What of an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `<name>:<tag>[@<digest>]`
    All,
    Name,
    Tag,
    Digest,
}

impl Field {
    /// The value for an image.
    pub(super) fn of(self, image: &Image) -> String {
        match self {
            Self::All => image.to_string(),
            Self::Name => image.name.clone(),
            Self::Tag => image.tag.clone(),
            Self::Digest => image.digest.clone(),
        }
    }
}

/// Why a marker can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More or less than a JSON object stands in the comment.
    #[error(
        "the comment is no marker: it must hold nothing but {{\"$imagepolicy\": \"<namespace>:<policy>[:name|:tag|:digest]\"}}"
    )]
    Comment,
    /// The text is not two or three parts.
    #[error(
        "'{0}' names no policy: write '<namespace>:<policy>', and ':name', ':tag' or ':digest' behind it if only that is meant"
    )]
    Setter(String),
    /// The third part is unknown.
    #[error("'{0}' ends in none of ':name', ':tag' and ':digest'")]
    Field(String),
}

impl Marker {
    /// As one that names a policy, for a place that has none.
    pub(crate) fn of(policy: &str, field: Field) -> Self {
        let suffix = match field {
            Field::All => "",
            Field::Name => ":name",
            Field::Tag => ":tag",
            Field::Digest => ":digest",
        };
        Self { policy: policy.to_owned(), field, setter: format!("{policy}{suffix}") }
    }

    /// Reads a comment, with its `#`; nothing if it has no marker in it.
    pub(super) fn parse(comment: &str) -> Option<Result<Self, Malformed>> {
        if !comment.contains(KEY) {
            return None;
        }
        let json = comment.trim_start_matches('#');
        let Ok(Json::Object(object)) = serde_json::from_str(json) else {
            return Some(Err(Malformed::Comment));
        };
        let setter = object.get("$imagepolicy").and_then(Json::as_str);
        Some(setter.ok_or(Malformed::Comment).and_then(Self::of_setter))
    }

    fn of_setter(setter: &str) -> Result<Self, Malformed> {
        let parts: Vec<&str> = setter.split(':').collect();
        let (namespace, name, field) = match parts.as_slice() {
            [namespace, name] => (namespace, name, Field::All),
            [namespace, name, "name"] => (namespace, name, Field::Name),
            [namespace, name, "tag"] => (namespace, name, Field::Tag),
            [namespace, name, "digest"] => (namespace, name, Field::Digest),
            [_, _, _] => return Err(Malformed::Field(setter.to_owned())),
            _ => return Err(Malformed::Setter(setter.to_owned())),
        };
        if namespace.is_empty() || name.is_empty() {
            return Err(Malformed::Setter(setter.to_owned()));
        }
        Ok(Self { policy: format!("{namespace}:{name}"), field, setter: setter.to_owned() })
    }
}

/// The comment of a line in which a marker stands, and where it starts.
pub(super) fn comment(line: &str) -> Option<(usize, &str)> {
    let start = line.get(..line.find(KEY)?)?.rfind('#')?;
    Some((start, line.get(start..)?.trim_end()))
}
