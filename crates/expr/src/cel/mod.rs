//! Conditions in the Common Expression Language (<https://cel.dev>), with the libraries that Flux
//! gives them: optional types, strings, sets, encoders, numbers comparable across types.

mod check;
mod depth;

mod expression;
mod extras;
mod failures;
mod plan;
mod report;
mod rewrite;
mod sets;
mod syntax;
mod value;

use std::sync::{Arc, LazyLock};

use cel::Env;
use serde_json::Value as Json;

pub use self::expression::{Expression, Type};

/// Longest expression that is parsed: a condition, not a program.
const MAX_LENGTH: usize = 64 * 1024;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // The last of several entries with the same key counts.
    env.set_error_on_duplicate_map_keys(false);
    for extension in [
        cel::extensions::strings,
        cel::extensions::encoders,
        sets::extension,
        extras::extension,
        rewrite::extension,
    ] {
        // Declarations only clash with themselves, and each extension is added once.
        if let Err(error) = env.add_extension(extension) {
            debug_assert!(false, "extension clashes with the standard library: {error}");
        }
    }
    Arc::new(env)
});

/// Why an expression could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not an expression. The message shows the place.
    #[error("failed to parse the CEL expression '{expression}': {message}")]
    Parse {
        /// The text.
        expression: String,
        /// What the parser expected, with line and column.
        message: String,
    },
    /// The result's type, known before evaluation, is not the one asked for. A field of a variable, whose type nobody
    /// knows, is made a `bool` by `… == true` and a `string` by `string(…)`.
    #[error("CEL expression output type mismatch: expected {expected}, got {found}")]
    OutputType {
        /// The type asked for.
        expected: &'static str,
        /// The type's name; `dyn` where only evaluation could tell.
        found: String,
    },
    /// What is written out in the expression, a pattern for instance, can't be used.
    #[error("failed to create CEL program: {message}")]
    Plan {
        /// What was wrong.
        message: String,
    },
    /// The evaluation failed, for instance on a field that is missing.
    #[error("failed to evaluate the CEL expression '{expression}': {message}")]
    Evaluate {
        /// The text.
        expression: String,
        /// What was wrong.
        message: String,
    },
    /// The result is not a boolean.
    #[error("failed to evaluate CEL expression as boolean: '{expression}'")]
    NotBoolean {
        /// The text.
        expression: String,
    },
    /// The result is not a text.
    #[error("failed to evaluate CEL expression as string: '{expression}'")]
    NotText {
        /// The text.
        expression: String,
    },
}

/// A condition, parsed once and evaluated as often as needed.
#[derive(Debug)]
pub struct Condition(Expression);

impl Condition {
    /// Parses without checking types: which variables exist is known at evaluation only.
    pub fn parse(source: &str) -> Result<Self, Error> {
        Expression::parse(source).map(Self)
    }

    /// Parses, and checks that only `variables` are used and that the result is a boolean.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, Error> {
        Expression::compile(source, variables, Some(Type::Bool)).map(Self)
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Evaluates with these variables.
    pub fn evaluate<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Json)>,
    ) -> Result<bool, Error> {
        self.0.evaluate_bool(variables)
    }
}
