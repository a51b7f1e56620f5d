//! A Kubernetes control plane with fake nodes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rustix::process::Signal;
use tokio::{io::AsyncWriteExt, process::Command, sync::OnceCell};

use crate::{
    Namespace,
    binary::e2e_binary,
    crds,
    server::{Server, arguments},
    wait::DEFAULT_TIMEOUT,
};

/// How a control plane of one's own is started.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Fake nodes. With none there is no scheduler either, and pods stay pending.
    pub nodes: u32,
    /// Whether requests are recorded, writes with their bodies: see [`ControlPlane::audit_events`].
    pub audit: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodes: 2, audit: false }
    }
}

/// A running control plane, or the one that the environment variable `SLUICE_E2E_KUBECONFIG` names.
pub struct ControlPlane {
    kubeconfig: PathBuf,
    /// `None` for one that somebody else started.
    server: Option<Server>,
    crds: OnceCell<()>,
}

impl ControlPlane {
    /// The control plane that all tests of a run share: the one that `SLUICE_E2E_KUBECONFIG` names,
    /// else one for this process. Blocks for about three seconds when it has to be started.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match std::env::var_os("SLUICE_E2E_KUBECONFIG") {
            Some(kubeconfig) => Ok(Self::at(kubeconfig.into())),
            None => Self::start(Options::default()).map_err(|error| format!("{error:#}")),
        });
        shared.as_ref().map_err(|message| anyhow!("{message}"))
    }

    /// Starts one of its own, which ends when this handle is dropped or the process ends.
    pub fn start(options: Options) -> Result<Self> {
        // Removed by the control plane when it ends: the shared one outlives every handle.
        let folder = tempfile::Builder::new().prefix("sluice-e2e-").tempdir()?.keep();
        let nodes = options.nodes.to_string();
        let mut arguments = arguments!["--dir", &folder, "--temporary", "--nodes", nodes];
        if options.audit {
            arguments.extend(arguments!["--audit-log", folder.join("audit.log")]);
        }
        let server = Server::start("up", &arguments, &folder.join("up.log"))?;
        let kubeconfig = server.address("kubeconfig").context("no kubeconfig was announced")?.into();
        Ok(Self { kubeconfig, server: Some(server), crds: OnceCell::new() })
    }

    fn at(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig, server: None, crds: OnceCell::new() }
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The process to signal, for one that this process started.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Ends the API server as a crash would and starts it again, at the same address and with the same data; returns
    /// once it serves. Only for a control plane of one's own.
    pub async fn restart_api_server(&self) -> Result<()> {
        self.disturb(Signal::USR1, "ready").await
    }

    /// Has the store forget the past, as it does every five minutes: who asks for it is told that it is gone.
    /// Only for a control plane of one's own.
    pub async fn compact_store(&self) -> Result<()> {
        self.disturb(Signal::USR2, "compacted").await
    }

    /// Sends a signal, and waits for the file that tells the end of what it asks for.
    async fn disturb(&self, signal: Signal, done: &str) -> Result<()> {
        let server = self.server.as_ref().context("somebody else started this control plane")?;
        let done = Path::new(server.address("dir").context("no folder was announced")?).join(done);
        match std::fs::remove_file(&done) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        server.signal(signal)?;
        let began = Instant::now();
        while !done.exists() {
            ensure!(began.elapsed() < DEFAULT_TIMEOUT, "{} was not written", done.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// A client with all rights. Make one per test: its connections belong to the test's runtime.
    pub async fn client(&self) -> Result<Client> {
        self.client_as(None).await
    }

    /// A client that impersonates a user, such as `system:serviceaccount:NAMESPACE:NAME`.
    pub async fn client_as(&self, user: Option<&str>) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.auth_info.impersonate = user.map(ToOwned::to_owned);
        Ok(Client::try_from(config)?)
    }

    /// Runs kubectl and returns what it printed; fails with its error output when it fails.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_with(arguments, "").await
    }

    /// Like [`Self::kubectl`], with text on its standard input.
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut child = Command::new(e2e_binary()?)
            .arg("kubectl")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().context("standard input is not piped")?;
        // A kubectl that reads nothing may have ended before.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await?;
        let command = arguments.join(" ");
        ensure!(
            output.status.success(),
            "kubectl {command}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Applies YAML documents on the server's side as manager `test`.
    pub async fn apply_yaml(&self, yaml: &str) -> Result<()> {
        self.kubectl_with(&["apply", "--server-side", "--field-manager=test", "-f", "-"], yaml).await?;
        Ok(())
    }

    /// Installs the project's CRDs, once per process, and waits until they are served.
    pub async fn install_crds(&self) -> Result<()> {
        self.crds.get_or_try_init(|| crds::install(self)).await.copied()
    }

    /// Makes a namespace whose name starts with the prefix and is used nowhere else.
    pub async fn namespace(&self, prefix: &str) -> Result<Namespace<'_>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{:x}-{count}", std::process::id());
        Namespace::create(self, name).await
    }

    /// The file of [`Self::audit_events`], a JSON line each, for tests that read a part of it; `None` unless
    /// started with [`Options::audit`].
    pub fn audit_log(&self) -> Option<&Path> {
        self.server.as_ref()?.address("auditLog").map(Path::new)
    }

    /// What the API server was asked so far, oldest first; empty unless started with [`Options::audit`].
    ///
    /// An event is written when its request ends: one for a watch comes late.
    pub fn audit_events(&self) -> Result<Vec<serde_json::Value>> {
        let Some(path) = self.audit_log() else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(path)?;
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}
