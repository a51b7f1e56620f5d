//! image-automation-controller: commits selected images to Git.

mod args;
mod edit;
mod message;
mod policies;
mod pull_request;
mod push;
mod refspec;
mod scope;
mod selector;
mod signing;
mod source;
mod stores;
mod wiring;

use std::sync::Arc;

use sluice_apis::conditions::ConditionedObject as _;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation, UpdateStrategyName};
use sluice_apis::meta::now;
use sluice_apis::source::v1::GitRepository;
use sluice_auth::cloud::{CloudAccess, TokenCache, TokenMetrics};
use sluice_git::{Commit, Options, fetch, resolve};
use sluice_runtime::{Action, Lanes, Manager, Pass, ReconcileError, Reconciler, RuntimeError, Store};

pub use self::args::Args;
use self::args::{FEATURE_GATES, FORCE_PUSH_BRANCH, OBJECT_LEVEL_WORKLOAD_IDENTITY};
use self::policies::Chosen;
use self::push::Pushed;
use self::signing::Signers;
use self::source::Source;
use self::stores::Stores;
use crate::failure::{Failure, reasons};
use crate::finalize::{add_finalizer, release};
use crate::finish::{Before, Success, finish, record_request};
use crate::progress::announce;

/// The message of Ready when all is well.
const UP_TO_DATE: &str = "repository up-to-date";

/// Why the controller could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parts that every controller has.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// There is no directory for what is being fetched.
    #[error("unable to create a temporary directory: {0}")]
    Workspace(#[source] std::io::Error),
    /// A flag needs a feature that is off.
    #[error("--default-service-account needs the feature gate {OBJECT_LEVEL_WORKLOAD_IDENTITY}")]
    Gate,
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let workload_identity = gates.enabled(OBJECT_LEVEL_WORKLOAD_IDENTITY);
    if !args.default_service_account.is_empty() && !workload_identity {
        return Err(Error::Gate);
    }
    let manager = Manager::new("image-automation-controller", &args.common).await?;
    let concurrency = args.concurrent;
    let ssh = sluice_git::SshAlgorithms { kex: args.ssh_kex_algos, host_key: args.ssh_hostkey_algos };
    let tokens =
        TokenCache { size: args.common.token_cache_max_size, longest: args.common.token_cache_max_duration };
    let metrics = TokenMetrics::register(&manager.metrics());
    let account = args.default_service_account.as_str();
    let clouds = CloudAccess::new(manager.client(), tokens, metrics, workload_identity, account);
    let wired = wiring::controller(&manager);
    let reconciler = AutomationReconciler {
        access: sluice_auth::git::Shared::new(ssh, Arc::new(clouds)),
        lanes: Lanes::new(concurrency),
        stores: Stores::create().map_err(Error::Workspace)?,
        signers: Signers::default(),
        policies: wired.policies,
        sources: wired.sources,
        no_cross_namespace_refs: args.no_cross_namespace_refs,
        force_push_branch: gates.enabled(FORCE_PUSH_BRANCH),
    };
    let task = wired.controller.concurrency(concurrency).reconcile_with(reconciler);
    Ok(manager.run(vec![task]).await?)
}

struct AutomationReconciler {
    access: sluice_auth::git::Shared,
    lanes: Lanes,
    stores: Stores,
    signers: Signers,
    policies: Store<ImagePolicy>,
    sources: Store<GitRepository>,
    no_cross_namespace_refs: bool,
    /// Whether a push branch of its own is made anew each time.
    force_push_branch: bool,
}

impl Reconciler for AutomationReconciler {
    type Object = ImageUpdateAutomation;

    async fn reconcile(&self, pass: &mut Pass<ImageUpdateAutomation>) -> Result<Action, ReconcileError> {
        // 1. An object that is being deleted leaves nothing behind.
        if pass.object.metadata.deletion_timestamp.is_some() {
            self.stores.forget(pass.key());
            self.signers.forget(pass.key());
            return release(pass).await;
        }
        // 2. The finalizer goes before anything that has to be cleaned up.
        if add_finalizer(&mut pass.object) {
            pass.patch().await?;
        }
        // 3. A suspended object keeps what it has.
        if pass.object.spec.suspend {
            tracing::info!("reconciliation is suspended for this object");
            record_request(&mut pass.object);
            pass.patch().await?;
            return Ok(Action::Done);
        }
        let before = Before::of(&pass.object);
        let result = self.run(pass).await;
        // 11. The status tells how it went.
        finish(pass, &before, result).await
    }
}

impl AutomationReconciler {
    async fn run(&self, pass: &mut Pass<ImageUpdateAutomation>) -> Result<Success, Failure> {
        // 4. Say that work begins.
        pass.object.status.get_or_insert_default().last_automation_run_time = Some(now());
        announce(pass).await?;
        // 5. Find the images that are selected.
        let chosen = policies::choose(&self.policies.list(), &pass.object)?;
        // 6. Find the repository, and where to push to.
        let source = self.source(pass).await?;
        // 7. See whether there is anything to do.
        let observed = pass.object.status.clone().unwrap_or_default();
        let mut needed = observed.observed_policies != chosen.observed;
        needed |= source.push.switches || !source.push.refspec.is_empty();
        // What is asked for without markers takes effect when it is asked for.
        let is_new_spec = pass.object.observed_generation() != pass.object.generation();
        let update = &pass.object.spec.update;
        needed |= is_new_spec && !(update.unmarked.is_empty() && update.values_files.is_empty());
        if !needed
            && let Some(revision) = &observed.observed_source_revision
            && self.is_at(pass, &source, revision).await?
        {
            return Ok(success(pass, "no change since last reconciliation", None));
        }
        // 8. Fetch it.
        let commit = self.checkout(pass, &source).await?;
        if let UpdateStrategyName::Other(name) = &pass.object.spec.update.strategy {
            let message = format!("unsupported update strategy: {name}");
            return Err(Failure::stall(reasons::INVALID_UPDATE_STRATEGY, message));
        }
        // 9. Write the images to its files, commit and push.
        let pushed = match &source.proposals {
            None => self.apply(pass, &source, &commit, &chosen).await?,
            // 10. Or commit each part to a branch of its own, and propose it.
            Some(proposals) => self.propose(pass, &source, proposals, &commit, &chosen).await?,
        };
        let status = pass.object.status.get_or_insert_default();
        status.observed_policies = chosen.observed;
        status.observed_source_revision = Some(match &pushed {
            Some(pushed) if !source.push.switches => pushed.revision.clone(),
            _ => commit.revision.clone(),
        });
        let Some(pushed) = pushed else { return Ok(success(pass, UP_TO_DATE, None)) };
        // A commit that an earlier turn pushed is no news, unless that turn ended before it was recorded.
        let is_new = pushed.is_new || status.last_push_commit.as_deref() != Some(&pushed.sha);
        if is_new {
            status.last_push_commit = Some(pushed.sha);
            status.last_push_time = Some(now());
        }
        Ok(success(pass, UP_TO_DATE, (is_new || pushed.is_told).then_some(pushed.summary)))
    }

    /// Writes images to the files of a commit, and pushes the result; None if nothing is to be written.
    async fn apply(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        commit: &Commit,
        chosen: &Chosen,
    ) -> Result<Option<Pushed>, Failure> {
        let base = self.base(pass, source, commit).await?;
        let edits = self.edit(pass, &base, chosen).await?;
        if edits.is_empty() { Ok(None) } else { self.push(pass, source, &base, edits).await }
    }

    /// Whether the remote is at a revision, if a listing can tell.
    async fn is_at(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        revision: &str,
    ) -> Result<bool, Failure> {
        if !source.reference.is_listable() {
            return Ok(false);
        }
        let options = Options::timeout(source.timeout);
        let work = async || resolve(&source.remote, &source.reference, &options).await;
        let head = self.lanes.ask(pass, &source.remote.url, work).await?;
        let head =
            head.inspect_err(|error| self.access.heed(&source.remote, error)).map_err(checkout_failed)?;
        Ok(head.is_some_and(|head| head.revision == revision))
    }

    /// The commit that is checked out.
    async fn checkout(&self, pass: &Pass<ImageUpdateAutomation>, source: &Source) -> Result<Commit, Failure> {
        let options = Options::timeout(source.timeout);
        let store = self.stores.open(pass.key(), source.remote.url.as_str());
        let work = async || fetch(&source.remote, &source.reference, &store, &options).await;
        let commit = self.lanes.ask(pass, &source.remote.url, work).await?;
        commit.inspect_err(|error| self.access.heed(&source.remote, error)).map_err(checkout_failed)
    }

    /// The commit to build on: that which is checked out, unless a push branch keeps its history.
    async fn base(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        commit: &Commit,
    ) -> Result<Commit, Failure> {
        if !source.push.switches || self.force_push_branch {
            return Ok(commit.clone());
        }
        let head = self.push_branch(pass, source).await.map_err(|failure| match failure {
            Ok(error) => checkout_failed(error),
            Err(failure) => failure,
        })?;
        Ok(head.unwrap_or_else(|| commit.clone()))
    }
}

fn success(pass: &Pass<ImageUpdateAutomation>, quiet: &str, news: Option<String>) -> Success {
    let next = pass.object.spec.interval.0;
    Success { ready: UP_TO_DATE.to_owned(), news, quiet: quiet.to_owned(), next }
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn checkout_failed(error: sluice_git::Error) -> Failure {
    Failure::retry(reasons::GIT_OPERATION_FAILED, format!("failed to checkout source: {error}"))
}
