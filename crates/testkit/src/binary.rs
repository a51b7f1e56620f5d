//! Where the programs under test and beside it are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail, ensure};

/// The root of the clone.
pub fn project_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The binary that holds control plane, kubectl, registry and Git server: the one that the environment
/// variable `SLUICE_E2E_BIN` names, else the one of this clone, built first if need be.
pub fn e2e_binary() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    memoized(&FOUND, || named_or_built("SLUICE_E2E_BIN", "scripts/build-controlplane"))
}

/// The binary that plays object stores: the one that the environment variable `SLUICE_OBJECTSTORES_BIN` names, else the
/// one of this clone, built first if need be.
pub(crate) fn objectstores_binary() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    memoized(&FOUND, || named_or_built("SLUICE_OBJECTSTORES_BIN", "scripts/build-objectstores"))
}

/// The binary that serves another's registry and signs with notation's library: the one that the environment variable
/// `SLUICE_REGISTRIES_BIN` names, else the one of this clone, built first if need be.
pub(crate) fn registries_binary() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    memoized(&FOUND, || named_or_built("SLUICE_REGISTRIES_BIN", "scripts/build-registries"))
}

/// What a variable of the environment names, else what a script of the clone builds.
fn named_or_built(variable: &str, script: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let script = project_root().join(script);
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", script.display()))?;
    ensure!(output.status.success(), "{} failed: see its message above", script.display());
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// The command that runs a controller: from the folder that `SLUICE_BIN_DIR` names, else from the
/// multi-call binary of the sources as they are now. Cargo builds only what a test's own package needs,
/// so that a binary lying around in the target folder might be an old one.
pub(crate) fn controller_command(name: &str) -> Result<Command> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if let Some(folder) = std::env::var_os("SLUICE_BIN_DIR") {
        let path = Path::new(&folder).join(name);
        ensure!(path.is_file(), "SLUICE_BIN_DIR: {} does not exist", path.display());
        return Ok(Command::new(path));
    }
    let mut command = Command::new(memoized(&BUILT, build_controllers)?);
    command.arg(name);
    Ok(command)
}

/// Computes once per process; a failure is told to everybody who asks.
fn memoized(
    cell: &'static OnceLock<Result<PathBuf, String>>,
    compute: impl FnOnce() -> Result<PathBuf>,
) -> Result<&'static Path> {
    match cell.get_or_init(|| compute().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(message) => bail!("{message}"),
    }
}

fn build_controllers() -> Result<PathBuf> {
    // A test is TARGET/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).context("the test does not run from a target folder")?;
    let target = profile.parent().context("the test does not run from a target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "sluice-multicall", "--target-dir"])
        .arg(target)
        .current_dir(project_root())
        .status()
        .context("run cargo to build the controllers")?;
    ensure!(status.success(), "the controllers do not build: see above");
    Ok(target.join("debug/sluice-controllers"))
}
