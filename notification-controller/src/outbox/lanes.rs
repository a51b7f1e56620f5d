//! Who is served next: pure state, without the letters themselves.
//!
//! Each provider has a lane. Within a lane the letters about one object go out in order, those about different objects
//! side by side. After a failure the lane rests, longer each time, and one letter then tries whether the provider is
//! back.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sluice_runtime::ObjectKey;
use tokio::time::Instant;

use super::letter::Envelope;

/// Letters that are being delivered at once, by one provider that is known to work, by those of one namespace, and in
/// all. Whoever lets its providers hang only slows down its own namespace.
const PER_LANE: usize = 8;
const PER_NAMESPACE: usize = 32;
const IN_ALL: usize = 1024;
/// Bytes of letters that are being delivered at once.
const BYTES_IN_FLIGHT: usize = 64 << 20;
/// Rests after failures: the first, and the longest.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_mins(10);
/// How long a letter is kept: older news help nobody.
const MAX_AGE: Duration = Duration::from_hours(6);
/// How often a letter is tried at most: a service that takes it but answers too late gets copies.
const MAX_ATTEMPTS: u32 = 12;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Letters to one provider.
    pub letters: usize,
    /// Bytes of letters to one provider.
    pub lane_bytes: usize,
    /// Bytes of all letters.
    pub bytes: usize,
}

/// What is known of a letter in memory.
#[derive(Debug)]
pub struct Slip {
    /// Its number in the journal.
    pub id: u64,
    /// Attempts so far.
    pub attempts: u32,
    envelope: Envelope,
    bytes: usize,
    /// How old it was when it came here, and when that was: whoever sets the clock makes no letter older.
    age: Duration,
    since: Instant,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The provider has it.
    Delivered,
    /// It will never get it.
    Failed,
    /// It may get it later.
    Later,
}

/// All lanes.
pub struct Lanes {
    limits: Limits,
    by_provider: HashMap<ObjectKey, Lane>,
    /// The lanes in the order in which they are served.
    round: VecDeque<ObjectKey>,
    letters: usize,
    bytes: usize,
    in_flight: usize,
    bytes_in_flight: usize,
    /// By namespace.
    busy: HashMap<Arc<str>, usize>,
}

#[derive(Default)]
struct Lane {
    /// Letters that wait, by topic. A topic that has a letter under way is here, too, and may have none waiting.
    topics: HashMap<u64, VecDeque<Slip>>,
    /// Topics whose next letter may go out.
    ready: VecDeque<u64>,
    letters: usize,
    bytes: usize,
    in_flight: usize,
    /// Whether the last attempt succeeded.
    works: bool,
    failures: u32,
    rests_until: Option<Instant>,
}

impl Lanes {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_provider: HashMap::new(),
            round: VecDeque::new(),
            letters: 0,
            bytes: 0,
            in_flight: 0,
            bytes_in_flight: 0,
            busy: HashMap::new(),
        }
    }

    /// The number of letters, those under way included.
    pub fn len(&self) -> usize {
        self.letters
    }

    /// Whether one more letter may wait for this provider.
    pub fn has_room(&self, provider: &ObjectKey, bytes: usize) -> bool {
        let lane = self.by_provider.get(provider);
        let (letters, used) = lane.map_or((0, 0), |lane| (lane.letters, lane.bytes));
        letters < self.limits.letters
            && used + bytes <= self.limits.lane_bytes
            && self.bytes + bytes <= self.limits.bytes
    }

    /// A letter waits.
    pub fn put(&mut self, envelope: Envelope, id: u64, bytes: usize) {
        let topic = envelope.topic;
        let age = envelope.posted.elapsed().unwrap_or_default();
        let slip = Slip { id, attempts: 0, envelope, bytes, age, since: Instant::now() };
        self.letters += 1;
        self.bytes += bytes;
        let provider = &slip.envelope.provider;
        let lane = self.by_provider.entry(provider.clone()).or_insert_with(|| {
            self.round.push_back(provider.clone());
            Lane::default()
        });
        lane.letters += 1;
        lane.bytes += bytes;
        if let Some(waiting) = lane.topics.get_mut(&topic) {
            waiting.push_back(slip);
        } else {
            lane.topics.insert(topic, VecDeque::from([slip]));
            lane.ready.push_back(topic);
        }
    }

    /// The letters to deliver now, and when to ask again if nothing happens before.
    pub fn due(&mut self, now: Instant) -> (Vec<Slip>, Option<Instant>) {
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        let mut idle = 0;
        // Round by round one letter of each lane, until none has one that may go out.
        while idle < self.round.len() && self.in_flight < IN_ALL && self.bytes_in_flight < BYTES_IN_FLIGHT {
            let Some(provider) = self.round.pop_front() else { break };
            let namespace = Arc::clone(&provider.namespace);
            let is_free = self.busy.get(&namespace).is_none_or(|busy| *busy < PER_NAMESPACE);
            let lane = self.by_provider.get_mut(&provider).filter(|_| is_free);
            let slip = lane.and_then(|lane| lane.next(now, &mut next));
            self.round.push_back(provider);
            match slip {
                Some(slip) => {
                    *self.busy.entry(namespace).or_default() += 1;
                    self.in_flight += 1;
                    self.bytes_in_flight += slip.bytes;
                    due.push(slip);
                    idle = 0;
                }
                None => idle += 1,
            }
        }
        (due, next)
    }

    /// An attempt ended. Whether the letter is still kept.
    pub fn conclude(&mut self, mut slip: Slip, outcome: Outcome, now: Instant) -> bool {
        slip.attempts += 1;
        self.in_flight -= 1;
        self.bytes_in_flight -= slip.bytes;
        let Envelope { provider, topic, .. } = slip.envelope.clone();
        if let Some(busy) = self.busy.get_mut(&provider.namespace) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&provider.namespace);
            }
        }
        let Some(lane) = self.by_provider.get_mut(&provider) else { return false };
        lane.in_flight -= 1;
        let later = outcome == Outcome::Later;
        lane.works = outcome == Outcome::Delivered;
        if later {
            lane.failures += 1;
            lane.rests_until = Some(now + rest(lane.failures));
        } else {
            lane.failures = 0;
            lane.rests_until = None;
        }
        let kept = later && slip.has_a_chance();
        let waiting = lane.topics.entry(topic).or_default();
        if kept {
            waiting.push_front(slip);
        } else {
            lane.letters -= 1;
            lane.bytes -= slip.bytes;
            self.letters -= 1;
            self.bytes -= slip.bytes;
        }
        if waiting.is_empty() {
            lane.topics.remove(&topic);
        } else {
            lane.ready.push_back(topic);
        }
        if lane.letters == 0 {
            self.by_provider.remove(&provider);
            self.round.retain(|other| *other != provider);
        }
        kept
    }
}

impl Slip {
    /// Whether it is worth another attempt.
    pub fn has_a_chance(&self) -> bool {
        self.attempts < MAX_ATTEMPTS && self.age + self.since.elapsed() < MAX_AGE
    }
}

impl Lane {
    fn next(&mut self, now: Instant, next: &mut Option<Instant>) -> Option<Slip> {
        if self.ready.is_empty() {
            return None;
        }
        if let Some(until) = self.rests_until
            && until > now
        {
            *next = Some(next.map_or(until, |next| next.min(until)));
            return None;
        }
        // Until one letter has arrived, the others wait for how it goes.
        let limit = if self.works { PER_LANE } else { 1 };
        if self.in_flight >= limit {
            return None;
        }
        let topic = self.ready.pop_front()?;
        let slip = self.topics.get_mut(&topic)?.pop_front()?;
        self.in_flight += 1;
        Some(slip)
    }
}

fn rest(failures: u32) -> Duration {
    FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use std::{
        hash::{DefaultHasher, Hash, Hasher},
        time::SystemTime,
    };

    use super::*;

    const LIMITS: Limits = Limits { letters: 100, lane_bytes: 1 << 20, bytes: 1 << 20 };

    fn envelope(provider: &str, topic: impl Hash) -> Envelope {
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        let (namespace, name) = provider.split_once('/').unwrap_or(("ns", provider));
        Envelope {
            provider: ObjectKey::new(namespace, name),
            topic: hasher.finish(),
            posted: SystemTime::now(),
        }
    }

    fn ids(slips: &[Slip]) -> Vec<u64> {
        slips.iter().map(|slip| slip.id).collect()
    }

    /// Lanes to a provider that has taken a letter.
    fn working(provider: &str, now: Instant) -> Lanes {
        let mut lanes = Lanes::new(LIMITS);
        lanes.put(envelope(provider, "first"), 1000, 10);
        lanes.put(envelope(provider, "first"), 1001, 10);
        let slip = lanes.due(now).0.remove(0);
        lanes.conclude(slip, Outcome::Delivered, now);
        lanes
    }

    #[test]
    fn letters_about_one_object_keep_their_order() {
        let now = Instant::now();
        let mut lanes = working("p", now);
        for (id, topic) in ["a", "a", "b", "a"].iter().enumerate() {
            lanes.put(envelope("p", topic), id as u64, 10);
        }
        let (mut due, _) = lanes.due(now);
        assert_eq!(ids(&due), [1001, 0, 2]);
        assert!(lanes.due(now).0.is_empty());
        assert!(!lanes.conclude(due.remove(1), Outcome::Delivered, now));
        assert_eq!(ids(&lanes.due(now).0), [1]);
    }

    #[test]
    fn a_dead_provider_rests_and_delays_nobody() {
        let mut lanes = Lanes::new(LIMITS);
        let now = Instant::now();
        for id in 0..20 {
            lanes.put(envelope("dead", id), id, 10);
        }
        lanes.put(envelope("live", "x"), 99, 10);
        let (due, _) = lanes.due(now);
        assert_eq!(ids(&due), [0, 99]);
        for slip in due {
            let outcome = if slip.id == 99 { Outcome::Delivered } else { Outcome::Later };
            lanes.conclude(slip, outcome, now);
        }
        let (due, next) = lanes.due(now);
        assert!(due.is_empty());
        let next = next.unwrap();
        assert_eq!(next, now + FIRST_REST);
        lanes.put(envelope("live", "x"), 100, 10);
        assert_eq!(ids(&lanes.due(now).0), [100]);
        // One letter tries; when it arrives, the others follow at once.
        let (mut due, _) = lanes.due(next);
        assert_eq!(due.len(), 1);
        lanes.conclude(due.remove(0), Outcome::Delivered, next);
        assert_eq!(lanes.due(next).0.len(), PER_LANE);
    }

    #[test]
    fn a_namespace_of_hanging_providers_slows_down_itself_only() {
        let mut lanes = Lanes::new(LIMITS);
        let now = Instant::now();
        for id in 0..2 * PER_NAMESPACE as u64 {
            lanes.put(envelope(&format!("evil/{id}"), "x"), id, 10);
        }
        lanes.put(envelope("good/p", "x"), 999, 10);
        let (due, _) = lanes.due(now);
        assert_eq!(due.len(), PER_NAMESPACE + 1);
        assert!(ids(&due).contains(&999));
        for slip in due {
            lanes.conclude(slip, Outcome::Failed, now);
        }
        assert_eq!(lanes.due(now).0.len(), PER_NAMESPACE);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut lanes = Lanes::new(LIMITS);
        let provider = ObjectKey::new("ns", "p");
        for id in 0..100 {
            assert!(lanes.has_room(&provider, 10));
            lanes.put(envelope("p", "x"), id, 10);
        }
        assert!(!lanes.has_room(&provider, 10));
        assert!(lanes.has_room(&ObjectKey::new("ns", "q"), 10));
        assert!(!lanes.has_room(&ObjectKey::new("ns", "q"), 2 << 20));
    }

    #[test]
    fn old_and_hopeless_letters_are_given_up() {
        let mut lanes = Lanes::new(LIMITS);
        let mut now = Instant::now();
        let mut old = envelope("p", "x");
        old.posted = SystemTime::now() - MAX_AGE;
        lanes.put(old, 0, 10);
        let slip = lanes.due(now).0.remove(0);
        assert!(!lanes.conclude(slip, Outcome::Later, now));
        assert_eq!((lanes.len(), lanes.by_provider.len(), lanes.bytes, lanes.busy.len()), (0, 0, 0, 0));

        lanes.put(envelope("p", "x"), 1, 10);
        for attempt in 1..=MAX_ATTEMPTS {
            now += LONGEST_REST;
            let slip = lanes.due(now).0.remove(0);
            assert_eq!(lanes.conclude(slip, Outcome::Later, now), attempt < MAX_ATTEMPTS);
        }
    }
}
