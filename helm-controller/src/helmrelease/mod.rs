//! The kind `HelmRelease`: a chart is released with values, tested, repaired and kept as it should be.
//!
//! A pass reads top to bottom in [`Releaser::pass`]; each phase has a file of its own.

mod chart;
mod chart_template;
mod decide;
mod dependencies;
mod files;
mod finalize;
mod history;
mod inventory;
mod observe;
mod recover;
mod release;
mod remediation;
mod report;
mod requests;
mod source;
mod spec;
mod status;
mod steps;
mod wiring;

use std::collections::BTreeMap;
use std::time::Duration;

use kube::{Client, Resource};
use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{READY, RECONCILING};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{ChartNameChangeStrategy, HelmRelease};
use sluice_apis::meta::FINALIZER;
use sluice_apply::clusters::{self, Clusters, Unreachable};
use sluice_apply::status::expressions;
use sluice_archive::Algorithm;
use sluice_release::action::CapabilityCache;
use sluice_release::storage::Storage;
use sluice_release::{digest, journal, values};
use sluice_runtime::{Action, EventType, Pass, ReconcileError, Reconciler, Store};

use self::release::{End, Subject};
use self::source::SourceKey;

pub use self::source::Access;
pub use self::wiring::{Setup, start};

/// What precedes the text of errors that only a change of the spec mends.
const TERMINAL: &str = "Reconciliation failed terminally due to configuration error";

/// What the flags and feature gates say about `HelmReleases`.
#[derive(Clone, Debug)]
pub struct Options {
    /// How soon to look again at what is not there yet.
    pub look_again: Duration,
    /// Which sources may be used.
    pub access: Access,
    /// Whether a ready expression adds to the built-in check instead of replacing it.
    pub additive_ready_expression: bool,
    /// Whether actions without a strategy are retried instead of remedied.
    pub retry_by_default: bool,
    /// Whether the digest of an OCI artifact becomes part of its chart's version.
    pub track_chart_digest: bool,
    /// Whether what the spec does not say is as in Helm 3.
    pub helm_3_defaults: bool,
    /// Whether values may come from files of sources.
    pub artifact_values: bool,
    /// Whether templates may ask name servers.
    pub allow_dns: bool,
    /// Whether something newer ends a wait.
    pub cancel_waits: bool,
    /// Field managers whose fields are taken over when drift is looked for.
    pub override_managers: Vec<String>,
    /// The algorithm of digests in the status.
    pub algorithm: Algorithm,
}

/// Brings `HelmReleases` to the state that they describe.
pub struct Releaser {
    client: Client,
    clusters: Clusters,
    charts: chart::Charts,
    fetcher: sluice_artifact::Fetcher,
    capabilities: CapabilityCache,
    releases: Store<HelmRelease>,
    sources: BTreeMap<String, source::Lookup>,
    /// Charts as the watch has them.
    charts_seen: Store<source::Chart>,
    options: Options,
}

type HelmReleasePass = Pass<HelmRelease>;

impl Reconciler for Releaser {
    type Object = HelmRelease;

    async fn reconcile(&self, pass: &mut HelmReleasePass) -> Result<Action, ReconcileError> {
        let (action, observed) = self.pass(pass).await;
        status::record_request(&mut pass.object);
        if observed {
            status::observe_generation(&mut pass.object);
        }
        journal::before_write("status after a pass");
        pass.patch().await?;
        if conditions::reason(&pass.object, READY) == Some(reasons::DEPENDENCY_NOT_READY)
            && self.check_dependencies(&pass.object).is_ok()
        {
            // It became ready before this status could be seen: nothing else would tell.
            return Ok(Action::Now);
        }
        action
    }
}

/// What is about to be released.
struct Attempt<'a> {
    /// The chart's version, with what the source's revision makes of it.
    version: &'a str,
    values: &'a serde_json::Map<String, serde_json::Value>,
    /// That of the values.
    config_digest: &'a str,
}

/// How a pass ends, and whether the generation counts as observed.
type Outcome = (Result<Action, ReconcileError>, bool);

/// Done with this generation.
fn observed(action: Action) -> Outcome {
    (Ok(action), true)
}

/// Something is awaited.
fn unobserved(action: Action) -> Outcome {
    (Ok(action), false)
}

/// It is tried again with backoff.
fn failed(message: impl Into<String>) -> Outcome {
    (Err(ReconcileError::message(message)), false)
}

impl Releaser {
    fn rules(&self) -> decide::Rules {
        decide::Rules { retry_by_default: self.options.retry_by_default, algorithm: self.options.algorithm }
    }

    fn storage(subject: &Subject, namespace: &str, max_history: i64) -> Storage {
        let max = usize::try_from(max_history).unwrap_or_default();
        Storage::new(subject.cluster.client().clone(), namespace, max)
    }

    async fn pass(&self, pass: &mut HelmReleasePass) -> Outcome {
        // 1. Deletion, first sight, suspension.
        if pass.object.meta().deletion_timestamp.is_some() {
            let finalized = self.finalize(pass).await;
            let is_done = finalized.is_ok();
            return (finalized, is_done);
        }
        if add_finalizer(&mut pass.object) {
            return unobserved(Action::Now);
        }
        if pass.object.spec.suspend {
            tracing::info!("reconciliation is suspended for this object");
            return observed(Action::Done);
        }

        // 2. What it needs: valid expressions, a chart to be made, ready dependencies, a source with an artifact.
        let readers = match expressions::readers(&pass.object.spec.health_check_exprs) {
            Ok(readers) => readers,
            Err(error) => return stall_on_expression(pass, &error.to_string()),
        };
        let source = SourceKey::of(&pass.object);
        if let Some(source) = &source
            && let Err(denied) = source::check_access(&pass.object, source, self.options.access)
        {
            return deny(pass, &denied);
        }
        let generation = match chart_template::reconcile(pass, &self.client, &self.charts_seen).await {
            Ok(generation) => generation,
            Err(error) => return failed(error),
        };
        conditions::mark_reconciling(&mut pass.object, reasons::PROGRESSING, "Fulfilling prerequisites");
        if let Err(error) = pass.progress().await {
            return (Err(error.into()), false);
        }
        match self.check_dependencies(&pass.object) {
            Ok(()) => {}
            Err(dependencies::NotReady::Invalid(error)) => return stall_on_expression(pass, &error),
            Err(dependencies::NotReady::Wait(message)) => {
                conditions::mark_false(
                    &mut pass.object,
                    READY,
                    reasons::DEPENDENCY_NOT_READY,
                    message.clone(),
                );
                pass.event(EventType::Normal, reasons::DEPENDENCY_NOT_READY, &message, &BTreeMap::new());
                return unobserved(Action::After(self.options.look_again));
            }
        }
        status::clear_stale_ready(&mut pass.object, &[reasons::DEPENDENCY_NOT_READY]);

        let Some(source) = source else { return failed("invalid Chart reference") };
        let found = self.sources.get(source.kind.as_str()).and_then(|lookup| lookup(&source.key));
        let Some(found) = source::not_before(found, generation) else {
            let name = &source.key.name;
            let error = format!("{}.{} \"{name}\" not found", source.kind, sluice_apis::source::GROUP);
            let message = format!("could not get Source object: {error}");
            conditions::mark_false(&mut pass.object, READY, reasons::ARTIFACT_FAILED, message);
            return failed(error);
        };
        status::clear_stale_ready(&mut pass.object, &[reasons::ACCESS_DENIED, reasons::ARTIFACT_FAILED]);
        let artifact = match source::artifact(&source, &found) {
            Ok(artifact) => artifact,
            Err(message) => {
                tracing::info!("{message}");
                conditions::mark_false(&mut pass.object, READY, reasons::SOURCE_NOT_READY, message);
                return unobserved(Action::AfterJittered(self.options.look_again));
            }
        };
        status::clear_stale_ready(&mut pass.object, &[reasons::SOURCE_NOT_READY]);

        // 3. Values and chart.
        let values = match self.values(&pass.object).await {
            Ok(values) => values,
            Err(error) => {
                let message = error.explained();
                conditions::mark_false(&mut pass.object, READY, reasons::VALUES_ERROR, message.clone());
                pass.event(EventType::Warning, reasons::VALUES_ERROR, &error.to_string(), &BTreeMap::new());
                return failed(message);
            }
        };
        status::clear_stale_ready(&mut pass.object, &[reasons::VALUES_ERROR]);
        let chart = match self.charts.load(&artifact, self.options.look_again).await {
            Ok(chart) => chart,
            Err(chart::Failure::NotFound(message)) => {
                tracing::info!("{message}");
                conditions::mark_false(&mut pass.object, READY, reasons::ARTIFACT_FAILED, message);
                return unobserved(Action::After(self.options.look_again));
            }
            Err(chart::Failure::Failed(error)) => {
                let message = format!("Could not load chart: {error}");
                conditions::mark_false(&mut pass.object, READY, reasons::ARTIFACT_FAILED, message);
                pass.event(EventType::Warning, reasons::ARTIFACT_FAILED, &error, &BTreeMap::new());
                return failed(error);
            }
        };
        status::clear_stale_ready(&mut pass.object, &[reasons::ARTIFACT_FAILED]);
        let track = self.options.track_chart_digest;
        let own = &chart.metadata.version;
        let (version, oci_digest) =
            match chart::version(&pass.object, &source, &artifact.revision, own, track) {
                Ok(found) => found,
                Err(message) => {
                    conditions::mark_false(
                        &mut pass.object,
                        READY,
                        reasons::CHART_MUTATE_ERROR,
                        message.clone(),
                    );
                    return failed(message);
                }
            };

        // 4. The cluster, and where the release has been before.
        let config_digest = digest::of_values(self.options.algorithm, &values).to_string();
        let is_resumed =
            pass.object.status.as_ref().is_some_and(|status| status.last_attempted_revision.is_some());
        let cluster = match self.clusters.target(&pass.object).await {
            Ok(cluster) => cluster,
            Err(clusters::Error::Unreachable(unreachable)) => {
                // A release that has moved is uninstalled before anything else is attempted.
                if moved(&mut pass.object, &chart.metadata.name).is_none() {
                    let attempt =
                        Attempt { version: &version, values: &values, config_digest: &config_digest };
                    Self::begin(&mut pass.object, &attempt, oci_digest);
                }
                return not_reached(&mut pass.object, &unreachable);
            }
            Err(error) => {
                let message = match error.detail() {
                    Some(detail) => format!("{error}: {detail}"),
                    None => error.to_string(),
                };
                conditions::mark_false(&mut pass.object, READY, reasons::REST_CLIENT_ERROR, message.clone());
                return failed(message);
            }
        };
        status::clear_stale_ready(&mut pass.object, &[reasons::REST_CLIENT_ERROR]);
        let subject = Subject { cluster, chart, version, values, config_digest, readers, is_resumed };
        if let Some(moved) = moved(&mut pass.object, &subject.chart.metadata.name) {
            tracing::info!(
                "release target configuration changed ({moved}): running uninstall for current release"
            );
            return self.leave(pass, &subject).await;
        }

        // 5. The steps.
        let Subject { version, values, config_digest, .. } = &subject;
        Self::begin(&mut pass.object, &Attempt { version, values, config_digest }, oci_digest);
        let namespace = spec::storage_namespace(&pass.object).to_owned();
        let storage = Self::storage(&subject, &namespace, spec::max_history(&pass.object));
        let end = Box::pin(self.release(pass, &subject, &storage)).await;
        if self.options.cancel_waits
            && pass.is_preempted()
            && matches!(end, End::Again | End::Retry | End::Stalled(_) | End::Error(_))
        {
            return self.canceled(pass).await;
        }
        match end {
            End::Done => observed(Action::AfterJittered(pass.object.spec.interval.0)),
            End::Again => unobserved(Action::Now),
            End::Retry => {
                let interval = remediation::active_retry(&pass.object, self.options.retry_by_default);
                observed(Action::AfterJittered(interval.unwrap_or(self.options.look_again)))
            }
            End::Stalled(error) => {
                tracing::error!(error, "the release can't be brought to its desired state");
                observed(Action::Done)
            }
            End::Error(error) => failed(error),
        }
    }

    /// Uninstalls the release from where it was; the next pass installs it where it is to be.
    async fn leave(&self, pass: &mut HelmReleasePass, subject: &Subject) -> Outcome {
        let namespace = pass.object.status.as_ref().and_then(|status| status.storage_namespace.clone());
        let storage = Self::storage(subject, &namespace.unwrap_or_default(), spec::max_history(&pass.object));
        if let Err(error) = self.uninstall(pass, subject, &storage).await {
            return failed(error);
        }
        status::clear_failures(&mut pass.object);
        let status = status::status_mut(&mut pass.object);
        status.history.clear();
        status.storage_namespace = None;
        unobserved(Action::Now)
    }

    /// Records what is about to be attempted. What failed with something else no longer counts.
    fn begin(object: &mut HelmRelease, attempt: &Attempt<'_>, oci_digest: Option<String>) {
        let storage_namespace = spec::storage_namespace(object).to_owned();
        // Asked first, so that the request is recorded even where something else resets as well.
        let reset = requests::take_reset(object);
        let generation = object.metadata.generation.unwrap_or_default();
        let version = attempt.version.to_owned();
        let status = status::status_mut(object);
        status.storage_namespace = Some(storage_namespace);
        let values_changed = match &status.last_attempted_config_digest {
            Some(digest) => !digest::values_match(digest, attempt.values),
            None => false,
        };
        let differs = status.last_attempted_generation != generation
            || status.last_attempted_revision.as_deref() != Some(version.as_str())
            || values_changed
            || reset;
        if differs {
            status::clear_failures(object);
        }
        let status = status::status_mut(object);
        status.last_attempted_generation = generation;
        status.last_attempted_revision = Some(version);
        status.last_attempted_revision_digest = oci_digest;
        status.last_attempted_config_digest = Some(attempt.config_digest.to_owned());
        status.last_attempted_values_checksum = None;
        status.last_release_revision = 0;
    }

    /// A wait was ended by something newer.
    async fn canceled(&self, pass: &mut HelmReleasePass) -> Outcome {
        let by = pass.preempted().await;
        let message = format!("New reconciliation triggered by {by}");
        conditions::mark_false(&mut pass.object, READY, reasons::HEALTH_CHECK_CANCELED, message);
        let message = format!("Health checks canceled due to new reconciliation triggered by {by}");
        pass.event(EventType::Normal, reasons::HEALTH_CHECK_CANCELED, &message, &BTreeMap::new());
        unobserved(Action::Now)
    }

    fn check_dependencies(&self, object: &HelmRelease) -> Result<(), dependencies::NotReady> {
        let additive = self.options.additive_ready_expression;
        dependencies::check_all(object, |key| self.releases.get(key), additive)
    }

    async fn values(
        &self,
        object: &HelmRelease,
    ) -> Result<serde_json::Map<String, serde_json::Value>, values::ValuesError> {
        let namespace = spec::namespace(object);
        let inline = values::inline(object.spec.values.as_ref())?;
        let found = values::read(&self.client, namespace, &object.spec.values_from, self).await?;
        values::compose(namespace, inline, &found)
    }
}

/// The API server of the release's cluster is not there: its first question would have been about the storage.
fn not_reached(object: &mut HelmRelease, unreachable: &Unreachable) -> Outcome {
    let Unreachable { server, cause, pause } = unreachable;
    let (namespace, name) = (spec::storage_namespace(object), spec::short_release_name(object));
    let secrets =
        format!("{server}/api/v1/namespaces/{namespace}/secrets?labelSelector=name%3D{name}%2Cowner%3Dhelm");
    let error = format!(
        "failed to retrieve last release from storage: query: failed to query with labels: Get \"{secrets}\": {cause}"
    );
    let pause = pause.as_ref().map(|pause| format!(": {pause}")).unwrap_or_default();
    let message = format!("Could not determine release state: {error}{pause}");
    conditions::mark_false(object, READY, reasons::STATE_ERROR, message);
    failed(format!("cannot determine release state: {error}"))
}

/// An expression in the spec can't be used, whatever the cluster's state.
fn stall_on_expression(pass: &mut HelmReleasePass, error: &str) -> Outcome {
    let message = format!("{TERMINAL}: {error}");
    conditions::mark_false(&mut pass.object, READY, reasons::INVALID_CEL_EXPRESSION, message.clone());
    conditions::mark_stalled(&mut pass.object, reasons::INVALID_CEL_EXPRESSION, message);
    pass.event(EventType::Warning, reasons::INVALID_CEL_EXPRESSION, error, &BTreeMap::new());
    observed(Action::Done)
}

/// The flags forbid what the spec asks for.
fn deny(pass: &mut HelmReleasePass, why: &str) -> Outcome {
    conditions::mark_stalled(&mut pass.object, reasons::ACCESS_DENIED, why);
    conditions::mark_false(&mut pass.object, READY, reasons::ACCESS_DENIED, why);
    conditions::delete(&mut pass.object, RECONCILING);
    pass.event(EventType::Warning, reasons::ACCESS_DENIED, why, &BTreeMap::new());
    observed(Action::Done)
}

/// What about the release has moved since it was made; it can't be moved by an upgrade.
fn moved(object: &mut HelmRelease, chart: &str) -> Option<&'static str> {
    let reinstalls =
        object.spec.upgrade.as_ref().and_then(|upgrade| upgrade.chart_name_change_strategy.as_ref())
            != Some(&ChartNameChangeStrategy::InPlaceUpdate);
    let recorded = object.status.as_ref().and_then(|status| status.storage_namespace.clone())?;
    let latest = history::latest(&mut status::status_mut(object).history)?.clone();
    if spec::storage_namespace(object) != recorded {
        Some("storage namespace")
    } else if spec::release_namespace(object) != latest.namespace {
        Some("release namespace")
    } else if spec::short_release_name(object) != latest.name {
        Some("release name")
    } else if chart != latest.chart_name && reinstalls {
        Some("chart name")
    } else {
        None
    }
}

/// Adds the finalizer; false if it is there.
fn add_finalizer(object: &mut HelmRelease) -> bool {
    let finalizers = object.metadata.finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|name| name == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}
