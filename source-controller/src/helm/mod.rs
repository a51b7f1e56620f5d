//! What `HelmRepository` and `HelmChart` have in common: the way to repositories, and their indexes.

pub(crate) mod access;

pub(crate) use sluice_chartrepo::{address, download, index};
