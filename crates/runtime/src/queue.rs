//! Which object is worked on next: once at a time, fairly per namespace, later after failures.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{Backoff, Cause, ObjectKey, Trigger, metrics::QueueMetrics, sync::lock};

/// A queue of the objects of one kind.
///
/// An object is in it once: a trigger for one that waits makes it ready, one for a ready object adds nothing,
/// and one for an object that is worked on makes it ready again as soon as that pass ends.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    backoff: Backoff,
    kind: Cow<'static, str>,
    metrics: QueueMetrics,
}

#[derive(Default)]
struct State {
    entries: HashMap<ObjectKey, Entry>,
    ready: Rotation,
    timers: BTreeSet<(Instant, ObjectKey)>,
}

struct Entry {
    phase: Phase,
    /// Failures in a row.
    failures: u32,
    /// Wishes in a row to run again at once.
    repeats: u32,
}

enum Phase {
    /// Nothing to do until then, or until a trigger.
    Waiting {
        until: Option<Instant>,
    },
    Ready {
        trigger: Trigger,
        since: Instant,
    },
    Running {
        preempt: watch::Sender<Option<Trigger>>,
        since: Instant,
        deleted: bool,
    },
}

/// One turn at an object.
pub(crate) struct Turn {
    pub key: ObjectKey,
    pub trigger: Trigger,
    /// Holds the first trigger that came in since the turn began.
    pub preempted: watch::Receiver<Option<Trigger>>,
}

/// What to do with an object after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for a trigger.
    Idle,
    /// Run again after this time at the latest.
    After(Duration),
    /// Run again at once; repeated wishes are slowed down as failures are.
    Now,
    /// Run again after the backoff.
    Backoff,
    /// Forget the object: it does not exist.
    Gone,
}

impl Queue {
    pub fn new(kind: impl Into<Cow<'static, str>>, backoff: Backoff, metrics: QueueMetrics) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), wake: Notify::new(), backoff, kind: kind.into(), metrics })
    }

    /// Makes an object due now.
    pub fn add(&self, key: &ObjectKey, trigger: Trigger) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let entry = state.entries.entry(key.clone()).or_insert_with(Entry::idle);
        match &mut entry.phase {
            Phase::Ready { .. } => return,
            Phase::Running { preempt, deleted, .. } => {
                *deleted = false;
                preempt.send_if_modified(|first| {
                    let none_yet = first.is_none();
                    first.get_or_insert(trigger);
                    none_yet
                });
                return;
            }
            Phase::Waiting { until } => {
                if let Some(until) = until.take() {
                    state.timers.remove(&(until, key.clone()));
                }
            }
        }
        entry.phase = Phase::Ready { trigger, since: Instant::now() };
        state.ready.push(key);
        self.metrics.adds.inc();
        self.metrics.depth.set(state.ready.len as i64);
        drop(guard);
        self.wake.notify_one();
    }

    /// Drops an object that no longer exists. A turn at it is told.
    pub fn forget(&self, key: &ObjectKey) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let Some(entry) = state.entries.get_mut(key) else { return };
        match &mut entry.phase {
            Phase::Running { preempt, deleted, .. } => {
                *deleted = true;
                preempt.send_replace(Some(Trigger::new(Cause::Deletion, self.kind.clone(), key.clone())));
                return;
            }
            Phase::Waiting { until: Some(until) } => {
                state.timers.remove(&(*until, key.clone()));
            }
            Phase::Waiting { until: None } => {}
            Phase::Ready { .. } => {
                state.ready.remove(key);
                self.metrics.depth.set(state.ready.len as i64);
            }
        }
        state.entries.remove(key);
    }

    /// How many objects are due and wait for a worker.
    pub fn due(&self) -> usize {
        lock(&self.state).ready.len
    }

    /// Tells every turn that is going on to come to an end.
    pub fn shut_down(&self) {
        for (key, entry) in &lock(&self.state).entries {
            if let Phase::Running { preempt, .. } = &entry.phase {
                preempt.send_replace(Some(Trigger::new(Cause::Shutdown, self.kind.clone(), key.clone())));
            }
        }
    }

    /// Waits until an object is due.
    pub async fn ready(&self) {
        loop {
            let next = {
                let mut state = lock(&self.state);
                self.promote_due(&mut state);
                if state.ready.len > 0 {
                    return;
                }
                state.timers.first().map(|(at, _)| *at)
            };
            match next {
                Some(at) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// Begins a turn at the next due object.
    pub fn pop(&self) -> Option<Turn> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        self.promote_due(state);
        let key = state.ready.pop()?;
        self.metrics.depth.set(state.ready.len as i64);
        let entry = state.entries.get_mut(&key)?;
        let (preempt, preempted) = watch::channel(None);
        let now = Instant::now();
        let running = Phase::Running { preempt, since: now, deleted: false };
        match std::mem::replace(&mut entry.phase, running) {
            Phase::Ready { trigger, since } => {
                self.metrics.queue_duration.observe((now - since).as_secs_f64());
                Some(Turn { key, trigger, preempted })
            }
            // Only ready objects are in the rotation.
            other => {
                entry.phase = other;
                None
            }
        }
    }

    /// Ends a turn. Returns how long the object waits if nothing happens, or `None` for ever.
    pub fn finish(&self, key: &ObjectKey, next: Next) -> Option<Duration> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let entry = state.entries.get_mut(key)?;
        let Phase::Running { preempt, since, deleted } = &entry.phase else { return None };
        let now = Instant::now();
        self.metrics.work_duration.observe((now - *since).as_secs_f64());
        let pending = preempt.borrow().clone().filter(|trigger| trigger.cause != Cause::Shutdown);
        if *deleted || next == Next::Gone && pending.is_none() {
            state.entries.remove(key);
            return None;
        }
        let delay = entry.delay(next, self.backoff);
        if matches!(next, Next::Now | Next::Backoff) {
            self.metrics.retries.inc();
        }
        let delay = if pending.is_some() { Some(Duration::ZERO) } else { delay };
        match delay {
            Some(Duration::ZERO) => {
                let trigger =
                    pending.unwrap_or_else(|| Trigger::new(Cause::Due, self.kind.clone(), key.clone()));
                entry.phase = Phase::Ready { trigger, since: now };
                state.ready.push(key);
                self.metrics.adds.inc();
                self.metrics.depth.set(state.ready.len as i64);
                drop(guard);
                self.wake.notify_one();
            }
            Some(delay) => {
                let until = now + delay;
                entry.phase = Phase::Waiting { until: Some(until) };
                state.timers.insert((until, key.clone()));
                drop(guard);
                // The new timer may be the first one.
                self.wake.notify_one();
            }
            None => entry.phase = Phase::Waiting { until: None },
        }
        delay
    }

    fn promote_due(&self, state: &mut State) {
        let now = Instant::now();
        while let Some((at, _)) = state.timers.first()
            && *at <= now
            && let Some((_, key)) = state.timers.pop_first()
        {
            if let Some(entry) = state.entries.get_mut(&key) {
                let trigger = Trigger::new(Cause::Due, self.kind.clone(), key.clone());
                entry.phase = Phase::Ready { trigger, since: now };
                state.ready.push(&key);
                self.metrics.adds.inc();
            }
        }
        self.metrics.depth.set(state.ready.len as i64);
    }
}

impl Entry {
    fn idle() -> Self {
        Self { phase: Phase::Waiting { until: None }, failures: 0, repeats: 0 }
    }

    /// Counts the outcome and says how long to wait.
    fn delay(&mut self, next: Next, backoff: Backoff) -> Option<Duration> {
        let (failures, repeats) = (self.failures, self.repeats);
        (self.failures, self.repeats) = match next {
            Next::Backoff => (failures.saturating_add(1), 0),
            Next::Now => (failures, repeats.saturating_add(1)),
            Next::Idle | Next::After(_) | Next::Gone => (0, 0),
        };
        match next {
            Next::Idle | Next::Gone => None,
            Next::After(delay) => Some(delay),
            Next::Now if repeats == 0 => Some(Duration::ZERO),
            Next::Now => Some(backoff.delay(repeats - 1)),
            Next::Backoff => Some(backoff.delay(failures)),
        }
    }
}

/// Takes turns between namespaces, so that one with many due objects does not hold up the others.
#[derive(Default)]
struct Rotation {
    namespaces: VecDeque<Arc<str>>,
    keys: HashMap<Arc<str>, VecDeque<ObjectKey>>,
    len: usize,
}

impl Rotation {
    fn push(&mut self, key: &ObjectKey) {
        let keys = self.keys.entry(Arc::clone(&key.namespace)).or_default();
        if keys.is_empty() {
            self.namespaces.push_back(Arc::clone(&key.namespace));
        }
        keys.push_back(key.clone());
        self.len += 1;
    }

    fn pop(&mut self) -> Option<ObjectKey> {
        let namespace = self.namespaces.pop_front()?;
        let keys = self.keys.get_mut(&namespace)?;
        let key = keys.pop_front()?;
        self.len -= 1;
        if keys.is_empty() {
            self.keys.remove(&namespace);
        } else {
            self.namespaces.push_back(namespace);
        }
        Some(key)
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(keys) = self.keys.get_mut(&key.namespace) else { return };
        let before = keys.len();
        keys.retain(|other| other != key);
        self.len -= before - keys.len();
        if keys.is_empty() {
            self.keys.remove(&key.namespace);
            self.namespaces.retain(|namespace| *namespace != key.namespace);
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
