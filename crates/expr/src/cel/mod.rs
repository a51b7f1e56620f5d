//! Conditions in the Common Expression Language (<https://cel.dev>), with the libraries that Flux
//! gives them: optional types, strings, sets, encoders, numbers comparable across types.

mod sets;
mod types;

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value, objects};
use serde_json::Value as Json;

/// Longest expression that is parsed: a condition, not a program.
const MAX_LENGTH: usize = 64 * 1024;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    for extension in [cel::extensions::strings, cel::extensions::encoders, sets::extension] {
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
    /// The result's type, known before evaluation, is not a boolean.
    #[error(
        "CEL expression output type mismatch: expected bool, got {found} (compare the value, as in `… == true`)"
    )]
    OutputType {
        /// The type's name; `dyn` where only evaluation could tell.
        found: &'static str,
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
}

/// A condition, parsed once and evaluated as often as needed.
#[derive(Debug)]
pub struct Condition {
    source: String,
    program: Program,
}

impl Condition {
    /// Parses without checking types: which variables exist is known at evaluation only.
    pub fn parse(source: &str) -> Result<Self, Error> {
        let fail = |message: String| Error::Parse { expression: source.to_owned(), message };
        if source.len() > MAX_LENGTH {
            return Err(fail(format!("longer than {MAX_LENGTH} bytes")));
        }
        let program = ENVIRONMENT.compile(source).map_err(|e| fail(e.to_string()))?;
        Ok(Self { source: source.to_owned(), program })
    }

    /// Parses, and checks that only `variables` are used and that the result is a boolean.
    ///
    /// The variables' fields have no types, so `dep.status.ready` alone is refused and
    /// `dep.status.ready == true` is accepted.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, Error> {
        let condition = Self::parse(source)?;
        let unknown = types::undeclared(condition.program.expression(), variables);
        if let Some(name) = unknown {
            return Err(Error::Parse {
                expression: source.to_owned(),
                message: format!(
                    "undeclared reference to '{name}' (variables here: {})",
                    variables.join(", ")
                ),
            });
        }
        match types::output(condition.program.expression()) {
            "bool" => Ok(condition),
            found => Err(Error::OutputType { found }),
        }
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates with these variables.
    pub fn evaluate<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Json)>,
    ) -> Result<bool, Error> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, to_cel(value));
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(result)) => Ok(result),
            Ok(_) => Err(Error::NotBoolean { expression: self.source.clone() }),
            Err(error) => Err(Error::Evaluate { expression: self.source.clone(), message: describe(&error) }),
        }
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

/// JSON as CEL sees it. Whole numbers are `int`, as Kubernetes reads them.
fn to_cel(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::UInt(u),
            (None, None) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::String(Arc::new(s.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Json::Object(fields) => Value::Map(objects::Map {
            map: Arc::new(
                fields.iter().map(|(k, v)| (objects::Key::String(Arc::new(k.clone())), to_cel(v))).collect(),
            ),
        }),
    }
}
