//! What all statuses of commits are made of.

use crate::{error::PostError, event::Event, providers::format};

/// The commit that an event is about: a SHA-1 in hex, as far as its length tells. What is longer is the digest of an
/// artifact from a registry, of which hosts know nothing.
pub(super) fn commit(event: &Event) -> Result<&str, PostError> {
    let revision = ["commit", "originRevision", "revision"].iter().find_map(|key| event.metadata.get(*key));
    let revision = revision.ok_or_else(|| PostError::permanent("missing revision metadata"))?;
    // `branch@sha1:hash`, `sha1:hash`, or `branch/hash` and `hash` of old versions.
    let hash = match revision.rsplit_once(':').or_else(|| revision.rsplit_once('/')) {
        Some((_, hash)) => hash,
        None => revision,
    };
    if hash.len() != 40 {
        return Err(PostError::permanent(format!(
            "failed to extract commit hash from '{revision}' revision"
        )));
    }
    Ok(hash)
}

/// The host's word for success or failure; there is none for other severities.
pub(super) fn state(
    event: &Event,
    success: &'static str,
    failure: &'static str,
    otherwise: &str,
) -> Result<&'static str, PostError> {
    if event.severity.is_info() {
        Ok(success)
    } else if event.severity.is_error() {
        Ok(failure)
    } else {
        Err(PostError::permanent(otherwise))
    }
}

pub(super) use format::{description, name};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_found_in_all_forms_of_revisions() {
        let sha1 = "6f3c1a2b4d5e6f708192a3b4c5d6e7f801234567";
        let commit = |pairs: &[(&str, &str)]| {
            let metadata = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let event = Event { metadata, ..Event::default() };
            commit(&event).map(str::to_owned).map_err(|error| error.to_string())
        };
        for revision in [
            format!("main@sha1:{sha1}"),
            format!("sha1:{sha1}"),
            format!("feature/a/{sha1}"),
            sha1.to_owned(),
        ] {
            assert_eq!(commit(&[("revision", &revision)]).unwrap(), sha1, "{revision}");
        }
        let other = "0".repeat(40);
        assert_eq!(commit(&[("revision", sha1), ("originRevision", &other)]).unwrap(), other);
        assert_eq!(commit(&[("commit", sha1), ("originRevision", &other)]).unwrap(), sha1);
        assert_eq!(commit(&[]).unwrap_err(), "missing revision metadata");
        assert_eq!(
            commit(&[("revision", "6.5.0")]).unwrap_err(),
            "failed to extract commit hash from '6.5.0' revision"
        );
    }
}
