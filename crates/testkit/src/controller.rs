//! A controller under test, as the binary that users run.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    EventSink, Metrics, Namespace, binary::controller_command, ports::free_address, process::Process,
};

/// How long a controller may take until it says that it is ready.
const READY: Duration = Duration::from_secs(30);

/// How a controller is started. Leader election is off unless asked for, ports are free ones of the loopback address.
pub struct ControllerBuilder {
    name: String,
    kubeconfig: Option<PathBuf>,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    elects: bool,
}

/// A running controller, stopped when this handle is dropped.
pub struct Controller {
    builder: ControllerBuilder,
    process: Process,
    health: String,
    metrics: String,
    storage: Option<String>,
    http: reqwest::Client,
    folder: TempDir,
}

impl Controller {
    /// Describes a controller by its binary's name, such as `source-controller`.
    pub fn of(name: &str) -> ControllerBuilder {
        let environment = BTreeMap::from([("RUNTIME_NAMESPACE".into(), "default".into())]);
        ControllerBuilder {
            name: name.to_owned(),
            kubeconfig: None,
            arguments: Vec::new(),
            environment,
            elects: false,
        }
    }

    /// Host and port at which source-controller or source-watcher serves artifacts.
    pub fn storage(&self) -> Option<&str> {
        self.storage.as_deref()
    }

    /// The folder in which source-controller keeps artifacts.
    pub fn storage_path(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything that it logged, restarts included.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The log's JSON lines.
    pub fn log_entries(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Its metrics now.
    pub async fn metrics(&self) -> Result<Metrics> {
        let url = format!("http://{}/metrics", self.metrics);
        let text = self.http.get(url).send().await?.error_for_status()?.text().await?;
        Ok(Metrics::parse(&text))
    }

    /// Its resident memory in bytes: now, and at its peak.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kibibytes = |key: &str| -> Option<u64> {
            status.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix(" kB")?.parse().ok()
        };
        let bytes =
            |key| kibibytes(key).map(|value| value * 1024).with_context(|| format!("no {key} in its status"));
        Ok((bytes("VmRSS:")?, bytes("VmHWM:")?))
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it at once, as a crash would; its folder stays for [`Self::restart`].
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().map(|_| ())
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.stop()
    }

    /// How it ended, if it has ended by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Starts it again with the same flags, addresses and folder, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop()?;
        self.process = self.builder.spawn(self.folder.path(), &self.addresses())?;
        self.until_ready().await
    }

    fn addresses(&self) -> Addresses<'_> {
        Addresses { health: &self.health, metrics: &self.metrics, storage: self.storage.as_deref() }
    }

    async fn until_ready(&mut self) -> Result<()> {
        let url = format!("http://{}/readyz", self.health);
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.ended()? {
                bail!("{} ended ({status}):\n{}", self.builder.name, self.log());
            }
            if let Ok(answer) = self.http.get(&url).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if began.elapsed() > READY {
                bail!("{} was not ready after {READY:?}:\n{}", self.builder.name, self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Addresses<'a> {
    health: &'a str,
    metrics: &'a str,
    storage: Option<&'a str>,
}

impl ControllerBuilder {
    /// Watches all namespaces with this kubeconfig.
    #[must_use]
    pub fn kubeconfig(mut self, path: &Path) -> Self {
        self.kubeconfig = Some(path.to_owned());
        self
    }

    /// Watches this namespace only, so that tests can run side by side on one control plane.
    #[must_use]
    pub fn in_namespace(self, namespace: &Namespace<'_>) -> Self {
        self.kubeconfig(namespace.control_plane().kubeconfig())
            .env("RUNTIME_NAMESPACE", namespace.name())
            .arg("--watch-all-namespaces=false")
    }

    /// Posts events to this endpoint.
    #[must_use]
    pub fn events_to(self, sink: &EventSink) -> Self {
        self.arg(format!("--events-addr={}", sink.url()))
    }

    /// Has replicas elect a leader, whose lease ends within seconds when it is not renewed.
    #[must_use]
    pub fn with_election(mut self) -> Self {
        self.elects = true;
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.insert(key.into(), value.into());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Result<Controller> {
        let mut controller = self.start_doomed()?;
        controller.until_ready().await?;
        Ok(controller)
    }

    /// Starts one that may end before it is ready.
    pub fn start_doomed(self) -> Result<Controller> {
        let folder = tempfile::Builder::new().prefix("sluice-controller-").tempdir()?;
        let (health, metrics) = (free_address()?, free_address()?);
        let serves = matches!(self.name.as_str(), "source-controller" | "source-watcher");
        let storage = if serves { Some(free_address()?) } else { None };
        let addresses = Addresses { health: &health, metrics: &metrics, storage: storage.as_deref() };
        let process = self.spawn(folder.path(), &addresses)?;
        let http = http_client()?;
        Ok(Controller { builder: self, process, health, metrics, storage, http, folder })
    }

    fn spawn(&self, folder: &Path, addresses: &Addresses<'_>) -> Result<Process> {
        let mut command = controller_command(&self.name)?;
        command
            .arg(format!("--enable-leader-election={}", self.elects))
            .arg(format!("--health-addr={}", addresses.health))
            .arg(format!("--metrics-addr={}", addresses.metrics))
            .envs(&self.environment);
        if self.elects {
            command.args([
                "--leader-election-lease-duration=4s",
                "--leader-election-renew-deadline=3s",
                "--leader-election-retry-period=500ms",
            ]);
        }
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(storage) = addresses.storage {
            let path = folder.join("storage");
            std::fs::create_dir_all(&path)?;
            command
                .arg(format!("--storage-addr={storage}"))
                .arg(format!("--storage-adv-addr={storage}"))
                .arg("--storage-path")
                .arg(path);
        }
        command.args(&self.arguments);
        Process::start(command, &folder.join("log"), false)
    }
}

pub(crate) fn http_client() -> Result<reqwest::Client> {
    // Fails when one is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?)
}
