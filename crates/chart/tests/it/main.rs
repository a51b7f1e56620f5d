//! The crate against what Helm itself gave.

mod charts;
mod corpus;
mod flux;
mod formats;
mod release;
mod sprig;
mod values;
