//! Repeated events become one with a count, as `kubectl get events` shows them; floods are cut.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;

use super::Recorded;

/// Distinct messages of one reason within [`SIMILAR_WINDOW`] before they are folded into one event.
const SIMILAR_LIMIT: usize = 10;
const SIMILAR_WINDOW: Duration = Duration::from_mins(10);
const SIMILAR_PREFIX: &str = "(combined from similar events): ";
/// Events about one object that may come at once, and the time that earns another one.
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_mins(5);
/// Objects and events remembered, each.
const MEMORY: usize = 1024;

/// What to do about an event.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Create it with this message, and report its name with [`Correlator::created`].
    Create { id: EventId, message: String },
    /// Raise the count of the one created before.
    Repeat { id: EventId, message: String, name: String, count: i32 },
    /// The object floods; drop it.
    Drop,
}

/// Identifies events that count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EventId(u64);

#[derive(Default)]
pub(super) struct Correlator {
    budgets: Recent<Budget>,
    similar: Recent<Similar>,
    seen: Recent<Seen>,
}

struct Budget {
    tokens: f64,
    at: Instant,
}

struct Similar {
    messages: HashSet<u64>,
    at: Instant,
}

struct Seen {
    name: String,
    count: i32,
}

impl Correlator {
    /// Decides about an event recorded now.
    pub fn judge(&mut self, event: &Recorded) -> Verdict {
        let now = Instant::now();
        let object = (&event.object.kind, &event.object.namespace, &event.object.name, &event.object.uid);
        let about = (object, event.kind.in_cluster(), &event.reason);
        if !self.budgets.entry(hash(&object), || Budget { tokens: BURST, at: now }).spend(now) {
            return Verdict::Drop;
        }
        let many = self
            .similar
            .entry(hash(&about), || Similar { messages: HashSet::new(), at: now })
            .is_crowded(hash(&event.message), now);
        let (id, message) = if many {
            (EventId(hash(&about)), format!("{SIMILAR_PREFIX}{}", event.message))
        } else {
            (EventId(hash(&(about, &event.message))), event.message.clone())
        };
        match self.seen.get_mut(id.0) {
            Some(seen) => {
                seen.count += 1;
                Verdict::Repeat { id, message, name: seen.name.clone(), count: seen.count }
            }
            None => Verdict::Create { id, message },
        }
    }

    /// Remembers an event that was created.
    pub fn created(&mut self, id: EventId, name: String) {
        self.seen.insert(id.0, Seen { name, count: 1 });
    }

    /// Forgets an event that the cluster no longer has. Its next occurrence is created anew.
    pub fn expired(&mut self, id: EventId) {
        self.seen.remove(id.0);
    }
}

impl Budget {
    fn spend(&mut self, now: Instant) -> bool {
        let earned = (now - self.at).as_secs_f64() / REFILL.as_secs_f64();
        self.tokens = (self.tokens + earned).min(BURST);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

impl Similar {
    /// Whether there were many distinct messages lately, this one included.
    fn is_crowded(&mut self, message: u64, now: Instant) -> bool {
        if now - self.at > SIMILAR_WINDOW {
            self.messages.clear();
        }
        self.at = now;
        self.messages.insert(message);
        if self.messages.len() < SIMILAR_LIMIT {
            return false;
        }
        self.messages.remove(&message);
        true
    }
}

/// A map that forgets what was not used for longest.
struct Recent<V> {
    entries: HashMap<u64, (u64, V)>,
    clock: u64,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), clock: 0 }
    }
}

impl<V> Recent<V> {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        if self.entries.len() >= MEMORY {
            // Dropping a quarter at a time keeps the cost per event low.
            let mut ages: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
            let (_, cut, _) = ages.select_nth_unstable(MEMORY / 4);
            let cut = *cut;
            self.entries.retain(|_, (used, _)| *used > cut);
        }
        self.clock
    }

    fn entry(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
        let used = self.tick();
        let slot = self.entries.entry(key).or_insert_with(|| (used, new()));
        slot.0 = used;
        &mut slot.1
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let used = self.tick();
        let slot = self.entries.get_mut(&key)?;
        slot.0 = used;
        Some(&mut slot.1)
    }

    fn insert(&mut self, key: u64, value: V) {
        let used = self.tick();
        self.entries.insert(key, (used, value));
    }

    fn remove(&mut self, key: u64) {
        self.entries.remove(&key);
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sluice_apis::k8s::ObjectReference;

    use super::*;
    use crate::EventType;

    fn event(object: &str, message: &str) -> Recorded {
        Recorded {
            object: ObjectReference { name: Some(object.to_owned()), ..ObjectReference::default() },
            kind: EventType::Normal,
            reason: "Reason".to_owned(),
            message: message.to_owned(),
            metadata: BTreeMap::new(),
            at: sluice_apis::meta::now(),
        }
    }

    fn create(correlator: &mut Correlator, event: &Recorded, name: &str) -> String {
        match correlator.judge(event) {
            Verdict::Create { id, message } => {
                correlator.created(id, name.to_owned());
                message
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_event_is_counted() {
        let mut correlator = Correlator::default();
        create(&mut correlator, &event("a", "m"), "a.1");
        for expected in 2..5 {
            match correlator.judge(&event("a", "m")) {
                Verdict::Repeat { name, count, .. } => assert_eq!((name.as_str(), count), ("a.1", expected)),
                other => panic!("{other:?}"),
            }
        }
        create(&mut correlator, &event("b", "m"), "b.1");
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_event_is_created_anew() {
        let mut correlator = Correlator::default();
        create(&mut correlator, &event("a", "m"), "a.1");
        if let Verdict::Repeat { id, .. } = correlator.judge(&event("a", "m")) {
            correlator.expired(id);
        }
        create(&mut correlator, &event("a", "m"), "a.2");
    }

    #[tokio::test(start_paused = true)]
    async fn many_messages_of_one_reason_are_folded() {
        let mut correlator = Correlator::default();
        for n in 0..9 {
            assert_eq!(create(&mut correlator, &event("a", &format!("m{n}")), "x"), format!("m{n}"));
        }
        assert_eq!(
            create(&mut correlator, &event("a", "m9"), "folded"),
            "(combined from similar events): m9"
        );
        assert!(
            matches!(correlator.judge(&event("a", "m10")), Verdict::Repeat { name, count: 2, .. } if name == "folded")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_about_one_object_is_cut_and_recovers() {
        let mut correlator = Correlator::default();
        let passed = (0..100).filter(|_| correlator.judge(&event("a", "m")) != Verdict::Drop).count();
        assert_eq!(passed, 25);
        assert_ne!(correlator.judge(&event("b", "m")), Verdict::Drop);
        tokio::time::advance(REFILL + Duration::from_secs(1)).await;
        assert_ne!(correlator.judge(&event("a", "m")), Verdict::Drop);
        assert_eq!(correlator.judge(&event("a", "m")), Verdict::Drop);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let mut correlator = Correlator::default();
        for n in 0..5 * MEMORY {
            create(&mut correlator, &event(&n.to_string(), "m"), "x");
        }
        assert!(correlator.seen.entries.len() <= MEMORY && correlator.budgets.entries.len() <= MEMORY);
    }
}
