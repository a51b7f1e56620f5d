//! Expressions that are compiled once and evaluated as often as needed.

use std::sync::Arc;

use cel::{Context, ExecutionError, Program, Value};
use serde_json::Value as Json;

use super::{ENVIRONMENT, Error, MAX_LENGTH, references, types, value};

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
    program: Program,
}

impl Expression {
    /// Parses without checking types: which variables exist is known at evaluation only.
    pub fn parse(source: &str) -> Result<Self, Error> {
        let fail = |message: String| Error::Parse { expression: source.to_owned(), message };
        if source.len() > MAX_LENGTH {
            return Err(fail(format!("longer than {MAX_LENGTH} bytes")));
        }
        // The lines that show the place are set in by one blank in Go.
        let indented = |error: cel::ParseErrors| error.to_string().replace("\n| ", "\n | ");
        let program = ENVIRONMENT.compile(source).map_err(|error| fail(indented(error)))?;
        Ok(Self { source: source.to_owned(), program })
    }

    /// Parses, and checks that only `variables` and known functions are used and that the result has the type asked for.
    ///
    /// The variables' fields have no types, so as a `bool` `dep.status.ready` alone is refused and
    /// `dep.status.ready == true` is accepted.
    pub fn compile(source: &str, variables: &[&str], output: Option<Type>) -> Result<Self, Error> {
        let expression = Self::parse(source)?;
        if let Some(message) = references::undeclared(&expression.program, source, variables) {
            return Err(Error::Parse { expression: source.to_owned(), message });
        }
        if let Some(output) = output {
            let (expected, found) = (output.name(), types::output(expression.program.expression()));
            if found != expected {
                return Err(Error::OutputType { expected, found });
            }
        }
        Ok(expression)
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
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, value::to_cel(value));
        }
        self.program
            .execute(&context)
            .map_err(|error| Error::Evaluate { expression: self.source.clone(), message: describe(&error) })
    }
}

/// The words that cel-go uses where users know them.
fn describe(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::UndeclaredReference(name) => format!("no such attribute(s): {name}"),
        other => other.to_string(),
    }
}
