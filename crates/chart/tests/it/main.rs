//! The crate against what Helm itself gave.

mod corpus;
mod release;
mod values;
