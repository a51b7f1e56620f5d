//! Expressions that users write: CEL conditions and envsubst variables.
