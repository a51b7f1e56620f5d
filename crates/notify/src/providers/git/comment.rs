//! Comments on requests to change something: one per Provider and object, which is edited from then on.

use std::num::{IntErrorKind, ParseIntError};

use crate::{error::PostError, event::Event, providers::format};

/// The metadata that names the request.
const NUMBER: &str = "change_request";

/// Comments of one page, the most that all hosts give at once. Ours is among the first: it is written when the request
/// is opened.
pub(super) const PAGE: usize = 100;

/// A comment about an event.
pub(super) struct Comment {
    /// What tells it from others. Browsers don't show it.
    pub marker: String,
    /// All of it, with the marker.
    pub body: String,
}

impl Comment {
    /// `key` is what the host's markers are called, `provider` the Provider's UID.
    pub(super) fn new(key: &str, provider: &str, event: &Event) -> Self {
        let marker = format!("<!-- {key}:{provider}/{} -->", event.involved_object);
        let body = format!("{marker}\n\n{}", format::markdown(event));
        Self { marker, body }
    }

    /// Whether a comment of the host is this one's older version.
    pub(super) fn is(&self, author: &str, us: &str, body: &str) -> bool {
        author == us && body.contains(&self.marker)
    }
}

/// The number of the request. `parser` is who could not read it, as users of Flux know it.
pub(super) fn number(event: &Event, parser: &str) -> Result<i64, PostError> {
    let text = event
        .metadata
        .get(NUMBER)
        .ok_or_else(|| PostError::permanent(format!("missing {NUMBER:?} metadata key")))?;
    text.parse().map_err(|error: ParseIntError| {
        let reason = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let number = format!("{parser}: parsing {text:?}: {reason}");
        PostError::permanent(format!("invalid {NUMBER:?} metadata value {text:?}: {number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_carry_their_marker() {
        let mut event = Event::default();
        event.involved_object.kind = "Kustomization".to_owned();
        event.involved_object.namespace = "apps".to_owned();
        event.involved_object.name = "web".to_owned();
        event.metadata.insert(NUMBER.to_owned(), "42".to_owned());
        let comment = Comment::new("flux-pr-comment-key", "uid", &event);
        assert_eq!(comment.marker, "<!-- flux-pr-comment-key:uid/Kustomization/apps/web -->");
        assert!(comment.body.starts_with(&format!("{}\n\n## Flux Status\n", comment.marker)));
        assert!(!comment.body.contains(NUMBER));
        assert!(comment.is("bot", "bot", &comment.body) && !comment.is("other", "bot", &comment.body));
        assert_eq!(number(&event, "strconv.Atoi").unwrap(), 42);
        event.metadata.insert(NUMBER.to_owned(), "x".to_owned());
        assert!(
            number(&event, "strconv.Atoi")
                .unwrap_err()
                .to_string()
                .ends_with("metadata value \"x\": strconv.Atoi: parsing \"x\": invalid syntax")
        );
    }
}
