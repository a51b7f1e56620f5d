//! The two controllers of images: one scans registries and selects tags, the other commits them to Git.
//!
//! They know each other only through the status of `ImagePolicy`.

pub mod automation;
mod failure;
mod finalize;
mod finish;
mod progress;
pub mod reflector;
