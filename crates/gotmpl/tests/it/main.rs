//! The crate against what Go itself gave, and against templates that mean harm.

mod abuse;
mod corpus;
mod gotemplate;
mod sprig;
mod support;
