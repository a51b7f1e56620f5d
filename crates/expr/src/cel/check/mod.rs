//! What can be said of an expression before it is evaluated: whether its names stand for something, whether operators
//! and functions take what they are given, and of which type the result is. Told in cel-go's words.

mod bindings;
mod calls;
mod declarations;
mod literals;
mod names;
mod types;

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, LiteralValue, SelectExpr, SourceInfo};

use self::bindings::Bindings;
use self::literals::Alike;
use self::types::{Shape, Type};
use super::report::Report;

/// The name of the result's type, or the message about all mistakes.
pub(super) fn check(
    expression: &IdedExpr,
    places: &SourceInfo,
    source: &str,
    variables: &[&str],
) -> Result<String, String> {
    let scope = variables.iter().map(|name| (*name, Type::object())).collect();
    let report = Report::new(source);
    let mut checker =
        Checker { places, scope, report, bindings: Bindings::default(), alike: Vec::new(), formats: 0 };
    let result = checker.check(expression);
    if checker.report.is_empty() {
        checker.compare();
    }
    let result = checker.bindings.resolved(&result, true).result_name();
    checker.report.told().map_or(Ok(result), Err)
}

/// Whether a name is that of a message.
pub(super) fn is_message(name: &str) -> bool {
    names::message(name).is_some()
}

/// What is known so far.
struct Checker<'e> {
    places: &'e SourceInfo,
    /// Variables, those of macros around the place last.
    scope: Vec<(&'e str, Type)>,
    report: Report<'e>,
    bindings: Bindings,
    /// The lists and maps that are written out.
    alike: Vec<Alike>,
    /// How many calls of `format` are around the place.
    formats: usize,
}

impl<'e> Checker<'e> {
    /// The type of an expression. Mistakes are noted, and give a type that fits everywhere.
    fn check(&mut self, expression: &'e IdedExpr) -> Type {
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Bytes(_) => Type::Bytes,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::Int(_) => Type::Int,
                LiteralValue::Null => Type::Null,
                LiteralValue::String(_) => Type::String,
                LiteralValue::UInt(_) => Type::Uint,
            },
            Expr::Ident(name) => self.name(name).unwrap_or_else(|| self.undeclared(expression.id, name)),
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression.id, call),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Struct(of) => self.message(expression.id, of),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Unspecified => Type::Error,
        }
    }

    /// Notes a mistake at a part of the expression.
    fn mistake(&mut self, id: u64, message: String) {
        let offset = self.places.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.report.add(offset, message);
    }

    fn undeclared(&mut self, id: u64, name: &str) -> Type {
        self.mistake(id, format!("undeclared reference to '{name}' (in container '')"));
        Type::Error
    }

    fn mismatch(&mut self, id: u64, expected: &Type, found: &Type) {
        self.mistake(id, format!("expected type '{expected}' but found '{found}'"));
    }

    /// What a name stands for: a variable of the nearest macro first.
    fn name(&self, name: &str) -> Option<Type> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let variable = self.scope.iter().rev().find(|(known, _)| *known == name);
        variable.map(|(_, of)| of.clone()).or_else(|| names::constant(name))
    }

    fn select(&mut self, expression: &'e IdedExpr, select: &'e SelectExpr) -> Type {
        if let Some(constant) = names::qualified(expression).and_then(|name| names::constant(&name)) {
            return constant;
        }
        let field = self.field(expression.id, &select.operand, false);
        if select.test { Type::Bool } else { self.bindings.resolved(&field, false) }
    }

    /// The type of a field; what has none is dynamic, or a mistake.
    fn field(&mut self, id: u64, operand: &'e IdedExpr, optional: bool) -> Type {
        let operand = self.check(operand);
        let operand = self.bindings.resolved(&operand, false);
        let (target, was_optional) = operand.unwrapped();
        let field = match target {
            Type::Of(Shape::Map, _, parts) => parts.get(1).cloned().unwrap_or(Type::Dyn),
            Type::Parameter(_) => {
                self.bindings.fits(&Type::Dyn, target);
                Type::Dyn
            }
            other => {
                if !other.is_dyn_or_error() {
                    self.mistake(id, format!("type '{other}' does not support field selection"));
                }
                Type::Dyn
            }
        };
        if was_optional || optional { Type::optional(field) } else { field }
    }

    fn comprehension(&mut self, of: &'e ComprehensionExpr) -> Type {
        let range = self.check(&of.iter_range);
        let accumulated = self.check(&of.accu_init);
        let range = self.bindings.resolved(&range, false);
        let outside = self.scope.len();
        self.scope.push((&of.accu_var, accumulated.clone()));
        let (first, second) = self.elements(of.iter_range.id, &range, of.iter_var2.is_some());
        let inside = self.scope.len();
        self.scope.push((&of.iter_var, first));
        if let Some(name) = &of.iter_var2 {
            self.scope.push((name, second));
        }
        for (part, wanted) in [(&of.loop_cond, Type::Bool), (&of.loop_step, accumulated)] {
            let found = self.check(part);
            if !self.bindings.fits(&wanted, &found) {
                self.mismatch(part.id, &wanted, &found);
            }
        }
        self.scope.truncate(inside);
        let result = self.check(&of.result);
        self.scope.truncate(outside);
        self.bindings.resolved(&result, false)
    }

    /// The types of the variables of a macro: of one, or of both where there are two.
    fn elements(&mut self, id: u64, range: &Type, both: bool) -> (Type, Type) {
        match range {
            Type::Of(Shape::List, _, parts) => {
                let item = parts.first().cloned().unwrap_or(Type::Dyn);
                if both { (Type::Int, item) } else { (item, Type::Dyn) }
            }
            Type::Of(Shape::Map, _, parts) => {
                let part = |index: usize| parts.get(index).cloned().unwrap_or(Type::Dyn);
                (part(0), part(1))
            }
            Type::Dyn | Type::Error | Type::Parameter(_) => {
                self.bindings.fits(&Type::Dyn, range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let must = "(must be list, map, or dynamic)";
                let message =
                    format!("expression of type '{other}' cannot be range of a comprehension {must}");
                self.mistake(id, message);
                (Type::Error, Type::Error)
            }
        }
    }
}
