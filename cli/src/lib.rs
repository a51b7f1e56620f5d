//! The sluice command line.
