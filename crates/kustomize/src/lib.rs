//! The kustomize build engine: files in, ordered resources out.
