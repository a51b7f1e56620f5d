//! Charts that are wrong, by mistake or on purpose.

mod abuse;
mod mistakes;
mod support;
