//! Builds, applies, prunes and health-checks manifests.
