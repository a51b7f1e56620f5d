//! Why a patch doesn't apply.

/// Why a patch doesn't apply. The words are those of the Go libraries that kustomize uses; values are never in them,
/// for they may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text of a JSON patch is not a list of operations.
    #[error("invalid JSON patch: {0}")]
    Patch(String),
    /// An operation of a JSON patch has no `path`, or needs a `from` and has none.
    #[error("{operation} operation failed to decode {field}: operation missing {field} field: missing value")]
    Incomplete {
        /// `add`, `remove`, …
        operation: &'static str,
        /// `path` or `from`
        field: &'static str,
    },
    /// The kind of an operation is none of RFC 6902's.
    #[error("Unexpected kind: {0}")]
    Operation(String),
    /// A place that an operation needs is not there.
    #[error("{operation} operation does not apply: {}is missing {what}: {path}: missing value", if *.operation == "test" { "" } else { "doc " })]
    Missing {
        /// `add`, `remove`, …
        operation: &'static str,
        /// `path`, `key`, `from path` or `destination path`
        what: &'static str,
        /// The JSON pointer.
        path: String,
    },
    /// An operation fails at a place that is there.
    #[error("error in {operation} for {}: '{path}': {cause}", if *.operation == "copy" { "from" } else { "path" })]
    Apply {
        /// `add`, `remove`, …
        operation: &'static str,
        /// The JSON pointer.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// A `test` operation found another value.
    #[error("testing value {path} failed: test failed")]
    Test {
        /// The JSON pointer.
        path: String,
    },
    /// Patch and target have different kinds of value in one place.
    #[error("wrong node kind: expected {expected} but got {got} at {path}{}", at_line(*.line))]
    Kind {
        /// `MappingNode`, `SequenceNode` or `ScalarNode`
        expected: &'static str,
        /// The kind that is there.
        got: &'static str,
        /// The field's path: `spec.template`.
        path: String,
        /// The line of the node that doesn't fit, in its own file; 0 if unknown.
        line: u32,
    },
    /// `$patch` has a value that means nothing.
    #[error("unknown patch strategy '{strategy}' at {path}: use delete, merge or replace")]
    Strategy {
        /// The value.
        strategy: String,
        /// The path of the object that holds it.
        path: String,
    },
    /// An OpenAPI document can't be used.
    #[error("invalid OpenAPI document: {0}")]
    Schema(String),
    /// The object can't be converted to JSON.
    #[error(transparent)]
    Yaml(#[from] sluice_yaml::Error),
}

fn at_line(line: u32) -> String {
    if line == 0 { String::new() } else { format!(" (line {line})") }
}
