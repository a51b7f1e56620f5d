//! An event on its way to a provider.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice_apis::notification::v1beta3::{Alert, Provider};
use sluice_notify::Event;
use sluice_runtime::ObjectKey;

/// An event, and for whom it is. Holds no credentials: they are read when it is sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The Alert that wants the event.
    pub alert: ObjectKey,
    /// The Alert's UID: one that is made anew has nothing to do with old letters.
    pub alert_uid: String,
    /// Where it goes.
    pub provider: ObjectKey,
    /// The event, with the Alert's metadata.
    pub event: Event,
    /// When it was posted.
    pub posted: SystemTime,
}

/// What is to be known of a letter while it waits.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Where it goes.
    pub provider: ObjectKey,
    /// What it is about, for which Alert: letters of one topic keep their order.
    pub topic: u64,
    /// When it was posted.
    pub posted: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    namespace: &'a str,
    alert: &'a str,
    uid: &'a str,
    provider: &'a str,
    /// Seconds since 1970.
    posted: u64,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl Letter {
    /// A letter posted now.
    pub fn new(alert: &Alert, provider: &Provider, event: Event) -> Self {
        Self {
            alert: ObjectKey::of(alert),
            alert_uid: alert.metadata.uid.clone().unwrap_or_default(),
            provider: ObjectKey::of(provider),
            event,
            posted: SystemTime::now(),
        }
    }

    /// What is to be known of it while it waits.
    pub fn envelope(&self) -> Envelope {
        let object = &self.event.involved_object;
        let mut hasher = DefaultHasher::new();
        (&object.kind, &object.namespace, &object.name, &self.alert).hash(&mut hasher);
        Envelope { provider: self.provider.clone(), topic: hasher.finish(), posted: self.posted }
    }

    /// One line of JSON.
    pub fn encode(&self) -> Vec<u8> {
        // Strings and maps of strings always become JSON.
        let event = sluice_notify::encode(&self.event).unwrap_or_default();
        let event = String::from_utf8(event).ok().and_then(|json| RawValue::from_string(json).ok());
        let Some(event) = event else { return Vec::new() };
        let record = Record {
            namespace: &self.alert.namespace,
            alert: &self.alert.name,
            uid: &self.alert_uid,
            provider: &self.provider.name,
            posted: self.posted.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            event: &event,
        };
        serde_json::to_vec(&record).unwrap_or_default()
    }

    /// Reads what [`encode`](Self::encode) wrote. `None` if it was damaged.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let record: Record<'_> = serde_json::from_slice(body).ok()?;
        Some(Self {
            alert: ObjectKey::new(record.namespace, record.alert),
            alert_uid: record.uid.to_owned(),
            provider: ObjectKey::new(record.namespace, record.provider),
            event: Event::from_json(record.event.get().as_bytes()).ok()?,
            posted: UNIX_EPOCH.checked_add(Duration::from_secs(record.posted))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_survive_the_disk() {
        let event = br#"{"involvedObject":{"kind":"K","namespace":"n","name":"x"},"severity":"error","timestamp":"2026-01-02T03:04:05Z","message":"a\n\"b\"<","reason":"R","metadata":{"k":"v"},"reportingController":"c"}"#;
        let letter = Letter {
            alert: ObjectKey::new("ns", "alert"),
            alert_uid: "1-2".to_owned(),
            provider: ObjectKey::new("ns", "slack"),
            event: Event::from_json(event).unwrap(),
            posted: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        let line = letter.encode();
        assert!(!line.contains(&b'\n'));
        let read = Letter::decode(&line).unwrap();
        assert_eq!(
            (&read.alert, &read.provider, &read.event),
            (&letter.alert, &letter.provider, &letter.event)
        );
        assert_eq!(read.posted, letter.posted);
        assert!(Letter::decode(&line[..line.len() - 1]).is_none());
    }
}
