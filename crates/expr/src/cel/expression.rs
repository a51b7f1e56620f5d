//! Expressions that are compiled once and evaluated as often as needed.

use std::sync::Arc;

use cel::{Context, IdedExpr, Value};
use serde_json::Value as Json;

use super::syntax::{self, Parsed};
use super::{ENVIRONMENT, Error, check, depth, failures, plan, rewrite, value};

/// What is said where a deep expression finds no thread.
const NO_ROOM: &str = "no thread can be had for it: try again";

/// A type that a result is asked to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `string`
    String,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::String => "string",
        }
    }
}

/// An expression, compiled.
#[derive(Debug)]
pub struct Expression {
    source: String,
    /// As it is evaluated.
    parts: IdedExpr,
    depth: usize,
}

impl Expression {
    /// Parses without checking types: which variables exist is known at evaluation only.
    pub fn parse(source: &str) -> Result<Self, Error> {
        Self::planned(source, syntax::parse(source)?)
    }

    /// Parses, and checks that only `variables` and known functions are used, that all take what they are given, and that
    /// the result has the type asked for.
    ///
    /// The variables' fields have no types, so as a `bool` `dep.status.ready` alone is refused and
    /// `dep.status.ready == true` is accepted.
    pub fn compile(source: &str, variables: &[&str], output: Option<Type>) -> Result<Self, Error> {
        let parsed = syntax::parse(source)?;
        let fail = |message: String| Error::Parse { expression: source.to_owned(), message };
        let found =
            depth::walk(parsed.depth, || check::check(&parsed.expression, &parsed.places, source, variables))
                .ok_or_else(|| fail(NO_ROOM.to_owned()))?
                .map_err(fail)?;
        if let Some(output) = output
            && found != output.name()
        {
            return Err(Error::OutputType { expected: output.name(), found });
        }
        Self::planned(source, parsed)
    }

    fn planned(source: &str, parsed: Parsed) -> Result<Self, Error> {
        let Parsed { mut expression, depth, .. } = parsed;
        let planned = depth::walk(depth, move || {
            rewrite::rewrite(&mut expression);
            match plan::mistake(&expression) {
                Some(message) => Err(message),
                None => Ok(expression),
            }
        });
        let planned = planned.unwrap_or_else(|| Err(NO_ROOM.to_owned()));
        let expression = planned.map_err(|message| Error::Plan { message })?;
        Ok(Self { source: source.to_owned(), parts: expression, depth })
    }

    /// The text that was compiled.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates to a boolean.
    pub fn evaluate_bool<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Json)>,
    ) -> Result<bool, Error> {
        match self.run(variables)? {
            Value::Bool(result) => Ok(result),
            _ => Err(Error::NotBoolean { expression: self.source.clone() }),
        }
    }

    /// Evaluates to a text.
    pub fn evaluate_text<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Json)>,
    ) -> Result<String, Error> {
        match self.run(variables)? {
            Value::String(result) => Ok(result.to_string()),
            _ => Err(Error::NotText { expression: self.source.clone() }),
        }
    }

    /// Evaluates to whatever comes out.
    pub fn evaluate<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Json)>,
    ) -> Result<Json, Error> {
        Ok(value::to_json(&self.run(variables)?))
    }

    fn run<'v>(&self, variables: impl IntoIterator<Item = (&'v str, &'v Json)>) -> Result<Value, Error> {
        let variables: Vec<_> = variables.into_iter().collect();
        let evaluated = depth::walk(self.depth, || {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            for (name, value) in variables {
                context.add_variable_from_value(name, value::to_cel(value));
            }
            Value::resolve(&self.parts, &context)
                .map_err(|error| failures::describe(&error, &self.parts, &context))
        });
        evaluated
            .unwrap_or_else(|| Err(NO_ROOM.to_owned()))
            .map_err(|message| Error::Evaluate { expression: self.source.clone(), message })
    }
}
