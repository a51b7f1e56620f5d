//! Holds a controller process together: client, metrics, events, election, start and end.

use std::{env, fs, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use kube::{Api, Client, Resource, core::NamespaceResourceScope, runtime::watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    Backoff, Controller, EventRecorder, Jitter, Metrics, RuntimeError, Store, Task, Watched, client,
    controller::{Parts, reconcile_id, tell_unreadable},
    flags::{CommonArgs, FlagError, parse_listen_addr},
    leader::{Candidate, Election, lease_name},
    logging,
    pass::Object,
    reflector, servers,
};

/// How long tasks may take to end; a little above what a controller gives its turns.
const TASKS_END: Duration = Duration::from_secs(6);
/// How long waiting events may take to be delivered at the end.
const EVENTS_END: Duration = Duration::from_secs(2);
/// How long giving up the lease may take at the end.
const LEASE_END: Duration = Duration::from_secs(1);

/// What the controllers of a process share.
pub struct Manager {
    name: &'static str,
    args: CommonArgs,
    client: Client,
    metrics: Metrics,
    events: EventRecorder,
    settings: Settings,
    instance: String,
    shutdown: CancellationToken,
}

/// What the flags and the environment come to.
struct Settings {
    backoff: Backoff,
    jitter: Jitter,
    /// `Some` when only that namespace is watched.
    namespace: Option<String>,
    events_addr: Option<Url>,
}

impl Settings {
    fn check(args: &CommonArgs) -> Result<Self, FlagError> {
        check_election(args)?;
        let namespace = match (args.watch_all_namespaces, runtime_namespace()) {
            (true, _) => None,
            (false, Some(namespace)) => Some(namespace),
            (false, None) => return Err(FlagError::RuntimeNamespace),
        };
        Ok(Self {
            backoff: args.backoff()?,
            jitter: args.jitter()?,
            namespace,
            events_addr: parse_events_addr(&args.events_addr)?,
        })
    }
}

impl Manager {
    /// Checks the flags, starts logging and builds the client. `name` is the controller's, such as
    /// `source-controller`: events, leases and field managers carry it.
    pub async fn new(name: &'static str, args: &CommonArgs) -> Result<Self, RuntimeError> {
        logging::init(args.log_encoding, args.log_level);
        let settings = Settings::check(args)?;
        let metrics = Metrics::new();
        let client = client::connect(name, args, &metrics).await?;
        Self::assemble(name, args, settings, client, metrics)
    }

    /// As [`new`](Self::new), with a client of one's own. Its requests are neither counted nor limited.
    ///
    /// Must be called within a Tokio runtime.
    pub fn with_client(name: &'static str, args: &CommonArgs, client: Client) -> Result<Self, RuntimeError> {
        logging::init(args.log_encoding, args.log_level);
        Self::assemble(name, args, Settings::check(args)?, client, Metrics::new())
    }

    fn assemble(
        name: &'static str,
        args: &CommonArgs,
        settings: Settings,
        client: Client,
        metrics: Metrics,
    ) -> Result<Self, RuntimeError> {
        let instance = hostname();
        let events = EventRecorder::start(client.clone(), name, &instance, settings.events_addr.clone())?;
        Ok(Self {
            name,
            args: args.clone(),
            client,
            metrics,
            events,
            settings,
            instance,
            shutdown: CancellationToken::new(),
        })
    }

    /// The controller's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A client for the cluster.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The event recorder. [`Pass::event`](crate::Pass::event) uses it.
    pub fn events(&self) -> EventRecorder {
        self.events.clone()
    }

    /// The metrics, to register more.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// This replica's name: the pod's, or the machine's.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Cancelled when the process is asked to end.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// The API of a kind in all namespaces that this process watches.
    pub fn api<K: Resource<Scope = NamespaceResourceScope>>(&self) -> Api<K>
    where
        K::DynamicType: Default,
    {
        match &self.settings.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The one namespace that this process watches; `None` for all.
    pub fn watched_namespace(&self) -> Option<&str> {
        self.settings.namespace.as_deref()
    }

    /// A controller for a kind of our own, which the label selector of a shard filters.
    pub fn controller<K: Object>(&self) -> Controller<K> {
        let mut watch = watcher::Config::default();
        if !self.args.watch_label_selector.is_empty() {
            watch = watch.labels(&self.args.watch_label_selector);
        }
        Controller::new(self.parts(), self.api(), watch)
    }

    /// As [`controller`](Self::controller), for a kind that [`reflect`](Self::reflect) keeps already.
    pub fn controller_of<K: Object>(&self, store: &Store<K>) -> Controller<K> {
        Controller::on_store(self.parts(), store)
    }

    fn parts(&self) -> Parts {
        Parts {
            client: self.client.clone(),
            events: self.events.clone(),
            metrics: self.metrics.clone(),
            backoff: self.settings.backoff,
            jitter: self.settings.jitter,
            field_manager: self.name.to_owned(),
        }
    }

    /// Keeps a kind in a store on every replica, also on those that don't lead. The task is to be given to
    /// [`run`](Self::run).
    pub fn reflect<S: Watched + Resource<Scope = NamespaceResourceScope>>(&self) -> (Store<S>, Task) {
        let store = Store::default();
        let (api, kept) = (self.api(), store.clone());
        let config = watcher::Config::default();
        let task = Task::new(format!("{} watch", reflector::kind_name::<S>()), |cancel| async move {
            Ok(reflector::run(api, config, kept, tell_unreadable::<S>, cancel).await?)
        });
        (store, task.on_every_replica())
    }

    /// Serves probes and metrics, waits to lead, and runs the tasks until the process is asked to end. Tasks for
    /// [every replica](Task::on_every_replica) start at once.
    ///
    /// At the end turns that go on are told, waiting events delivered and the lease given up, within ten seconds.
    /// A lost lease or a failed task ends everything at once with an error.
    pub async fn run(self, tasks: Vec<Task>) -> Result<(), RuntimeError> {
        self.serve().await?;
        cancel_on_signal(self.shutdown.clone())?;
        let (standing, leading): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.every_replica);
        let work = self.shutdown.child_token();
        let mut running = start(standing, &work);
        let mut candidate = self.candidate();
        let acquired = self.acquire(&mut candidate, &mut running).await;
        let leads = matches!(acquired, Ok(true));
        let result = if leads {
            let lease = lease_name(self.name, &self.args.watch_label_selector);
            self.metrics.set_leader(&lease, true);
            running.extend(start(leading, &work));
            self.lead(&mut candidate, &mut running).await?
        } else {
            acquired.map(drop)
        };
        self.shutdown.cancel();
        let rest = async { while running.next().await.is_some() {} };
        if tokio::time::timeout(TASKS_END, rest).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        self.events.flush(EVENTS_END).await;
        if let Some(candidate) = &mut candidate
            && leads
            && self.args.leader_election_release_on_cancel
        {
            // If this takes too long, the lease runs out by itself.
            let _ = tokio::time::timeout(LEASE_END, candidate.release()).await;
        }
        result
    }

    /// Waits to lead. False if the process is asked to end before.
    async fn acquire(
        &self,
        candidate: &mut Option<Candidate>,
        running: &mut Running,
    ) -> Result<bool, RuntimeError> {
        let Some(candidate) = candidate else { return Ok(true) };
        let acquire = candidate.acquire();
        tokio::pin!(acquire);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(false),
                () = &mut acquire => return Ok(true),
                Some(ended) = running.next() => ended?,
            }
        }
    }

    /// Leads until the process is asked to end or a task fails; the outer error is a lost lease, after which another
    /// replica may work already: no time is left for an orderly end.
    async fn lead(
        &self,
        candidate: &mut Option<Candidate>,
        running: &mut Running,
    ) -> Result<Result<(), RuntimeError>, RuntimeError> {
        let keep = async {
            match candidate {
                Some(candidate) => candidate.keep().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(keep);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(Ok(())),
                lost = &mut keep => return Err(lost.into()),
                Some(ended) = running.next() => if let Err(error) = ended { return Ok(Err(error)) },
            }
        }
    }

    async fn serve(&self) -> Result<(), RuntimeError> {
        if let Some(addr) = parse_listen_addr("metrics-addr", &self.args.metrics_addr)? {
            let router = servers::metrics(self.metrics.clone());
            servers::serve("metrics", addr, router, self.shutdown.clone()).await?;
        }
        if let Some(addr) = parse_listen_addr("health-addr", &self.args.health_addr)? {
            servers::serve("health probes", addr, servers::health(), self.shutdown.clone()).await?;
        }
        Ok(())
    }

    fn candidate(&self) -> Option<Candidate> {
        self.args.enable_leader_election.then(|| {
            let election = Election {
                namespace: runtime_namespace().unwrap_or_else(|| self.client.default_namespace().to_owned()),
                name: lease_name(self.name, &self.args.watch_label_selector),
                identity: format!("{}_{}", self.instance, reconcile_id()),
                lease_duration: self.args.leader_election_lease_duration,
                renew_deadline: self.args.leader_election_renew_deadline,
                retry_period: self.args.leader_election_retry_period,
            };
            Candidate::new(self.client.clone(), election)
        })
    }
}

type Running = FuturesUnordered<futures::future::BoxFuture<'static, Result<(), RuntimeError>>>;

fn start(tasks: Vec<Task>, cancel: &CancellationToken) -> Running {
    tasks
        .into_iter()
        .map(|Task { name, start, .. }| {
            let handle = tokio::spawn(start(cancel.clone()));
            let ended: futures::future::BoxFuture<'static, _> = Box::pin(async move {
                let result = handle.await.unwrap_or_else(|panic| Err(panic.into()));
                result.map_err(|source| RuntimeError::Task { task: name, source })
            });
            ended
        })
        .collect()
}

fn cancel_on_signal(shutdown: CancellationToken) -> Result<(), RuntimeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RuntimeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RuntimeError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end");
        shutdown.cancel();
    });
    Ok(())
}

fn check_election(args: &CommonArgs) -> Result<(), FlagError> {
    let (lease, renew, retry) = (
        args.leader_election_lease_duration,
        args.leader_election_renew_deadline,
        args.leader_election_retry_period,
    );
    let sound = lease > renew && renew > retry && !retry.is_zero();
    if args.enable_leader_election && !sound {
        return Err(FlagError::Election { lease, renew, retry });
    }
    Ok(())
}

fn parse_events_addr(text: &str) -> Result<Option<Url>, FlagError> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
        _ => Err(FlagError::EventsAddress),
    }
}

/// The namespace that this process runs in, if it was told.
fn runtime_namespace() -> Option<String> {
    env::var("RUNTIME_NAMESPACE").ok().filter(|name| !name.is_empty())
}

fn hostname() -> String {
    let from_env = env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let from_kernel = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    from_env.or_else(from_kernel).map_or_else(|| "localhost".to_owned(), |name| name.trim().to_owned())
}
