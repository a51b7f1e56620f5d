//! Calls of functions and operators.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, operators as op};

use super::declarations::{self, Overload};
use super::types::Type;
use super::{Checker, names};

impl<'e> Checker<'e> {
    pub(super) fn call(&mut self, id: u64, call: &'e CallExpr) -> Type {
        let formats = usize::from(call.func_name == "format");
        self.formats += formats;
        let result = self.checked_call(id, call);
        self.formats -= formats;
        result
    }

    fn checked_call(&mut self, id: u64, call: &'e CallExpr) -> Type {
        if call.func_name == op::OPT_SELECT {
            let Some(operand) = call.args.first() else { return Type::Error };
            let field = self.field(id, operand, true);
            return self.bindings.resolved(&field, false);
        }
        let mut given: Vec<_> = call.args.iter().map(|argument| self.check(argument)).collect();
        let Some(target) = call.target.as_deref() else {
            return match declarations::function(plain(&call.func_name)) {
                Some(overloads) => self.applied(id, call, plain(&call.func_name), overloads, &given),
                None => self.undeclared(id, &call.func_name),
            };
        };
        // What stands before the last point may be part of the function's name.
        if let Some(name) = names::qualified(target) {
            let name = format!("{}.{}", plain(&name), call.func_name);
            if let Some(overloads) = declarations::function(&name) {
                let overloads = overloads.iter().filter(|overload| !overload.member);
                return self.first_that_fits(id, &name, overloads, &given, false);
            }
        }
        given.insert(0, self.check(target));
        match declarations::function(&call.func_name) {
            Some(overloads) => self.applied(id, call, &call.func_name, overloads, &given),
            None => self.undeclared(id, &call.func_name),
        }
    }

    fn applied(
        &mut self,
        id: u64,
        call: &'e CallExpr,
        name: &str,
        overloads: &'static [Overload],
        given: &[Type],
    ) -> Type {
        let member = call.target.is_some();
        if !member && [op::LOGICAL_AND, op::LOGICAL_OR].contains(&name) {
            return self.logical(&call.args, given);
        }
        let overloads = overloads.iter().filter(|overload| overload.member == member);
        self.first_that_fits(id, name, overloads, given, member)
    }

    fn logical(&mut self, arguments: &'e [IdedExpr], given: &[Type]) -> Type {
        let mut result = Type::Bool;
        for (argument, found) in arguments.iter().zip(given) {
            if !self.bindings.fits(found, &Type::Bool) {
                self.mismatch(argument.id, &Type::Bool, found);
                result = Type::Error;
            }
        }
        result
    }

    /// The result of the overload that takes what is given. Where several do and give different types, evaluation tells.
    fn first_that_fits(
        &mut self,
        id: u64,
        name: &str,
        overloads: impl Iterator<Item = &'static Overload>,
        given: &[Type],
        member: bool,
    ) -> Type {
        let mut result: Option<Type> = None;
        for overload in overloads {
            let first = self.bindings.fresh(overload.parameters);
            let wanted: Vec<_> = overload.arguments.iter().map(|of| instance(of, first)).collect();
            if !self.bindings.all_fit(given, &wanted) {
                continue;
            }
            let found = self.bindings.resolved(&instance(&overload.result, first), false);
            result = Some(match result {
                None => found,
                Some(before) if before.is_dyn() || before == found => before,
                Some(_) => Type::Dyn,
            });
        }
        result.unwrap_or_else(|| {
            let given: Vec<_> = given.iter().map(|of| self.bindings.resolved(of, true)).collect();
            let signature = signature(&given, member);
            self.mistake(id, format!("found no matching overload for '{name}' applied to '{signature}'"));
            Type::Error
        })
    }
}

/// A name that begins with a point is meant from the outermost place.
fn plain(name: &str) -> &str {
    name.strip_prefix('.').unwrap_or(name)
}

/// A declared type with parameters of its own.
fn instance(of: &Type, first: u32) -> Type {
    match of {
        Type::Parameter(number) => Type::Parameter(first.saturating_add(*number)),
        Type::Of(shape, _, parts) => {
            Type::of(*shape, parts.iter().map(|part| instance(part, first)).collect())
        }
        other => other.clone(),
    }
}

fn signature(given: &[Type], member: bool) -> String {
    let names: Vec<_> = given.iter().map(ToString::to_string).collect();
    match names.split_first() {
        Some((target, arguments)) if member => format!("{target}.({})", arguments.join(", ")),
        _ => format!("({})", names.join(", ")),
    }
}
