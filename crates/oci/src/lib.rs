//! A client of OCI registries: resolve, list, pull.
