//! The types of the Flux APIs, their conditions and durations.
