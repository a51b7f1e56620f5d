//! Deterministic tar.gz archives, safe extraction, digests, and .sourceignore rules.
