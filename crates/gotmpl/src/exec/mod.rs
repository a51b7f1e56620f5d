//! From templates and data to text.

mod builtins;
mod call;
mod eval;
mod field;
mod walk;

use std::any::Any;
use std::sync::Arc;

pub(crate) use builtins::{Builtin, builtin};

use crate::error::{ExecError, Frame, Place};
use crate::function::Host;
use crate::limits::Budget;
use crate::parse::{NodeId, Template};
use crate::set::Set;
use crate::value::{RED_ZONE, STACK_SEGMENT, Str, Value};

/// Executes a template of a set.
pub(crate) fn execute(
    set: &Arc<Set>,
    name: &str,
    data: Value,
    budget: &Budget,
    state: &dyn Any,
) -> Result<Vec<u8>, ExecError> {
    let mut execution = Execution { set, budget, state, out: Vec::new(), variables: Vec::new() };
    execution.run(name, data)?;
    Ok(execution.out)
}

/// An error on its way out; boxed because results that hold it are everywhere.
type Failure = Box<ExecError>;
type Res<T> = Result<T, Failure>;

/// What all templates of one execution share.
struct Execution<'e> {
    set: &'e Arc<Set>,
    budget: &'e Budget,
    state: &'e dyn Any,
    /// What was written, before what an inner execution is writing.
    out: Vec<u8>,
    /// The variables of all templates that are at work, those of the innermost last.
    variables: Vec<(u32, Slot)>,
}

impl<'e> Execution<'e> {
    /// Executes a template; what it writes is appended.
    fn run(&mut self, name: &str, data: Value) -> Result<(), ExecError> {
        let set: &'e Arc<Set> = self.set;
        let template = set.lookup(name).ok_or_else(|| set.no_template(name))?;
        let dot = Slot::of(data);
        let mut walker = Walker::new(self, template, dot.clone());
        walker.root(&dot).map_err(|error| *error)?;
        walker.finish();
        Ok(())
    }
}

/// What an expression evaluates to: nothing at all (a missing key, or nil once it went through a
/// pipeline), or a value. `Some(Value::Nil)` is an element of a list or map that holds nil, which Go
/// tells from nothing.
type Outcome = Option<Value>;

/// A variable or the dot.
#[derive(Clone, Default)]
struct Slot {
    value: Outcome,
    /// It sits in a variable of type `interface {}`, which errors then name instead of its own type.
    is_boxed: bool,
}

impl Slot {
    fn of(value: Value) -> Slot {
        Slot { value: lift(Some(value)), is_boxed: false }
    }

    fn plain(value: Outcome) -> Slot {
        Slot { value, is_boxed: false }
    }
}

/// What passes through a pipeline: an interface's content, or nothing.
fn lift(value: Outcome) -> Outcome {
    value.filter(|value| !matches!(value, Value::Nil))
}

/// The execution of one template.
struct Walker<'w, 'e> {
    execution: &'w mut Execution<'e>,
    template: &'e Arc<Template>,
    /// Where execution is, for errors.
    node: NodeId,
    /// Where this template's variables begin.
    base: usize,
    /// Whether the last argument sat in a variable of type `interface {}`.
    is_boxed: bool,
}

impl<'w, 'e> Walker<'w, 'e> {
    fn new(execution: &'w mut Execution<'e>, template: &'e Arc<Template>, dot: Slot) -> Walker<'w, 'e> {
        let base = execution.variables.len();
        execution.variables.push((0, dot));
        Walker { execution, template, node: template.root(), base, is_boxed: false }
    }

    /// Forgets the template's variables.
    fn finish(self) {
        self.execution.variables.truncate(self.base);
    }

    /// An error at the current node.
    #[cold]
    fn fail(&self, message: impl Into<String>) -> Failure {
        self.placed(ExecError::new(message))
    }

    /// Adds the current node to an error.
    #[cold]
    fn placed(&self, error: ExecError) -> Failure {
        let (line, column) = self.template.line_and_column(self.node);
        Box::new(error.within(Frame::Node(Place {
            file: self.template.source_name().to_owned(),
            line,
            column,
            template: self.template.name().to_owned(),
            node: self.template.node_text(self.node),
        })))
    }

    /// Counts a step.
    fn step(&self) -> Res<()> {
        self.execution.budget.step().map_err(|limit| self.placed(limit.into()))
    }
}

impl Host for Walker<'_, '_> {
    fn state(&self) -> &dyn Any {
        self.execution.state
    }

    fn templates(&self) -> &Arc<Set> {
        self.execution.set
    }

    fn execute(&mut self, set: &Arc<Set>, name: &str, data: Value) -> Result<Str, ExecError> {
        let outer = &mut *self.execution;
        let (budget, state) = (outer.budget, outer.state);
        budget.enter()?;
        // One buffer for all that is written, so that it seldom has to grow.
        let out = std::mem::take(&mut outer.out);
        let variables = std::mem::take(&mut outer.variables);
        let start = out.len();
        let mut inner = Execution { set, budget, state, out, variables };
        let result = stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || inner.run(name, data));
        let Execution { out, variables, .. } = inner;
        (outer.out, outer.variables) = (out, variables);
        budget.leave();
        let text = Str::from(outer.out.get(start..).unwrap_or_default());
        outer.out.truncate(start);
        result.map(|()| text)
    }

    fn allocate(&mut self, bytes: u64) -> Result<(), ExecError> {
        Ok(self.execution.budget.allocate(bytes)?)
    }

    fn spend(&mut self, steps: u64) -> Result<(), ExecError> {
        Ok(self.execution.budget.spend(steps)?)
    }
}
