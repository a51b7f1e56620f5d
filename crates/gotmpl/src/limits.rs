//! Bounds on what templates may use.

use std::cell::Cell;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::value::Value;

/// How much a render may use. The defaults are far above what charts need.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep templates may call templates, with `template` or through functions.
    pub depth: usize,
    /// How many bytes templates may write in all, what `include` returns counted too.
    pub output: u64,
    /// How many nodes may be evaluated in all.
    pub steps: u64,
    /// How many bytes functions may make in all, whether or not they are still in use. A call counts as
    /// [`CALL_BYTES`], for what it may leave in a map.
    pub memory: u64,
    /// How long it may take.
    pub time: Option<Duration>,
}

/// What a call of a function counts at least.
pub const CALL_BYTES: u64 = 96;

/// The longest text that one function or action may give, in bytes.
pub const MAX_TEXT: usize = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 100_000,
            output: 256 << 20,
            steps: 1 << 32,
            memory: 1 << 30,
            time: Some(Duration::from_mins(5)),
        }
    }
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Limit {
    /// Templates call each other too deep.
    #[error("exceeded maximum template depth ({0})")]
    Depth(usize),
    /// Too much was written.
    #[error("template output exceeds {0} bytes")]
    Output(u64),
    /// Too many nodes were evaluated.
    #[error("template execution exceeds {0} steps")]
    Steps(u64),
    /// Functions made too much.
    #[error("template functions make more than {0} bytes")]
    Memory(u64),
    /// One text is too long.
    #[error("a text would exceed {0} bytes")]
    Text(usize),
    /// It took too long.
    #[error("template execution exceeds {0:?}")]
    Time(Duration),
}

/// What is left of the limits: one budget for all executions of a render.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    deadline: Option<Instant>,
    output: Cell<u64>,
    steps: Cell<u64>,
    memory: Cell<u64>,
    depth: Cell<usize>,
}

/// After so many steps the clock is read again.
pub(crate) const STEPS_PER_LOOK: u64 = 1 << 10;

impl Budget {
    /// A budget with the whole of the limits; its time starts now.
    pub fn new(limits: Limits) -> Budget {
        Budget {
            limits,
            deadline: limits.time.and_then(|time| Instant::now().checked_add(time)),
            output: Cell::new(limits.output),
            steps: Cell::new(limits.steps),
            memory: Cell::new(limits.memory),
            depth: Cell::new(0),
        }
    }

    /// Takes one step.
    #[inline]
    pub(crate) fn step(&self) -> Result<(), Limit> {
        self.spend(1)
    }

    /// Takes many steps at once.
    #[inline]
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Limit> {
        let before = self.steps.get();
        let Some(left) = before.checked_sub(steps) else {
            return Err(Limit::Steps(self.limits.steps));
        };
        self.steps.set(left);
        if left / STEPS_PER_LOOK == before / STEPS_PER_LOOK { Ok(()) } else { self.look_at_clock() }
    }

    #[cold]
    fn look_at_clock(&self) -> Result<(), Limit> {
        match (self.deadline, self.limits.time) {
            (Some(deadline), Some(time)) if Instant::now() > deadline => Err(Limit::Time(time)),
            _ => Ok(()),
        }
    }

    /// Accounts for what a function made.
    #[inline]
    pub(crate) fn allocate(&self, bytes: u64) -> Result<(), Limit> {
        let Some(left) = self.memory.get().checked_sub(bytes) else {
            return Err(Limit::Memory(self.limits.memory));
        };
        self.memory.set(left);
        Ok(())
    }

    /// Accounts for a call and its result.
    #[inline]
    pub(crate) fn call(&self, result: &Value) -> Result<(), Limit> {
        let size = result.owned_size();
        if size > MAX_TEXT && matches!(result, Value::Str(_)) {
            return Err(Limit::Text(MAX_TEXT));
        }
        self.allocate(CALL_BYTES + size as u64)
    }

    /// Accounts for output.
    #[inline]
    pub(crate) fn write(&self, bytes: usize) -> Result<(), Limit> {
        let Some(left) = self.output.get().checked_sub(bytes as u64) else {
            return Err(Limit::Output(self.limits.output));
        };
        self.output.set(left);
        Ok(())
    }

    /// Enters a template called by a template.
    pub(crate) fn enter(&self) -> Result<(), Limit> {
        if self.depth.get() >= self.limits.depth {
            return Err(Limit::Depth(self.limits.depth));
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// Leaves it again.
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(Limits::default())
    }
}
