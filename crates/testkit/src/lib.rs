//! Real servers for tests, each stopped by its process id when its handle is dropped.
//!
//! ```ignore
//! let cluster = ControlPlane::shared()?;
//! cluster.install_crds().await?;
//! let namespace = cluster.namespace("push").await?;
//! let git = GitServer::start(&GitOptions::default())?;
//! let repository = git.repository("app")?;
//! let commit = repository.commit("first", &[("app.yaml", Some("…"))])?;
//! let controller = Controller::of("source-controller").in_namespace(&namespace).start().await?;
//! namespace.apply(&manifest(&repository.http_url())).await?;
//! wait_ready(&namespace.objects("source.toolkit.fluxcd.io/v1", "GitRepository")?, "app", TIMEOUT).await?;
//! ```
//!
//! Nothing here sleeps for a fixed time: tests wait for what they want to see, and say so when it does
//! not come. Servers that must outlive a test (the shared control plane) end with the test process.

mod binary;
mod control_plane;
mod controller;
mod crds;
mod files;
mod git_options;
mod git_repository;
mod git_server;
mod gitea;
mod key_services;
mod kubelet;
mod metrics;
mod namespace;
mod object_store;
mod ports;
mod process;
mod registry;
mod server;
mod signers;
mod sink;
mod tls;
mod wait;

pub use self::{
    binary::{e2e_binary, project_root},
    control_plane::{ControlPlane, Options},
    controller::{Controller, ControllerBuilder},
    files::{Authority, FileRequest, FileServer},
    git_options::GitOptions,
    git_repository::GitRepository,
    git_server::{GitServer, Request},
    gitea::Gitea,
    key_services::{Fault, KeyRequest, KeyServices, SopsKey},
    kubelet::Kubelet,
    metrics::{Metrics, Sample},
    namespace::Namespace,
    object_store::{ObjectStore, S3Options, StoreRequest},
    ports::free_address,
    registry::{PushedArtifact, Registry, RegistryOptions, RegistryRequest},
    signers::{Cosign, NotationSigner},
    sink::{EventSink, Received},
    wait::{condition, wait_for, wait_gone, wait_ready},
};
