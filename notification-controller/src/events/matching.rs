//! Which Alerts want an event.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use kube::Client;
use sluice_apis::notification::{
    CrossNamespaceObjectReference,
    v1beta3::{Alert, EventSeverity},
};
use sluice_goregex::Regex;
use sluice_notify::Event;
use sluice_runtime::{EventRecorder, EventType};

use crate::{
    objects::{self, Labels},
    sync::lock,
};

/// Compiled patterns that are kept.
const CACHED_PATTERNS: usize = 256;

/// Compares events with Alerts, and tells Alerts what is wrong with them.
pub struct Matcher {
    client: Client,
    recorder: EventRecorder,
    /// By pattern; `None` for those that are no regular expression.
    patterns: Mutex<HashMap<String, Option<Arc<Regex>>>>,
}

/// The labels of the object that an event is about, read when they are first needed.
enum ObjectLabels {
    Unread,
    Read(Option<Labels>),
    Unreadable,
}

impl Matcher {
    pub fn new(client: Client, recorder: EventRecorder) -> Self {
        Self { client, recorder, patterns: Mutex::default() }
    }

    /// The Alerts that want the event, in their order.
    pub async fn matching(&self, alerts: Vec<Arc<Alert>>, event: &Event) -> Vec<Arc<Alert>> {
        let mut labels = ObjectLabels::Unread;
        let mut matching = Vec::new();
        for alert in alerts {
            if self.has_source(&alert, event, &mut labels).await
                && self.includes(&alert, &event.message)
                && !self.excludes(&alert, &event.message)
            {
                matching.push(alert);
            }
        }
        matching
    }

    async fn has_source(&self, alert: &Alert, event: &Event, labels: &mut ObjectLabels) -> bool {
        for source in &alert.spec.event_sources {
            if !is_named(alert, source, event) {
                continue;
            }
            let Some(wanted) = &source.match_labels else { return true };
            if matches!(labels, ObjectLabels::Unread) {
                *labels = self.read_labels(event).await;
            }
            let ObjectLabels::Read(has) = &*labels else {
                let message = format!("error getting source object {}", event.involved_object);
                self.warn(alert, "SourceFetchFailed", &message);
                continue;
            };
            if !objects::are_valid_labels(wanted) {
                let namespace = source.namespace.as_deref().unwrap_or_else(|| namespace(alert));
                let name = format!("{}/{namespace}/{}", source.kind, source.name);
                let message = format!("error using matchLabels from event source {name}");
                self.warn(alert, "InvalidConfig", &message);
            } else if objects::has_labels(has.as_ref(), wanted) {
                return true;
            }
        }
        false
    }

    async fn read_labels(&self, event: &Event) -> ObjectLabels {
        let object = &event.involved_object;
        let api = objects::api(&self.client, &object.api_version, &object.kind, &object.namespace);
        match api.get_metadata(&object.name).await {
            Ok(found) => ObjectLabels::Read(found.metadata.labels),
            Err(error) => {
                tracing::error!(%error, %object, "error getting the involved object");
                ObjectLabels::Unreadable
            }
        }
    }

    fn includes(&self, alert: &Alert, message: &str) -> bool {
        let patterns = &alert.spec.inclusion_list;
        patterns.is_empty() || self.matches_any(alert, patterns, "inclusion", message)
    }

    fn excludes(&self, alert: &Alert, message: &str) -> bool {
        self.matches_any(alert, &alert.spec.exclusion_list, "exclusion", message)
    }

    fn matches_any(&self, alert: &Alert, patterns: &[String], list: &str, message: &str) -> bool {
        patterns.iter().any(|pattern| {
            if let Some(pattern) = self.pattern(pattern) {
                pattern.is_match(message.as_bytes())
            } else {
                let message = format!("failed to compile {list} regex: {pattern}");
                self.warn(alert, "InvalidConfig", &message);
                false
            }
        })
    }

    fn pattern(&self, text: &str) -> Option<Arc<Regex>> {
        let mut patterns = lock(&self.patterns);
        if let Some(known) = patterns.get(text) {
            return known.clone();
        }
        let compiled = Regex::uncached(text.as_bytes()).ok().map(Arc::new);
        if patterns.len() >= CACHED_PATTERNS {
            patterns.clear();
        }
        patterns.insert(text.to_owned(), compiled.clone());
        compiled
    }

    fn warn(&self, alert: &Alert, reason: &str, message: &str) {
        tracing::error!(alert = %sluice_runtime::ObjectKey::of(alert), reason, "{message}");
        self.recorder.record(alert, EventType::Warning, reason, message, &BTreeMap::new());
    }
}

/// Whether kind, namespace, name and severity fit.
fn is_named(alert: &Alert, source: &CrossNamespaceObjectReference, event: &Event) -> bool {
    let object = &event.involved_object;
    let from =
        source.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or_else(|| namespace(alert));
    let severity = &alert.spec.event_severity;
    object.namespace == from
        && object.kind == source.kind.as_str()
        && (*severity == EventSeverity::Info || event.severity.as_str() == severity.as_str())
        && (source.name == "*" || source.name == object.name)
}

fn namespace(alert: &Alert) -> &str {
    alert.metadata.namespace.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn named(source: Value, severity: &str, event_severity: &str) -> bool {
        let alert: Alert = serde_json::from_value(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert",
            "metadata": {"name": "a", "namespace": "apps"},
            "spec": {"providerRef": {"name": "p"}, "eventSeverity": severity, "eventSources": [source]},
        }))
        .unwrap();
        let mut event = Event { severity: event_severity.into(), ..Event::default() };
        event.involved_object.kind = "Kustomization".to_owned();
        event.involved_object.namespace = "apps".to_owned();
        event.involved_object.name = "shop".to_owned();
        is_named(&alert, &alert.spec.event_sources[0], &event)
    }

    #[test]
    fn names_are_exact_or_a_star() {
        assert!(named(json!({"kind": "Kustomization", "name": "shop"}), "info", "info"));
        assert!(named(json!({"kind": "Kustomization", "name": "*"}), "info", "info"));
        assert!(named(json!({"kind": "Kustomization", "name": "*", "namespace": "apps"}), "info", "info"));
        assert!(!named(json!({"kind": "Kustomization", "name": "Shop"}), "info", "info"));
        assert!(!named(json!({"kind": "HelmRelease", "name": "*"}), "info", "info"));
        assert!(!named(json!({"kind": "Kustomization", "name": "*", "namespace": "other"}), "info", "info"));
    }

    #[test]
    fn info_lets_everything_through() {
        let any = json!({"kind": "Kustomization", "name": "*"});
        for severity in ["info", "error", "trace", "", "warning"] {
            assert!(named(any.clone(), "info", severity));
            assert_eq!(named(any.clone(), "error", severity), severity == "error");
        }
    }
}
