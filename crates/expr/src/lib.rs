//! Expressions that users write: CEL conditions and envsubst variables.
//!
//! Both are pure: text and values in, text and values out.

pub mod cel;
pub mod envsubst;
