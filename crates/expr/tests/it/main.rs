//! Vectors made by the programs whose behaviour is to be met.

mod cel;
mod envsubst;
