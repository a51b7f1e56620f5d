//! source-controller and kustomize-controller together, as the binaries that users run, on a real API server.
//!
//! Each test has a namespace, a Git server and controllers of its own; all share one control plane whose audit
//! log tells what was written. Tests wait for what they want to see; none sleeps for a fixed time.

mod bad_manifests;
mod bad_sources;
mod bases;
mod clock;
mod cloud_keys;
mod crash;
mod decryption;
mod deletion;
mod dependencies;
mod drift;
mod key_services;
mod neighbours;
mod ownership;
mod remote;
mod restart;
mod restarts;
mod retries;
mod scale;
mod secrecy;
mod sent;
mod substitution;
mod support;
mod waiting;
mod watched;
mod weather;
