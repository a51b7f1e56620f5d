//! The last status of each object waited for, and what they amount to.

use std::collections::{HashMap, HashSet};

use super::{Pending, WaitOptions};
use crate::{
    object::ObjectId,
    status::{State, Status},
};

/// What reading an object's status gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) status: Status,
    /// Why the status is unknown.
    pub(super) error: Option<String>,
}

/// What the statuses of all objects amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ready,
    Failed,
}

pub(super) struct Tracker {
    ids: Vec<ObjectId>,
    readings: Vec<Option<Reading>>,
    fail_fast: bool,
    /// Indexes of the jobs that may be gone.
    may_be_gone: HashSet<usize>,
}

impl Tracker {
    pub(super) fn new(ids: &[ObjectId], options: &WaitOptions) -> Self {
        let mut seen = HashSet::new();
        let ids: Vec<_> = ids.iter().filter(|id| seen.insert(*id)).cloned().collect();
        let may_be_gone = ids
            .iter()
            .enumerate()
            .filter(|(_, id)| options.jobs_with_ttl.contains(id))
            .map(|(tag, _)| tag)
            .collect();
        Self { readings: vec![None; ids.len()], ids, fail_fast: options.fail_fast, may_be_gone }
    }

    pub(super) fn ids(&self) -> &[ObjectId] {
        &self.ids
    }

    pub(super) fn all(&self) -> Vec<usize> {
        (0..self.ids.len()).collect()
    }

    /// The objects that aren't known to be ready.
    pub(super) fn unready(&self) -> Vec<usize> {
        self.all().into_iter().filter(|tag| self.state(*tag) != Some(State::Current)).collect()
    }

    pub(super) fn record(&mut self, tag: usize, reading: Reading) {
        if let Some(slot) = self.readings.get_mut(tag) {
            *slot = Some(reading);
        }
    }

    /// Records which of the objects that were seen just now were ready; those that were not seen.
    pub(super) fn record_seen(&mut self, seen: &HashMap<ObjectId, bool>) -> Vec<usize> {
        let mut unseen = Vec::new();
        for tag in self.all() {
            match self.ids.get(tag).and_then(|id| seen.get(id)) {
                Some(true) => {
                    self.record(tag, Reading { status: Status::new(State::Current, ""), error: None });
                }
                Some(false) => {}
                None => unseen.push(tag),
            }
        }
        unseen
    }

    fn state(&self, tag: usize) -> Option<State> {
        let state = self.readings.get(tag)?.as_ref()?.status.state;
        let is_done = state == State::NotFound && self.may_be_gone.contains(&tag);
        Some(if is_done { State::Current } else { state })
    }

    /// Ready when all are; failed when one is and that suffices, or when nothing else is left.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let states: Vec<_> = self.all().into_iter().map(|tag| self.state(tag)).collect();
        let is = |state| move |other: &Option<State>| *other == Some(state);
        if states.iter().all(is(State::Current)) {
            return Some(Verdict::Ready);
        }
        let has_failed = states.iter().any(is(State::Failed));
        let is_over = states.iter().all(|state| matches!(state, Some(State::Current | State::Failed)));
        (has_failed && (self.fail_fast || is_over)).then_some(Verdict::Failed)
    }

    /// What to report: those that failed, and after a timeout all that aren't ready.
    pub(super) fn pending(&self, is_timeout: bool) -> Vec<Pending> {
        let mut pending = Vec::new();
        for (tag, id) in self.ids.iter().enumerate() {
            let state = self.state(tag);
            let reported = match state {
                None => !self.may_be_gone.contains(&tag),
                Some(State::Current) => false,
                Some(State::Failed) => true,
                Some(_) => is_timeout,
            };
            if reported {
                let reading = self.readings.get(tag).cloned().flatten();
                let (detail, error) = reading.map_or_else(Default::default, |r| (r.status.message, r.error));
                pending.push(Pending { id: id.clone(), state, error, detail });
            }
        }
        pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn verdict(fail_fast: bool, states: &[State]) -> (Option<Verdict>, String, String) {
        let ids: Vec<ObjectId> = (0..states.len())
            .map(|n| ObjectId {
                namespace: "ns".into(),
                name: n.to_string(),
                group: "batch".into(),
                kind: "Job".into(),
            })
            .collect();
        // The first job may be gone.
        let jobs_with_ttl = ids.first().cloned().into_iter().collect();
        let options = WaitOptions { timeout: Duration::ZERO, fail_fast, jobs_with_ttl };
        let mut tracker = Tracker::new(&ids, &options);
        for (tag, state) in states.iter().enumerate() {
            tracker.record(tag, Reading { status: Status::new(*state, ""), error: None });
        }
        let names = |pending: Vec<Pending>| pending.iter().map(|p| p.id.name.clone()).collect::<String>();
        (tracker.verdict(), names(tracker.pending(false)), names(tracker.pending(true)))
    }

    #[test]
    fn verdicts() {
        use State::{Current, Failed, InProgress, NotFound, Terminating, Unknown};
        let ready = Some(Verdict::Ready);
        let failed = Some(Verdict::Failed);
        for (fail_fast, states, want, at_once, in_the_end) in [
            (true, &[][..], ready, "", ""),
            (true, &[Current, Current], ready, "", ""),
            (true, &[NotFound, Current], ready, "", ""),
            (true, &[Current, NotFound], None, "", "1"),
            (true, &[Current, InProgress, Failed], failed, "2", "12"),
            (false, &[Current, InProgress, Failed], None, "2", "12"),
            (false, &[Current, Failed, Failed], failed, "12", "12"),
            (false, &[Current, Unknown, Terminating], None, "", "12"),
        ] {
            assert_eq!(
                verdict(fail_fast, states),
                (want, at_once.to_owned(), in_the_end.to_owned()),
                "{fail_fast} {states:?}"
            );
        }
    }
}
