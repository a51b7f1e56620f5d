//! Helm's actions on releases of charts, and what a `HelmRelease` makes of its spec.

pub mod action;
pub mod digest;
mod drift;
mod failure;
pub mod gojson;
mod hooks;
pub mod journal;
mod legacy;
mod log;
mod logs;
pub mod names;
pub mod objects;
pub mod record;
pub mod settings;
pub mod storage;
mod threeway;
pub mod values;
pub mod wait;

pub use self::drift::{Correction, Difference, Drift, Rules as DriftRules, correct, detect};
pub use self::failure::Failure;
pub use self::log::Log;
