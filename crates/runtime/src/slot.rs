//! Worker slots: how many objects of a kind are worked on at once.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::sync::lock;

/// The slots of a controller.
#[derive(Clone)]
pub(crate) struct Slots {
    count: usize,
    semaphore: Arc<Semaphore>,
    active: Gauge,
    line: Line,
    starts: Arc<Mutex<Starts>>,
}

/// How many turns that begin within [`RUSH_TIME`] make a rush, however few workers there are.
const RUSH: usize = 20;
/// See [`RUSH`].
const RUSH_TIME: Duration = Duration::from_secs(2);

/// When the last turns began: as many as make a rush.
struct Starts {
    enough: usize,
    times: VecDeque<Instant>,
}

impl Starts {
    fn new(enough: usize) -> Self {
        Self { enough, times: VecDeque::with_capacity(enough) }
    }

    fn record(&mut self, now: Instant) {
        if self.times.len() == self.enough {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }

    fn is_rush(&self, now: Instant) -> bool {
        self.times.len() == self.enough && self.times.front().is_some_and(|first| now - *first < RUSH_TIME)
    }
}

/// How many turns that have begun wait for one another.
#[derive(Clone, Default)]
struct Line(Arc<AtomicUsize>);

/// A place in the line, given up when dropped.
struct Place(Line);

impl Line {
    fn stand(&self) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    pub fn new(count: usize, active: Gauge) -> Self {
        let count = count.max(1);
        let starts = Arc::new(Mutex::new(Starts::new(count.max(RUSH))));
        Self { count, semaphore: Arc::new(Semaphore::new(count)), active, line: Line::default(), starts }
    }

    /// Waits for a free slot, first come, first served.
    pub async fn take(&self) -> Slot {
        let held = Mutex::new(self.acquire().await);
        lock(&self.starts).record(Instant::now());
        Slot { slots: self.clone(), held }
    }

    async fn acquire(&self) -> Option<Held> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        self.active.inc();
        Some(Held { _permit: permit, active: self.active.clone() })
    }
}

/// A slot, given back when dropped.
pub(crate) struct Slot {
    slots: Slots,
    held: Mutex<Option<Held>>,
}

struct Held {
    _permit: OwnedSemaphorePermit,
    active: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.active.dec();
    }
}

impl Slot {
    /// Whether many turns go on or wait: another round behind those that go on (`due` that have not begun, and those in
    /// line), or as many as there are workers, and no fewer than twenty, that began within two seconds.
    pub fn is_crowded(&self, due: usize) -> bool {
        due + self.slots.line.0.load(Ordering::Relaxed) >= self.slots.count
            || lock(&self.slots.starts).is_rush(Instant::now())
    }

    /// Counts as one that waits for others while `future` runs.
    pub async fn stand_in_line<F: Future>(&self, future: F) -> F::Output {
        let _place = self.slots.line.stand();
        future.await
    }

    /// Gives the slot back while `future` runs and waits for one again afterwards.
    pub async fn park<F: Future>(&self, future: F) -> F::Output {
        let held = lock(&self.held).take();
        let nested = held.is_none();
        drop(held);
        let output = future.await;
        if !nested {
            let held = self.stand_in_line(self.slots.acquire()).await;
            *lock(&self.held) = held;
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_starts_in_a_short_time_are_a_rush() {
        let begin = Instant::now();
        let mut starts = Starts::new(3);
        for millis in [0, 100] {
            starts.record(begin + Duration::from_millis(millis));
        }
        assert!(!starts.is_rush(begin + Duration::from_millis(100)));
        starts.record(begin + Duration::from_millis(900));
        assert!(starts.is_rush(begin + Duration::from_millis(1900)));
        assert!(!starts.is_rush(begin + Duration::from_secs(2)));
        starts.record(begin + Duration::from_millis(2050));
        assert!(starts.is_rush(begin + Duration::from_millis(2099)));
    }
}
