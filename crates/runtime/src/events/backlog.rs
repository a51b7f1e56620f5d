//! A bounded queue that drops its oldest items: the newest state matters most to whoever receives events late.

use std::{collections::VecDeque, sync::Mutex};

use tokio::sync::Notify;

use crate::sync::lock;

pub(super) struct Backlog<T> {
    state: Mutex<State<T>>,
    wake: Notify,
    limit: usize,
    receiver: &'static str,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    dropped: u64,
}

impl<T> Backlog<T> {
    pub fn new(limit: usize, receiver: &'static str) -> Self {
        let state = State { items: VecDeque::new(), closed: false, dropped: 0 };
        Self { state: Mutex::new(state), wake: Notify::new(), limit, receiver }
    }

    /// Adds an item, unless closed.
    pub fn push(&self, item: T) {
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        if state.items.len() >= self.limit {
            state.items.pop_front();
            state.dropped += 1;
            // Once per run of drops: the next successful pop reports how many there were.
            if state.dropped == 1 {
                tracing::warn!(
                    receiver = self.receiver,
                    "events are recorded faster than delivered, dropping the oldest"
                );
            }
        }
        state.items.push_back(item);
        drop(state);
        self.wake.notify_one();
    }

    /// Takes the oldest item; waits for one. `None` once closed and empty.
    pub async fn pop(&self) -> Option<T> {
        loop {
            {
                let mut state = lock(&self.state);
                if state.dropped > 0 && state.items.len() < self.limit / 2 {
                    tracing::warn!(receiver = self.receiver, count = state.dropped, "events were dropped");
                    state.dropped = 0;
                }
                if let Some(item) = state.items.pop_front() {
                    return Some(item);
                }
                state.items.shrink_to(16);
                if state.closed {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Refuses further items; what is there can still be taken.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_order_and_the_newest() {
        let backlog = Backlog::new(3, "a test");
        for n in 0..5 {
            backlog.push(n);
        }
        backlog.close();
        backlog.push(9);
        let mut taken = Vec::new();
        while let Some(n) = backlog.pop().await {
            taken.push(n);
        }
        assert_eq!(taken, [2, 3, 4]);
    }
}
