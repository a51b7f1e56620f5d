//! A controller in a process of its own: this test binary again, told to run one ignored test.

use std::{
    path::Path,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use clap::Parser;
use sluice_apis::{conditions, source::v1::GitRepository};
use sluice_runtime::{Action, CommonArgs, Manager, Pass, ReconcileError, Reconciler, RuntimeError};
use sluice_testkit::{ControlPlane, free_address};

use crate::support::{Env, soon};

const ARGS: &str = "SLUICE_TEST_CHILD_ARGS";

#[derive(Parser)]
#[command(name = "test-controller")]
struct Args {
    #[command(flatten)]
    common: CommonArgs,
}

/// Says in Ready which process did it.
struct Signs;

impl Reconciler for Signs {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        let by = std::process::id().to_string();
        conditions::mark_true(&mut pass.object, "Ready", "Succeeded", by);
        pass.patch().await?;
        Ok(Action::Done)
    }
}

async fn run(args: Args) -> Result<(), RuntimeError> {
    args.common.gates(&[("Known", false)])?;
    let manager = Manager::new("test-controller", &args.common).await?;
    let controller = manager.controller::<GitRepository>().concurrency(16);
    let task = controller.owned_conditions(&["Ready"]).reconcile_with(Signs);
    manager.run(vec![task]).await
}

/// The child's main: fails, as a test does, exactly when the exit code is not 0.
#[test]
#[ignore = "started by other tests"]
fn child_main() -> ExitCode {
    let args = std::env::var(ARGS).unwrap_or_default();
    sluice_runtime::main(std::iter::once("test-controller").chain(args.lines()).map(Into::into), run)
}

/// A running child; killed with the test.
pub struct Controller {
    child: Child,
    pub metrics: String,
    pub health: String,
}

impl Controller {
    pub fn start(env: &Env, args: &[&str]) -> Self {
        Self::start_by(ControlPlane::shared().unwrap().kubeconfig(), env, args)
    }

    /// As the kubeconfig says.
    pub fn start_by(kubeconfig: &Path, env: &Env, args: &[&str]) -> Self {
        let (metrics, health) = (free_address().unwrap(), free_address().unwrap());
        let mut all = vec![
            format!("--watch-label-selector={}", env.selector()),
            format!("--metrics-addr={metrics}"),
            format!("--health-addr={health}"),
        ];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        Self { child: spawn(kubeconfig, env, &all), metrics, health }
    }

    /// With these flags and no others.
    pub fn start_bare(env: &Env, args: &[&str]) -> Self {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let kubeconfig = ControlPlane::shared().unwrap().kubeconfig();
        Self { child: spawn(kubeconfig, env, &args), metrics: String::new(), health: String::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end; what it logged comes along.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = soon("the end of the child", async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        let mut log = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            std::io::Read::read_to_string(stderr, &mut log).unwrap();
        }
        (status, log)
    }
}

fn spawn(kubeconfig: &Path, env: &Env, args: &[String]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::child_main", "--ignored", "--nocapture"])
        .env(ARGS, args.join("\n"))
        .env("KUBECONFIG", kubeconfig)
        .env("RUNTIME_NAMESPACE", &env.namespace)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
