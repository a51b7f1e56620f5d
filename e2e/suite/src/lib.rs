//! End-to-end suites on a real control plane.
