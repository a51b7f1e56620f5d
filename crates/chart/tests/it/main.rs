//! The crate against what Helm itself gave.

mod charts;
mod corpus;
mod flux;
mod formats;
mod known;
mod release;
mod sprig;
mod values;
