//! Flux's event: what happened to which object.

mod decode;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub use self::decode::DecodeError;

/// Prefix of metadata keys that come from annotations of the object, without the slash.
pub const EVENT_GROUP: &str = "event.toolkit.fluxcd.io";

/// A report of what happened to an object.
///
/// Serialized with [`encode`](crate::encode) it has the bytes that Flux sends, order of the keys included.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What the event is about.
    pub involved_object: ObjectReference,
    /// How bad it is: `trace`, `info` or `error`, but any word is let through.
    pub severity: Severity,
    /// When it happened; written in seconds, UTC.
    #[serde(serialize_with = "seconds")]
    pub timestamp: Option<Timestamp>,
    /// For people.
    pub message: String,
    /// For machines.
    pub reason: String,
    /// Revision and what else is to be known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The controller that saw it.
    pub reporting_controller: String,
    /// The controller's pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reporting_instance: String,
}

/// Names an object, as `core/v1` `ObjectReference` does.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ObjectReference {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field_path: String,
}

/// How bad an event is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Severity(String);

impl Event {
    /// `kind/name.namespace` with the kind in lower case: how chat messages name the object.
    pub(crate) fn title(&self) -> String {
        let object = &self.involved_object;
        format!("{}/{}.{}", object.kind.to_lowercase(), object.name, object.namespace)
    }

    /// Seconds since 1970; Go's zero time if there is none.
    pub(crate) fn unix_seconds(&self) -> i64 {
        /// 0001-01-01T00:00:00Z.
        const ZERO: i64 = -62_135_596_800;
        self.timestamp.map_or(ZERO, Timestamp::as_second)
    }
}

impl ObjectReference {
    /// The group of `apiVersion`; empty for core kinds and for what is no version.
    pub fn group(&self) -> &str {
        match self.api_version.split_once('/') {
            Some((group, version)) if !version.contains('/') => group,
            _ => "",
        }
    }
}

/// `Kind/namespace/name`, as messages about dispatching name the object.
impl std::fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Severity {
    /// The word of a failure.
    pub const ERROR: &'static str = "error";
    /// The word of an ordinary report.
    pub const INFO: &'static str = "info";

    /// The word as it was posted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a failure.
    pub fn is_error(&self) -> bool {
        self.0 == Self::ERROR
    }

    /// Whether this is an ordinary report.
    pub fn is_info(&self) -> bool {
        self.0 == Self::INFO
    }
}

impl From<&str> for Severity {
    fn from(word: &str) -> Self {
        Self(word.to_owned())
    }
}

/// RFC 3339 in whole seconds, as Kubernetes writes times.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
fn seconds<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&rfc3339(*time)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_the_order_of_flux() {
        let event = Event::from_json(
            br#"{"reportingController":"c","reason":"R","metadata":{"b":"2","a":"<1>"},"message":"m","severity":"info",
                "timestamp":"2026-01-02T04:04:05.9+01:00","involvedObject":{"name":"n","kind":"K","apiVersion":"g/v1"}}"#,
        )
        .unwrap();
        let json = String::from_utf8(crate::encode(&event).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"involvedObject":{"kind":"K","name":"n","apiVersion":"g/v1"},"severity":"info","timestamp":"2026-01-02T03:04:05Z","#
                .to_owned()
                + r#""message":"m","reason":"R","metadata":{"a":"\u003c1\u003e","b":"2"},"reportingController":"c"}"#
        );
    }

    #[test]
    fn groups_are_those_of_group_and_version() {
        let group = |version: &str| {
            ObjectReference { api_version: version.into(), ..Default::default() }.group().to_owned()
        };
        assert_eq!(group("kustomize.toolkit.fluxcd.io/v1"), "kustomize.toolkit.fluxcd.io");
        assert_eq!(group("v1"), "");
        assert_eq!(group("a/b/c"), "");
    }
}
