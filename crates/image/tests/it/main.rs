//! Tests of the whole crate.

mod policies;
mod properties;
mod setters;
mod upstream;
