//! Server-side apply in stages, drift detection, inventory, pruning and health waits.
//!
//! The pure parts ([`object`], [`read`], [`normalize`], [`order`], [`drift`], [`ignore`],
//! [`managed_fields`], [`inventory`], [`status`]) take data and return data. The parts that talk
//! to a cluster ([`Applier`], [`prune`](mod@prune), [`wait`]) go through a [`Cluster`]: a client with the
//! discovery and the watches that all clients of one API server share.

pub mod applier;
pub mod change;
pub mod cluster;
pub mod clusters;
pub mod dependencies;
pub mod drift;
pub mod error;
pub mod ignore;
pub mod inventory;
pub mod managed_fields;
pub mod normalize;
pub mod object;
pub mod order;
pub mod park;
pub mod prune;
pub mod read;
pub mod rules;
pub mod status;
pub mod wait;

pub use applier::{Applier, ApplyOptions, Difference};
pub use change::{Action, Change, ChangeSet};
pub use cluster::{Cluster, ClusterCache};
pub use error::{ApplyFailure, ApplyFailureCause, ClusterError, ObjectError};
pub use object::{Gvk, Object, ObjectId};
