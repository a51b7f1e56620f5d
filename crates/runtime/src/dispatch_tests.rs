use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::*;
use crate::{Backoff, Cause, ObjectKey, Trigger, metrics::QueueMetrics, sync::lock};

const GRACE: Duration = Duration::from_secs(5);

struct Rig {
    queue: Arc<Queue>,
    slots: Slots,
    active: Gauge,
    cancel: CancellationToken,
}

impl Rig {
    fn new(concurrency: usize) -> Self {
        let backoff = Backoff { min: Duration::from_millis(750), max: Duration::from_mins(15) };
        let active = Gauge::default();
        Self {
            queue: Queue::new("Kind", backoff, QueueMetrics::default()),
            slots: Slots::new(concurrency, active.clone()),
            active,
            cancel: CancellationToken::new(),
        }
    }

    fn add(&self, name: &str) {
        let key = ObjectKey::new("ns", name);
        self.queue.add(&key, Trigger::new(Cause::Spec, "Kind", key.clone()));
    }

    fn start<W, F>(&self, work: W) -> tokio::task::JoinHandle<()>
    where
        W: Fn(Turn, Slot) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Next> + Send + 'static,
    {
        tokio::spawn(run(self.queue.clone(), self.slots.clone(), work, self.cancel.clone(), GRACE))
    }
}

#[tokio::test(start_paused = true)]
async fn never_more_than_the_concurrency_at_once() {
    let rig = Rig::new(3);
    for n in 0..20 {
        rig.add(&n.to_string());
    }
    let (now, most, done) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    rig.start({
        let (now, most, done) = (now.clone(), most.clone(), done.clone());
        move |_turn, slot| {
            let (now, most, done) = (now.clone(), most.clone(), done.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                drop(slot);
                Next::Idle
            }
        }
    });
    sleep(Duration::from_millis(7500)).await;
    assert_eq!((most.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (3, 20));
    assert_eq!(rig.active.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_turns_hold_no_slot() {
    let rig = Rig::new(1);
    for n in 0..1000 {
        rig.add(&n.to_string());
    }
    let healthy = Arc::new(Notify::new());
    let (waiting, through) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    rig.start({
        let (healthy, waiting, through) = (healthy.clone(), waiting.clone(), through.clone());
        move |_turn, slot| {
            let (healthy, waiting, through) = (healthy.clone(), waiting.clone(), through.clone());
            async move {
                slot.park(async {
                    let notified = healthy.notified();
                    waiting.fetch_add(1, Ordering::SeqCst);
                    notified.await;
                })
                .await;
                through.fetch_add(1, Ordering::SeqCst);
                Next::Idle
            }
        }
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(waiting.load(Ordering::SeqCst), 1000);
    assert_eq!(rig.active.get(), 0);
    healthy.notify_waiters();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(through.load(Ordering::SeqCst), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_parked_turn_takes_a_slot_again_while_the_queue_is_empty() {
    let rig = Rig::new(1);
    rig.add("a");
    let ended = Arc::new(Mutex::new(None));
    rig.start({
        let ended = ended.clone();
        move |_turn, slot| {
            let ended = ended.clone();
            async move {
                slot.park(sleep(Duration::from_secs(3))).await;
                *lock(&ended) = Some(Instant::now());
                Next::Idle
            }
        }
    });
    let start = Instant::now();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((*lock(&ended)).unwrap() - start, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn turns_are_told_of_the_end_and_those_that_do_not_listen_are_aborted() {
    let rig = Rig::new(2);
    rig.add("listens");
    rig.add("stubborn");
    let told = Arc::new(AtomicUsize::new(0));
    let running = rig.start({
        let told = told.clone();
        move |mut turn: Turn, _slot| {
            let told = told.clone();
            async move {
                if &*turn.key.name == "stubborn" {
                    sleep(Duration::from_hours(1)).await;
                }
                if turn.preempted.wait_for(Option::is_some).await.is_ok() {
                    told.fetch_add(1, Ordering::SeqCst);
                }
                Next::Idle
            }
        }
    });
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    rig.cancel.cancel();
    running.await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!(start.elapsed(), GRACE);
}
