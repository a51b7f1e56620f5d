//! Real repositories and servers for the tests.

pub mod certs;
pub mod http;
pub mod proxy;
pub mod repo;
pub mod ssh;

use std::time::Duration;

use sluice_git::{Options, Remote};

/// Enough for any test that should succeed.
pub fn options() -> Options {
    Options::timeout(Duration::from_mins(1))
}

pub fn remote(url: &str) -> Remote {
    Remote::new(url).unwrap()
}

pub fn branch(name: &str) -> sluice_git::Reference {
    sluice_git::Reference::Branch(name.to_owned())
}

pub fn tag(name: &str) -> sluice_git::Reference {
    sluice_git::Reference::Tag(name.to_owned())
}

pub fn semver(constraint: &str) -> sluice_git::Reference {
    sluice_git::Reference::SemVer(constraint.to_owned())
}

pub fn name(name: &str) -> sluice_git::Reference {
    sluice_git::Reference::Name(name.to_owned())
}

pub fn commit(sha: &str, branch: Option<&str>) -> sluice_git::Reference {
    sluice_git::Reference::Commit { sha: sha.to_owned(), branch: branch.map(str::to_owned), name: None }
}
