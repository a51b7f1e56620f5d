//! Calls of functions and methods.

use std::sync::Arc;

use smallvec::SmallVec;

use super::builtins::{Body, Builtin, Operand};
use super::{Failure, Outcome, Res, Slot, Walker};
use crate::error::{ExecError, Frame};
use crate::function::{Call, FuncError, Function};
use crate::parse::{Callee, NodeId, Template};
use crate::value::{Type, Value};

/// What the command before this one in a pipeline gave, if there is one: the last argument.
pub(super) type Final = Option<Outcome>;

/// The parameters of what is called.
#[derive(Clone, Copy)]
struct Params {
    name: &'static str,
    types: &'static [Type],
    is_variadic: bool,
}

impl Params {
    fn fixed(self) -> usize {
        if self.is_variadic { self.types.len().saturating_sub(1) } else { self.types.len() }
    }

    fn ty(self, index: usize) -> Type {
        self.types.get(index).or(self.types.last()).copied().unwrap_or(Type::Any)
    }
}

impl<'e> Walker<'_, 'e> {
    /// Calls a function, by its index in the template. `args` is empty, or begins with the function itself.
    pub(super) fn call(
        &mut self,
        dot: &Slot,
        callee: u32,
        node: NodeId,
        args: &[NodeId],
        last: Final,
    ) -> Res<Outcome> {
        let template: &'e Arc<Template> = self.template;
        match template.arena().callee(callee) {
            Some(Callee::Function(function)) => self.invoke(dot, function, None, node, args, last),
            Some(Callee::Builtin(builtin)) => self.builtin(dot, builtin, node, args, last),
            None => Ok(None),
        }
    }

    /// Calls a function of the user's, or a method of a receiver.
    pub(super) fn invoke(
        &mut self,
        dot: &Slot,
        function: &Function,
        receiver: Option<&Value>,
        node: NodeId,
        args: &[NodeId],
        last: Final,
    ) -> Res<Outcome> {
        let params =
            Params { name: function.name(), types: function.params(), is_variadic: function.is_variadic() };
        let args = args.get(1..).unwrap_or_default();
        self.check_count(params, args, &last)?;
        if let Some(why) = function.why_unfit() {
            return Err(self.fail(why));
        }
        let mut values: SmallVec<[Value; 4]> = receiver.cloned().into_iter().collect();
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, params.ty(index), *arg)?.unwrap_or_default());
        }
        if let Some(last) = last {
            values.push(self.validate(last, params.ty(args.len()))?.unwrap_or_default());
        }
        self.step()?;
        let result = function.call(&mut Call::new(self, params.name), &values);
        drop(values);
        match result {
            Ok(value) => self.made(node, Some(value)),
            Err(error) => Err(self.call_failed(params.name, node, error)),
        }
    }

    fn builtin(
        &mut self,
        dot: &Slot,
        builtin: &'static Builtin,
        node: NodeId,
        args: &[NodeId],
        last: Final,
    ) -> Res<Outcome> {
        let params = Params { name: builtin.name(), types: builtin.params, is_variadic: builtin.is_variadic };
        let args = args.get(1..).unwrap_or_default();
        self.check_count(params, args, &last)?;
        if let Body::And | Body::Or = builtin.body {
            return self.short_circuit(dot, matches!(builtin.body, Body::Or), args, last);
        }
        let callee = match (args.first(), &last) {
            (Some(first), _) if matches!(builtin.body, Body::Call) => self.template.node_text(*first),
            (None, Some(last)) if matches!(builtin.body, Body::Call) => reflect_text(last.as_ref()),
            _ => String::new(),
        };
        let mut values: SmallVec<[Operand; 4]> = SmallVec::new();
        let mut is_boxed: SmallVec<[bool; 4]> = SmallVec::new();
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, params.ty(index), *arg)?);
            is_boxed.push(self.is_boxed);
        }
        if let Some(last) = last {
            values.push(self.validate(last, params.ty(args.len()))?);
        }
        self.step()?;
        let result = builtin.call(&callee, &values, &is_boxed);
        drop(values);
        match result {
            Ok(value) => self.made(node, value),
            Err(error) => Err(self.call_failed(params.name, node, error)),
        }
    }

    /// Accounts for what a call gave.
    fn made(&mut self, node: NodeId, value: Outcome) -> Res<Outcome> {
        if let Some(made) = &value
            && let Err(limit) = self.execution.budget.call(made)
        {
            self.node = node;
            return Err(self.placed(limit.into()));
        }
        Ok(value)
    }

    fn check_count(&self, params: Params, args: &[NodeId], last: &Final) -> Res<()> {
        let given = args.len() + usize::from(last.is_some());
        let Params { name, .. } = params;
        if params.is_variadic {
            if given < params.fixed() {
                let (want, got) = (params.fixed(), args.len());
                return Err(
                    self.fail(format!("wrong number of args for {name}: want at least {want} got {got}"))
                );
            }
        } else if given != params.fixed() {
            let want = params.fixed();
            return Err(self.fail(format!("wrong number of args for {name}: want {want} got {given}")));
        }
        Ok(())
    }

    /// `and` and `or` evaluate their arguments only as far as they need to.
    fn short_circuit(&mut self, dot: &Slot, is_or: bool, args: &[NodeId], last: Final) -> Res<Outcome> {
        let mut value = None;
        for arg in args {
            value = self.argument(dot, Type::Reflect, *arg)?;
            if value.as_ref().is_some_and(Value::is_true) == is_or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    #[cold]
    fn call_failed(&mut self, name: &'static str, node: NodeId, error: FuncError) -> Failure {
        self.node = node;
        let error = match error {
            FuncError::Message(message) => ExecError::new(message),
            FuncError::Template(error) => *error,
            FuncError::Context { context, source } => source.within(Frame::Context(context)),
        };
        self.placed(error.within(Frame::Call(name)))
    }
}

/// What `reflect.Value.String` gives.
fn reflect_text(value: Option<&Value>) -> String {
    match value {
        None => "<invalid Value>".to_owned(),
        Some(Value::Str(text)) => text.to_string(),
        Some(value) => format!("<{} Value>", value.ty()),
    }
}
