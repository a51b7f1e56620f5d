//! Worker slots: how many objects of a kind are worked on at once.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// The slots of a controller.
#[derive(Clone)]
pub(crate) struct Slots {
    semaphore: Arc<Semaphore>,
    active: Gauge,
}

impl Slots {
    pub fn new(count: usize, active: Gauge) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(count.max(1))), active }
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
    /// Gives the slot back while `future` runs and waits for one again afterwards.
    pub async fn park<F: Future>(&self, future: F) -> F::Output {
        let held = lock(&self.held).take();
        let nested = held.is_none();
        drop(held);
        let output = future.await;
        if !nested {
            let held = self.slots.acquire().await;
            *lock(&self.held) = held;
        }
        output
    }
}
