//! Running `sluice`.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use sluice_testkit::project_root;
use tokio::process::Command;

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The run, if it succeeded.
    pub fn ok(self) -> Result<Self> {
        ensure!(self.code == 0, "exit code {}\n{}{}", self.code, self.stdout, self.stderr);
        Ok(self)
    }

    /// The run, if it failed as every failure should: code 1, the reason as the last line of the standard error.
    pub fn failed(self) -> Result<Self> {
        ensure!(self.code == 1, "exit code {}\n{}{}", self.code, self.stdout, self.stderr);
        let last = self.stderr.lines().last().unwrap_or_default();
        ensure!(last.starts_with("✗ "), "the last line is no failure: {}", self.stderr);
        Ok(self)
    }

    /// The lines of the standard error.
    pub fn messages(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

/// Runs the program with arguments separated by spaces, in a namespace of a cluster.
pub async fn sluice(kubeconfig: &Path, namespace: &str, arguments: &str) -> Result<Run> {
    sluice_with(kubeconfig, namespace, arguments, "", &[]).await
}

/// Runs the program with a standard input and variables of the environment too.
pub async fn sluice_with(
    kubeconfig: &Path,
    namespace: &str,
    arguments: &str,
    input: &str,
    variables: &[(&str, &str)],
) -> Result<Run> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    let mut command = Command::new(binary()?);
    command.arg("--kubeconfig").arg(kubeconfig).args(["--namespace", namespace]);
    command.args(arguments.split_whitespace()).envs(variables.iter().copied());
    let output = command.stdin(Stdio::from(file)).kill_on_drop(true).output().await?;
    Ok(Run {
        code: output.status.code().context("ended by a signal")?,
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// The program of the sources as they are now: cargo builds only what a test's own package needs.
fn binary() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|message| anyhow!("{message}"))
}

fn build() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("SLUICE_BIN_DIR") {
        return Ok(Path::new(&folder).join("sluice"));
    }
    // A test is TARGET/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("the test does not run from a target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--package", "sluice-cli", "--target-dir"])
        .arg(target)
        .current_dir(project_root())
        .status()?;
    ensure!(status.success(), "sluice does not build");
    Ok(target.join("debug/sluice"))
}
