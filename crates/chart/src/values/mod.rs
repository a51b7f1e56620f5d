//! Values: where they come from and how they come together.

pub(crate) mod coalesce;
mod dependencies;
mod strvals;
pub(crate) mod tables;

pub use coalesce::coalesce;
pub use dependencies::{is_compatible, process_dependencies};
pub use strvals::{
    MAX_INDEX, ReadFile, StrvalsError, parse_file, parse_json, parse_literal, parse_string, parse_typed,
};

use thiserror::Error;

/// Why values can't be brought together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ValuesError {
    /// What is given for a subchart is no map.
    #[error("type mismatch on {chart}: {found}")]
    Mismatch {
        /// The subchart.
        chart: String,
        /// What is given, in Go's words.
        found: String,
    },
}
