//! What every controller shares: flags, logs, metrics, election, queues, status, events.
//!
//! A controller's `run` builds a [`Manager`], asks it for a [`Controller`] per kind, gives each a [`Reconciler`]
//! and lets the manager run them:
//!
//! ```ignore
//! let manager = Manager::new("kustomize-controller", &args.common).await?;
//! let mut apps = manager.controller::<Kustomization>().concurrency(args.concurrent).owned_conditions(OWNED);
//! let by_source = apps.index(source_refs);
//! apps.watch(manager.api::<GitRepository>(), watcher::Config::default(), move |change| {
//!     dependents(&by_source, change)
//! });
//! manager.run(vec![apps.reconcile_with(AppReconciler::new())]).await
//! ```

mod backoff;
mod client;
mod controller;
mod dispatch;
mod error;
mod events;
mod feature_gates;
pub mod flags;
mod guard;
mod index;
mod jitter;
mod key;
mod lanes;
pub mod leader;
mod lean;
mod logging;
mod manager;
mod metrics;
mod no_proxy;
mod pass;
pub mod patch;
mod predicate;
mod process;
mod queue;
mod reflector;
mod related;
mod servers;
mod slim;
mod slot;
mod store;
mod sync;
mod task;
mod trigger;

pub use self::{
    backoff::Backoff,
    controller::{Action, Controller, Handle, Reconciler},
    error::{BoxError, ReconcileError, RuntimeError},
    events::{EventRecorder, EventType},
    feature_gates::FeatureGates,
    flags::CommonArgs,
    index::Index,
    jitter::Jitter,
    key::ObjectKey,
    lanes::{Lanes, Superseded},
    lean::Lean,
    manager::Manager,
    metrics::Metrics,
    pass::{Object, Pass},
    patch::PatchError,
    predicate::cause_of_change,
    process::main,
    reflector::Watched,
    store::{Change, Store},
    task::Task,
    trigger::{Cause, Trigger},
};
