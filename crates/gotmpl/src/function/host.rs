//! What a function can reach while it runs: the executor behind it.

use std::any::Any;
use std::sync::Arc;

use super::FuncError;
use crate::error::ExecError;
use crate::set::Set;
use crate::value::{Str, Value};

/// The executor, as functions see it.
pub trait Host {
    /// What the caller of the execution gave along for its functions.
    fn state(&self) -> &dyn Any;

    /// The templates of the running execution.
    fn templates(&self) -> &Arc<Set>;

    /// Executes a template of a set with the same state and within the same limits.
    fn execute(&mut self, set: &Arc<Set>, name: &str, data: Value) -> Result<Str, ExecError>;

    /// Counts bytes against the memory limit.
    fn allocate(&mut self, bytes: u64) -> Result<(), ExecError>;

    /// Counts work against the step limit.
    fn spend(&mut self, steps: u64) -> Result<(), ExecError>;
}

/// One call of a function.
pub struct Call<'a> {
    host: &'a mut dyn Host,
    name: &'a str,
}

impl<'a> Call<'a> {
    /// A call on behalf of a host.
    pub fn new(host: &'a mut dyn Host, name: &'a str) -> Call<'a> {
        Call { host, name }
    }

    /// A call outside of any template, to test a function.
    pub fn detached<R>(name: &str, run: impl FnOnce(&mut Call<'_>) -> R) -> R {
        let mut host = Detached { templates: Arc::new(Set::default()) };
        run(&mut Call { host: &mut host, name })
    }

    /// The name by which the function was called.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The execution's state, if it is a `T`: see [`Set::execute`].
    pub fn state<T: 'static>(&self) -> Option<&T> {
        self.host.state().downcast_ref()
    }

    /// The templates of the running execution.
    pub fn templates(&self) -> Arc<Set> {
        self.host.templates().clone()
    }

    /// Executes a template of the running execution's set, with the same state, within the same limits.
    pub fn execute(&mut self, name: &str, data: Value) -> Result<Str, FuncError> {
        let set = self.templates();
        self.execute_in(&set, name, data)
    }

    /// Executes a template of another set, such as an [overlay](Set::overlay), with the same state,
    /// within the same limits.
    pub fn execute_in(&mut self, set: &Arc<Set>, name: &str, data: Value) -> Result<Str, FuncError> {
        Ok(self.host.execute(set, name, data)?)
    }

    /// Counts bytes that the function makes besides its result's own against the memory limit.
    pub fn allocate(&mut self, bytes: u64) -> Result<(), FuncError> {
        Ok(self.host.allocate(bytes)?)
    }

    /// Counts work that grows with an argument, such as `until 1000000`, against the step limit.
    pub fn spend(&mut self, steps: u64) -> Result<(), FuncError> {
        Ok(self.host.spend(steps)?)
    }
}

struct Detached {
    templates: Arc<Set>,
}

impl Host for Detached {
    fn state(&self) -> &dyn Any {
        &()
    }

    fn templates(&self) -> &Arc<Set> {
        &self.templates
    }

    fn execute(&mut self, set: &Arc<Set>, name: &str, data: Value) -> Result<Str, ExecError> {
        set.execute(name, data, &crate::limits::Budget::default(), &()).map(Str::from)
    }

    fn allocate(&mut self, _bytes: u64) -> Result<(), ExecError> {
        Ok(())
    }

    fn spend(&mut self, _steps: u64) -> Result<(), ExecError> {
        Ok(())
    }
}
