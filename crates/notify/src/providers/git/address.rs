//! Addresses of repositories and of their hosts' APIs: the same as for pull requests.

pub(super) use sluice_forge::{Repository, github_api, owner_and_name};
