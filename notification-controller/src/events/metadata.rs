//! What becomes of the metadata of events: reduced when they come in, combined with the Alert's before they go out.

use std::collections::BTreeMap;

use sluice_apis::notification::v1beta3::AlertSpec;
use sluice_notify::{EVENT_GROUP, Event};

const FROM_ANNOTATIONS: &str = "involved object annotations";
const FROM_ALERT: &str = "Alert object .spec.eventMetadata";
const FROM_SUMMARY: &str = "Alert object .spec.summary";
const FROM_CONTROLLER: &str = "involved object controller metadata";

/// Keeps what is under the event group or the object's group, without digests.
pub fn reduce(event: &mut Event) {
    let own = format!("{}/", event.involved_object.group());
    let digests = [format!("{own}checksum"), format!("{own}digest")];
    event.metadata.retain(|key, _| {
        !digests.iter().any(|digest| key.eq_ignore_ascii_case(digest))
            && (key.starts_with(&own) || annotation(key).is_some())
    });
}

/// Drops what is only for the rate limit.
pub fn drop_internal(event: &mut Event) {
    event.metadata.remove(&format!("{}/token", event.involved_object.group()));
}

/// Puts together what receivers see, from low to high precedence: annotations of the object, metadata of the Alert,
/// its summary, and what the controller says. Returns the keys that more than one of them has, with all of them.
pub fn combine(event: &mut Event, alert: &AlertSpec) -> BTreeMap<String, String> {
    let own = format!("{}/", event.involved_object.group());
    let mut combined = BTreeMap::new();
    let mut sources: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut add = |key: &str, value: &str, source| {
        combined.insert(key.to_owned(), value.to_owned());
        sources.entry(key.to_owned()).or_default().push(source);
    };
    for (key, value) in &event.metadata {
        if let Some(key) = annotation(key) {
            add(key, value, FROM_ANNOTATIONS);
        }
    }
    for (key, value) in &alert.event_metadata {
        add(key, value, FROM_ALERT);
    }
    if let Some(summary) = alert.summary.as_deref().filter(|summary| !summary.is_empty()) {
        add("summary", summary, FROM_SUMMARY);
    }
    for (key, value) in &event.metadata {
        if let Some(key) = key.strip_prefix(&own) {
            add(key, value, FROM_CONTROLLER);
        }
    }
    if !combined.is_empty() {
        event.metadata = combined;
    }
    sources.retain(|_, sources| sources.len() > 1);
    sources.into_iter().map(|(key, sources)| (key, sources.join(", "))).collect()
}

/// The key of an annotation of the object.
fn annotation(key: &str) -> Option<&str> {
    key.strip_prefix(EVENT_GROUP)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn event(metadata: &[(&str, &str)]) -> Event {
        let mut event = Event { metadata: map(metadata), ..Event::default() };
        event.involved_object.api_version = "g.io/v1".to_owned();
        event
    }

    #[test]
    fn only_two_groups_and_no_digests_stay() {
        let mut event = event(&[
            ("g.io/Checksum", "a"),
            ("g.io/DIGEST", "b"),
            ("g.io/token", "t"),
            ("g.io/", "empty"),
            ("other/x", "1"),
            ("plain", "1"),
            ("event.toolkit.fluxcd.io/y", "2"),
            ("g.io/revision", "r"),
        ]);
        reduce(&mut event);
        drop_internal(&mut event);
        assert_eq!(
            event.metadata,
            map(&[("event.toolkit.fluxcd.io/y", "2"), ("g.io/", "empty"), ("g.io/revision", "r")])
        );
        combine(&mut event, &AlertSpec::default());
        assert_eq!(event.metadata, map(&[("", "empty"), ("revision", "r"), ("y", "2")]));
    }

    #[test]
    fn the_controller_wins_and_conflicts_are_told() {
        let mut event = event(&[("event.toolkit.fluxcd.io/foo", "1"), ("g.io/revision", "r")]);
        let alert = AlertSpec {
            event_metadata: map(&[("foo", "2"), ("revision", "mine"), ("summary", "a")]),
            summary: Some("b".to_owned()),
            ..AlertSpec::default()
        };
        let conflicts = combine(&mut event, &alert);
        assert_eq!(event.metadata, map(&[("foo", "2"), ("revision", "r"), ("summary", "b")]));
        assert_eq!(
            conflicts,
            map(&[
                ("foo", "involved object annotations, Alert object .spec.eventMetadata"),
                ("revision", "Alert object .spec.eventMetadata, involved object controller metadata"),
                ("summary", "Alert object .spec.eventMetadata, Alert object .spec.summary"),
            ])
        );
    }
}
