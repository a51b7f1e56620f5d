//! JSON patch, merge patch and strategic merge patch over YAML trees, by the Kubernetes schema.
