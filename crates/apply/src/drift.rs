//! Whether a live object differs from what a dry-run says it should be.
