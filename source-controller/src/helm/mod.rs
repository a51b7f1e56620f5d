//! What `HelmRepository` and `HelmChart` have in common: the way to repositories, and their indexes.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod download;
pub(crate) mod index;
