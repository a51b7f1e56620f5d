//! Charts from real servers. The charts, the index, the signatures and the keys in `fixtures` are of `helm package
//! --sign`, `helm repo index` and `gpg --export`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod dependencies;
mod provenance;
mod registry;
mod repository;
mod support;
