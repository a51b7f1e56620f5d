//! The shared vectors: digests as Go computes them.

mod vectors;
