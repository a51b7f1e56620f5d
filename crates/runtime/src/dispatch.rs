//! The loop that gives due objects to workers.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    queue::{Next, Queue, Turn},
    slot::{Slot, Slots},
};

/// Works on due objects until cancelled; then waits up to `grace` for the turns that are going on.
///
/// `work` must not panic: whatever it runs is caught inside of it.
pub(crate) async fn run<W, F>(
    queue: Arc<Queue>,
    slots: Slots,
    work: W,
    cancel: CancellationToken,
    grace: Duration,
) where
    W: Fn(Turn, Slot) -> F + Clone + Send + 'static,
    F: Future<Output = Next> + Send + 'static,
{
    let mut turns = JoinSet::new();
    // An object first, then a slot: an idle loop must not hold a slot that a parked turn waits for.
    let free_slot = || async {
        queue.ready().await;
        slots.take().await
    };
    // Kept from turn to turn, so as not to lose its place among those that wait for a slot.
    let mut next_slot = std::pin::pin!(free_slot());
    loop {
        let slot = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            slot = &mut next_slot => slot,
            Some(_) = turns.join_next() => continue,
        };
        next_slot.set(free_slot());
        if let Some(turn) = queue.pop() {
            let key = turn.key.clone();
            let queue = Arc::clone(&queue);
            let work = work.clone();
            turns.spawn(async move {
                // Made in here: moved in, it would have its place in this future twice.
                let next = work(turn, slot).await;
                queue.finish(&key, next);
            });
        }
    }
    queue.shut_down();
    let all = async { while turns.join_next().await.is_some() {} };
    if timeout(grace, all).await.is_err() {
        tracing::warn!(running = turns.len(), "reconciliations did not end in time, aborting them");
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
