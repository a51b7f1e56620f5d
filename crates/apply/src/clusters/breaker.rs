//! Keeps a cluster that does not answer from costing every pass its timeout.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many requests in a row must fail before the cluster is left alone.
const THRESHOLD: u32 = 2;

/// How long it is left alone at first; each further failure doubles that.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// How long it is left alone at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// A success this long ago vouches for the cluster.
const FRESH: Duration = Duration::from_secs(30);

/// The cluster is left alone for now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", pause(*.failures, *.left))]
pub struct Open {
    /// How many requests in a row failed.
    pub failures: u32,
    /// What the last of them said.
    pub cause: String,
    /// How long it is still left alone.
    pub left: Duration,
}

impl Open {
    /// That the cluster is left alone, without the cause.
    pub fn pause(&self) -> String {
        pause(self.failures, self.left)
    }
}

fn pause(failures: u32, left: Duration) -> String {
    let seconds = left.as_secs().max(1);
    format!("the cluster did not answer the last {failures} requests and is asked again in {seconds} s")
}

/// Counts what becomes of requests to one cluster.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    cause: String,
    until: Option<Instant>,
    succeeded: Option<Instant>,
}

impl Breaker {
    /// Whether the cluster may be asked.
    pub fn check(&self) -> Result<(), Open> {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Result<(), Open> {
        let state = self.lock();
        match state.until.map(|until| until.saturating_duration_since(now)) {
            Some(left) if !left.is_zero() => {
                Err(Open { failures: state.failures, cause: state.cause.clone(), left })
            }
            _ => Ok(()),
        }
    }

    /// The cluster answered, whatever it said.
    pub fn succeed(&self) {
        let succeeded = Some(Instant::now());
        *self.lock() = State { succeeded, ..State::default() };
    }

    /// The cluster did not answer.
    pub fn fail(&self, cause: String) {
        self.fail_at(cause, Instant::now());
    }

    fn fail_at(&self, cause: String, now: Instant) {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.cause = cause;
        state.succeeded = None;
        if state.failures >= THRESHOLD {
            let doublings = (state.failures - THRESHOLD).min(8);
            state.until = Some(now + (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE));
        }
    }

    /// Whether the cluster answered not long ago.
    pub fn is_fresh(&self) -> bool {
        self.lock().succeeded.is_some_and(|at| at.elapsed() < FRESH)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_for_longer_and_longer() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        breaker.fail_at("refused".to_owned(), now);
        assert_eq!(breaker.check_at(now), Ok(()));
        for seconds in [10, 20, 40, 80, 120, 120] {
            breaker.fail_at("refused".to_owned(), now);
            let open = breaker.check_at(now).unwrap_err();
            assert_eq!(open.left, Duration::from_secs(seconds));
            now += open.left;
            assert_eq!(breaker.check_at(now), Ok(()));
        }
        let text =
            breaker.check_at(now.checked_sub(Duration::from_secs(3)).unwrap()).unwrap_err().to_string();
        assert!(text.ends_with("asked again in 3 s: refused"), "{text}");
        breaker.succeed();
        assert!(breaker.is_fresh());
        breaker.fail_at("refused".to_owned(), now);
        assert_eq!(breaker.check_at(now), Ok(()));
    }
}
