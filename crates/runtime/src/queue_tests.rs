use super::*;

const BACKOFF: Backoff = Backoff { min: Duration::from_millis(750), max: Duration::from_mins(15) };

fn queue() -> Arc<Queue> {
    Queue::new("Kind", BACKOFF, QueueMetrics::default())
}

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

fn spec(key: &ObjectKey) -> Trigger {
    Trigger::new(Cause::Spec, "Kind", key.clone())
}

fn add(queue: &Queue, key: &ObjectKey) {
    queue.add(key, spec(key));
}

/// Seconds of paused time until the next object is due.
async fn wait(queue: &Queue) -> f64 {
    let start = Instant::now();
    queue.ready().await;
    start.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn an_object_is_queued_once_and_never_worked_on_twice_at_once() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    add(&queue, &a);
    assert_eq!(queue.pop().unwrap().key, a);
    assert!(queue.pop().is_none());
    add(&queue, &a);
    assert!(queue.pop().is_none(), "a turn at it is going on");
    assert_eq!(queue.finish(&a, Next::Idle), Some(Duration::ZERO));
    assert_eq!(queue.pop().unwrap().trigger.cause, Cause::Spec);
    assert_eq!(queue.finish(&a, Next::Idle), None);
    assert!(queue.pop().is_none());
}

#[tokio::test(start_paused = true)]
async fn delays_are_exact_and_cut_short_by_triggers() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    queue.pop().unwrap();
    queue.finish(&a, Next::After(Duration::from_mins(1)));
    let waited = wait(&queue).await;
    assert!((60.0..60.01).contains(&waited), "{waited}");
    assert_eq!(queue.pop().unwrap().trigger.cause, Cause::Due);
    queue.finish(&a, Next::After(Duration::from_mins(1)));
    add(&queue, &a);
    assert!(wait(&queue).await < 0.01);
    queue.pop().unwrap();
    queue.finish(&a, Next::Idle);
    assert!(
        tokio::time::timeout(Duration::from_mins(10), queue.ready()).await.is_err(),
        "the old timer is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trigger_wakes_a_waiting_worker_and_an_earlier_timer_wins() {
    let (queue, a, b) = (queue(), key("ns", "a"), key("ns", "b"));
    add(&queue, &a);
    add(&queue, &b);
    queue.pop().unwrap();
    queue.pop().unwrap();
    queue.finish(&a, Next::After(Duration::from_secs(100)));
    let task = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { wait(&queue).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.finish(&b, Next::After(Duration::from_secs(2)));
    let waited = task.await.unwrap();
    assert!((3.0..3.01).contains(&waited), "{waited}");
    assert_eq!(queue.pop().unwrap().key, b);
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_per_object_and_success_resets() {
    let (queue, a, b) = (queue(), key("ns", "a"), key("ns", "b"));
    add(&queue, &a);
    let mut delays = Vec::new();
    for next in
        [Next::Backoff, Next::Backoff, Next::Backoff, Next::After(Duration::from_secs(1)), Next::Backoff]
    {
        queue.ready().await;
        assert_eq!(queue.pop().unwrap().key, a);
        delays.push(queue.finish(&a, next).unwrap().as_millis());
    }
    assert_eq!(delays, [750, 1500, 3000, 1000, 750]);
    add(&queue, &b);
    queue.pop().unwrap();
    assert_eq!(queue.finish(&b, Next::Backoff).unwrap().as_millis(), 750);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_during_failures_does_not_reset_the_backoff() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    for expected in [750, 1500, 3000] {
        queue.pop().unwrap();
        assert_eq!(queue.finish(&a, Next::Backoff).unwrap().as_millis(), expected);
        add(&queue, &a);
    }
}

#[tokio::test(start_paused = true)]
async fn running_again_at_once_cannot_spin() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    let mut delays = Vec::new();
    for _ in 0..4 {
        queue.ready().await;
        queue.pop().unwrap();
        delays.push(queue.finish(&a, Next::Now).unwrap().as_millis());
    }
    assert_eq!(delays, [0, 750, 1500, 3000]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns() {
    let queue = queue();
    for n in 0..1000 {
        add(&queue, &key("big", &format!("{n:04}")));
    }
    add(&queue, &key("small", "x"));
    add(&queue, &key("tiny", "y"));
    let order: Vec<_> = (0..5).map(|_| queue.pop().unwrap().key.to_string()).collect();
    assert_eq!(order, ["big/0000", "small/x", "tiny/y", "big/0001", "big/0002"]);
    assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 997);
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_told_of_the_first_trigger_that_came_in() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    let mut turn = queue.pop().unwrap();
    assert!(turn.preempted.borrow().is_none());
    queue.add(&a, Trigger::new(Cause::Related, "GitRepository", key("ns", "repo")));
    add(&queue, &a);
    let first = turn.preempted.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!(first.to_string(), "GitRepository/ns/repo");
}

#[tokio::test(start_paused = true)]
async fn deleted_objects_leave_nothing_behind() {
    let queue = queue();
    let (idle, ready, running) = (key("ns", "idle"), key("ns", "ready"), key("ns", "running"));
    add(&queue, &running);
    let turn = queue.pop().unwrap();
    add(&queue, &idle);
    queue.pop().unwrap();
    queue.finish(&idle, Next::After(Duration::from_secs(9)));
    add(&queue, &ready);
    for key in [&idle, &ready, &running] {
        queue.forget(key);
    }
    assert_eq!(turn.preempted.borrow().as_ref().unwrap().cause, Cause::Deletion);
    assert_eq!(queue.finish(&running, Next::Backoff), None);
    let state = lock(&queue.state);
    assert!(state.entries.is_empty() && state.timers.is_empty() && state.ready.len == 0);
    assert!(state.ready.keys.is_empty() && state.ready.namespaces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_created_again_during_its_last_turn_is_worked_on() {
    let (queue, a) = (queue(), key("ns", "a"));
    add(&queue, &a);
    queue.pop().unwrap();
    queue.forget(&a);
    queue.add(&a, Trigger::new(Cause::Created, "Kind", a.clone()));
    queue.finish(&a, Next::Idle);
    assert_eq!(queue.pop().unwrap().key, a);
}
