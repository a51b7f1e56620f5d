//! Git over HTTP and SSH: resolve references, fetch shallowly, read trees, commit, push.
//!
//! ```no_run
//! # async fn run() -> Result<(), sluice_git::Error> {
//! use sluice_git::{Options, Reference, Remote, Walk, fetch};
//! let remote = Remote::new("https://example.org/app.git")?;
//! let options = Options::timeout(std::time::Duration::from_secs(60));
//! let commit = fetch(&remote, &Reference::Branch("main".into()), "/tmp/app.git".as_ref(), &options).await?;
//! commit.walk(|entry| {
//!     println!("{} {}", String::from_utf8_lossy(entry.path), entry.size()?);
//!     Ok::<_, sluice_git::Error>(Walk::Continue)
//! })
//! # }
//! ```

mod client;
mod commit;
mod content;
mod error;
mod fetch;
mod github;
mod lfs;
mod pack;
mod packed;
mod protocol;
mod push;
mod reference;
mod remote;
mod select;
mod sign;
mod store;
mod submodule;
mod transport;
mod tree;
mod write;

pub use client::{Head, Limits, Options, RemoteRef, fetch, fetch_commit, ls_remote, resolve};
pub use commit::{Commit, Person, Tag};
pub use content::Content;
pub use error::{Cause, Error};
pub use github::{GitHubApp, GitHubTokens};
pub use push::{Rule, Update, push};
pub use reference::{DEFAULT_BRANCH, Reference, ReferenceFields};
pub use remote::{Auth, Remote, SshAlgorithms};
pub use sign::ssh_signer;
pub use sluice_http::{ClientCertificate, Proxy, Tls};
pub use submodule::Submodule;
pub use tree::{Entry, Kind, Walk};
pub use write::{NewCommit, Signer, commit, is_repeat};
