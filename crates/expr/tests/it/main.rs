//! Vectors made by the programs whose behaviour is to be met, and conditions as users write them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cel;
mod cel_go;
mod envsubst;
