//! Delivers alerts to providers, and keeps them until that succeeded: a dead provider or a restart loses none.
//!
//! Letters wait in a [journal](journal) on disk; memory holds a few bytes for each. Every provider has a
//! [lane](lanes) of its own, so that a dead one delays nobody else.

mod commit_status;
mod journal;
mod lanes;
mod letter;
mod sender;
mod settings;

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use sluice_runtime::{BoxError, Metrics, Task};
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{
    journal::Journal,
    lanes::{Lanes, Outcome, Slip},
};
pub use self::{letter::Letter, sender::Sender, settings::asker};
use crate::sync::lock;

/// How long deliveries may go on at the end.
const GRACE: Duration = Duration::from_secs(4);

/// The letters that wait.
pub struct Outbox {
    journal: Mutex<Journal>,
    lanes: Mutex<Lanes>,
    wake: Notify,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    waiting: Gauge,
    delivered: Counter,
    failed: Counter,
    refused: Counter,
}

impl Counts {
    fn register(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(
            "sluice_outbox_waiting",
            "Alerts that wait for their provider.",
            own.waiting.clone(),
        );
        metrics.register("sluice_outbox_delivered", "Alerts that were delivered.", own.delivered.clone());
        metrics.register("sluice_outbox_failed", "Alerts that were given up.", own.failed.clone());
        metrics.register(
            "sluice_outbox_refused",
            "Alerts that were not taken because too many wait for their provider.",
            own.refused.clone(),
        );
        own
    }
}

impl Outbox {
    /// Opens the outbox in a folder, with what it holds from before; if that fails, or without a folder, one in memory.
    /// The task delivers.
    pub fn open(folder: &Path, sender: Sender, metrics: &Metrics) -> (Arc<Self>, Task) {
        let (journal, letters) = Journal::open(folder);
        let mut lanes = Lanes::new(journal.limits());
        if !letters.is_empty() {
            tracing::info!(count = letters.len(), "alerts from before the start wait in the outbox");
        }
        for letter in letters {
            lanes.put(letter.envelope, letter.id, letter.bytes);
        }
        let outbox = Arc::new(Self {
            journal: Mutex::new(journal),
            lanes: Mutex::new(lanes),
            wake: Notify::new(),
            counts: Counts::register(metrics),
        });
        outbox.counts.waiting.set(lock(&outbox.lanes).len() as i64);
        let runner = Arc::clone(&outbox);
        let task = Task::new("outbox", |cancel| runner.run(Arc::new(sender), cancel)).on_every_replica();
        (outbox, task)
    }

    /// Takes a letter, to be delivered in the background. Returns when it would survive a restart.
    pub async fn put(self: &Arc<Self>, letter: Letter) {
        let outbox = Arc::clone(self);
        // The disk may be slow: not on a thread that others need.
        if let Err(error) = tokio::task::spawn_blocking(move || outbox.store(&letter)).await {
            tracing::error!(%error, "an alert could not be put into the outbox");
        }
    }

    fn store(&self, letter: &Letter) {
        let body = letter.encode();
        let bytes = body.len();
        if !lock(&self.lanes).has_room(&letter.provider, bytes) {
            self.counts.refused.inc();
            tracing::error!(provider = %letter.provider, "too many alerts wait for this provider: a new one is dropped");
            return;
        }
        let id = lock(&self.journal).append(body);
        let mut lanes = lock(&self.lanes);
        lanes.put(letter.envelope(), id, bytes);
        self.counts.waiting.set(lanes.len() as i64);
        drop(lanes);
        self.wake.notify_one();
    }

    async fn run(self: Arc<Self>, sender: Arc<Sender>, cancel: CancellationToken) -> Result<(), BoxError> {
        if cancel.run_until_cancelled(sender.ready()).await.is_none() {
            return Ok(());
        }
        let mut deliveries = JoinSet::new();
        loop {
            let (due, next) = lock(&self.lanes).due(Instant::now());
            for slip in due {
                deliveries.spawn(Arc::clone(&self).deliver(Arc::clone(&sender), slip));
            }
            let rest = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.wake.notified() => {}
                () = rest => {}
                Some(_) = deliveries.join_next() => {}
            }
        }
        let rest = async { while deliveries.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("some alerts were not delivered before the end; they wait in the outbox");
        }
        Ok(())
    }

    /// One attempt at one letter.
    async fn deliver(self: Arc<Self>, sender: Arc<Sender>, slip: Slip) {
        let id = slip.id;
        let outbox = Arc::clone(&self);
        let body = tokio::task::spawn_blocking(move || lock(&outbox.journal).read(id)).await;
        let letter = body.ok().flatten().and_then(|body| Letter::decode(&body));
        let outcome = if let Some(letter) = letter {
            let attempt = AssertUnwindSafe(sender.send(&letter, slip.attempts)).catch_unwind();
            attempt.await.unwrap_or(Outcome::Failed)
        } else {
            tracing::error!("an alert in the outbox cannot be read and is dropped");
            Outcome::Failed
        };
        self.conclude(slip, outcome).await;
        self.wake.notify_one();
    }

    async fn conclude(self: &Arc<Self>, slip: Slip, outcome: Outcome) {
        let id = slip.id;
        let kept = {
            let mut lanes = lock(&self.lanes);
            let kept = lanes.conclude(slip, outcome, Instant::now());
            self.counts.waiting.set(lanes.len() as i64);
            kept
        };
        if kept {
            return;
        }
        match outcome {
            Outcome::Delivered => self.counts.delivered.inc(),
            _ => self.counts.failed.inc(),
        };
        let outbox = Arc::clone(self);
        // Only a panic could fail it, and that is logged.
        let _ = tokio::task::spawn_blocking(move || lock(&outbox.journal).remove(id)).await;
    }
}
