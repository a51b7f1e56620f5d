//! Worker slots: how many objects of a kind are worked on at once.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// The slots of a controller.
#[derive(Clone)]
pub(crate) struct Slots {
    count: usize,
    semaphore: Arc<Semaphore>,
    active: Gauge,
    line: Line,
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
        Self { count, semaphore: Arc::new(Semaphore::new(count)), active, line: Line::default() }
    }

    /// Waits for a free slot, first come, first served.
    pub async fn take(&self) -> Slot {
        Slot { slots: self.clone(), held: Mutex::new(self.acquire().await) }
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
    /// Whether another round of turns waits behind those that go on: `due` that have not begun, and those in line.
    pub fn is_crowded(&self, due: usize) -> bool {
        due + self.slots.line.0.load(Ordering::Relaxed) >= self.slots.count
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
