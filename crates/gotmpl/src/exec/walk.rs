//! Statements: texts, actions, control structures.

use super::{Execution, Failure, Outcome, Res, Slot, Walker, lift};
use crate::format;
use crate::limits::{Limit, MAX_TEXT};
use crate::parse::{Control, ControlKeyword, NodeId, NodeKind, Template};
use crate::quote::quote;
use crate::value::{RED_ZONE, STACK_SEGMENT, Type, Value};
use smallvec::SmallVec;
use std::sync::Arc;

/// How a statement ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'e> Walker<'_, 'e> {
    /// Executes the whole template.
    pub(super) fn root(&mut self, dot: &Slot) -> Res<()> {
        self.walk(dot, self.template.root()).map(drop)
    }

    fn walk(&mut self, dot: &Slot, id: NodeId) -> Res<Flow> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        match template.kind(id) {
            NodeKind::List(nodes) => {
                for node in template.arena().nodes(nodes) {
                    let flow = self.walk(dot, *node)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
            }
            NodeKind::Text(span) => {
                self.step()?;
                self.write(template.span(span))?;
            }
            NodeKind::Action { pipe } => {
                self.step()?;
                let value = self.pipeline(dot, pipe)?;
                let declares =
                    matches!(template.kind(pipe), NodeKind::Pipe(pipe) if !pipe.variables.is_empty());
                if !declares {
                    self.node = id;
                    self.print(value.as_ref())?;
                }
            }
            NodeKind::Control(control) => {
                self.step()?;
                return stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.control(dot, id, control));
            }
            NodeKind::Template { name, pipe } => {
                self.step()?;
                stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.template(dot, name, pipe))?;
            }
            NodeKind::Break => return Ok(Flow::Break),
            NodeKind::Continue => return Ok(Flow::Continue),
            _ => return Err(self.fail(format!("unknown node: {}", template.node_text(id)))),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &[u8]) -> Res<()> {
        self.execution.out.extend_from_slice(text);
        self.account(text.len())
    }

    fn account(&self, bytes: usize) -> Res<()> {
        self.execution.budget.write(bytes).map_err(|limit| self.placed(limit.into()))
    }

    fn print(&mut self, value: Option<&Value>) -> Res<()> {
        let before = self.execution.out.len();
        format::print_indirect(&mut self.execution.out, value);
        let written = self.execution.out.len() - before;
        if written > MAX_TEXT {
            return Err(self.placed(Limit::Text(MAX_TEXT).into()));
        }
        self.account(written)
    }

    fn control(&mut self, dot: &Slot, id: NodeId, control: Control) -> Res<Flow> {
        let mark = self.execution.variables.len();
        let flow = match control.keyword {
            ControlKeyword::Range => self.range(dot, id, control),
            keyword => self.condition(dot, keyword, control),
        };
        self.execution.variables.truncate(mark);
        flow
    }

    fn condition(&mut self, dot: &Slot, keyword: ControlKeyword, control: Control) -> Res<Flow> {
        let value = self.pipeline(dot, control.pipe)?;
        match (value.as_ref().is_some_and(Value::is_true), control.otherwise) {
            (true, _) if keyword == ControlKeyword::With => self.walk(&Slot::plain(value), control.list),
            (true, _) => self.walk(dot, control.list),
            (false, Some(otherwise)) => self.walk(dot, otherwise),
            (false, None) => Ok(Flow::Next),
        }
    }

    fn range(&mut self, dot: &Slot, id: NodeId, control: Control) -> Res<Flow> {
        self.node = id;
        let value = self.pipeline(dot, control.pipe)?;
        let mut run = Loop::new(self, control);
        let mut is_empty = true;
        match value.as_ref().map(Value::underlying) {
            None => {}
            Some(Value::Int(kind, count)) => {
                run.refuse_two_variables(self, value.as_ref())?;
                for number in 0..count {
                    is_empty = false;
                    if run.iteration(self, None, Slot::plain(Some(Value::Int(kind, number))))? {
                        break;
                    }
                }
            }
            Some(Value::Uint(kind, count)) => {
                run.refuse_two_variables(self, value.as_ref())?;
                for number in 0..count {
                    is_empty = false;
                    if run.iteration(self, None, Slot::plain(Some(Value::Uint(kind, number))))? {
                        break;
                    }
                }
            }
            Some(Value::List(list)) => {
                let is_boxed = list.ty().element() == Some(Type::Any);
                for (index, item) in list.iter().enumerate() {
                    is_empty = false;
                    let item = Slot { value: Some(item), is_boxed };
                    if run.iteration(self, Some(Value::int(index as i64)), item)? {
                        break;
                    }
                }
            }
            Some(Value::Map(map)) => {
                let is_boxed = map.ty().element() == Some(Type::Any);
                for (key, item) in map.entries() {
                    is_empty = false;
                    if run.iteration(self, Some(Value::Str(key)), Slot { value: Some(item), is_boxed })? {
                        break;
                    }
                }
            }
            Some(Value::Object(object)) if let Some(pairs) = object.pairs() => {
                for (key, item) in pairs {
                    is_empty = false;
                    if run.iteration(self, Some(key), Slot::plain(Some(item)))? {
                        break;
                    }
                }
            }
            Some(other) => {
                let text = format::to_bytes(&other);
                return Err(self.fail(format!("range can't iterate over {}", String::from_utf8_lossy(&text))));
            }
        }
        match control.otherwise {
            Some(otherwise) if is_empty => self.walk(dot, otherwise),
            _ => Ok(Flow::Next),
        }
    }

    fn template(&mut self, dot: &Slot, name: u32, pipe: Option<NodeId>) -> Res<()> {
        let set = self.execution.set;
        let caller: &'e Arc<Template> = self.template;
        let name = caller.arena().name(name);
        let Some(template) = set.lookup(name) else {
            return Err(self.fail(format!("template {} not defined", quote(name.as_bytes()))));
        };
        let budget = self.execution.budget;
        budget.enter().map_err(|limit| self.placed(limit.into()))?;
        let value = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => None,
        };
        let dot = Slot::plain(value);
        let execution: &mut Execution<'e> = self.execution;
        let mut walker = Walker::new(execution, template, dot.clone());
        let result = walker.root(&dot);
        walker.finish();
        budget.leave();
        result
    }

    /// The variable with this number; an error if it is not defined here.
    pub(super) fn variable(&self, symbol: u32) -> Res<&Slot> {
        let own = self.execution.variables.get(self.base..).unwrap_or_default();
        let found = own.iter().rev().find(|(other, _)| *other == symbol);
        found.map(|(_, slot)| slot).ok_or_else(|| self.undefined(symbol))
    }

    /// Gives the innermost variable with this number a value.
    pub(super) fn assign(&mut self, symbol: u32, value: Slot) -> Res<()> {
        let own = self.execution.variables.get_mut(self.base..).unwrap_or_default();
        match own.iter_mut().rev().find(|(other, _)| *other == symbol) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(self.undefined(symbol)),
        }
    }

    #[cold]
    fn undefined(&self, symbol: u32) -> Failure {
        self.fail(format!("undefined variable: {}", self.template.symbol(symbol)))
    }
}

/// The repetitions of one range.
struct Loop {
    control: Control,
    /// The variables that the range declares or assigns.
    variables: SmallVec<[u32; 2]>,
    is_assignment: bool,
    /// How many variables there are before the body declares any.
    mark: usize,
}

impl Loop {
    fn new(walker: &Walker<'_, '_>, control: Control) -> Loop {
        let (mut variables, mut is_assignment) = (SmallVec::new(), false);
        let template = walker.template;
        if let NodeKind::Pipe(pipe) = template.kind(control.pipe) {
            is_assignment = pipe.is_assignment;
            let declared = template.arena().nodes(pipe.variables).iter();
            variables.extend(declared.filter_map(|id| match template.kind(*id) {
                NodeKind::Variable(variable) => Some(variable.symbol),
                _ => None,
            }));
        }
        Loop { control, variables, is_assignment, mark: walker.execution.variables.len() }
    }

    fn refuse_two_variables(&self, walker: &Walker<'_, '_>, value: Option<&Value>) -> Res<()> {
        if self.variables.len() <= 1 {
            return Ok(());
        }
        let text = value.map(format::to_bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Err(walker.fail(format!("can't use {text} to iterate over more than one variable")))
    }

    /// Executes the body once. True if it broke out of the loop.
    fn iteration(&mut self, walker: &mut Walker<'_, '_>, index: Option<Value>, item: Slot) -> Res<bool> {
        let index = Slot::plain(index);
        match self.variables.as_slice() {
            [] => {}
            [symbol] if self.is_assignment => walker.assign(*symbol, item.clone())?,
            [first, second, ..] if self.is_assignment => {
                walker.assign(*first, index)?;
                walker.assign(*second, item.clone())?;
            }
            variables => {
                set_top(walker, 1, item.clone());
                if variables.len() > 1 {
                    set_top(walker, 2, index);
                }
            }
        }
        walker.step()?;
        let flow = walker.walk(&item, self.control.list)?;
        walker.execution.variables.truncate(self.mark);
        Ok(flow == Flow::Break)
    }
}

/// Gives the variable that was declared last, or the one before it, a value.
fn set_top(walker: &mut Walker<'_, '_>, from_end: usize, value: Slot) {
    let variables = &mut walker.execution.variables;
    let index = variables.len().checked_sub(from_end);
    if let Some((_, slot)) = index.and_then(|index| variables.get_mut(index)) {
        *slot = value;
    }
}

/// What a pipeline gives to its variables.
pub(super) fn stored(value: Outcome) -> Slot {
    Slot::plain(lift(value))
}
