//! Signatures of what is in a registry, by the programs that people sign with.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{Registry, binary::registries_binary};

/// Whom a signature of notation has to be checked with, PEM.
#[derive(Clone, Debug)]
pub struct NotationSigner {
    /// The authority that certified the signer.
    pub authority: String,
    /// The authority of the one that stamped the time, if one did.
    pub time_authority: Option<String>,
}

impl NotationSigner {
    /// Signs with notation's own library and pushes the signature. `format` is `jws` or `cose`; a `timestamped`
    /// signature comes with a countersignature of openssl's time-stamping authority.
    pub fn sign(
        registry: &Registry,
        repository: &str,
        digest: &str,
        format: &str,
        timestamped: bool,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let reference = format!("{}/{repository}@{digest}", registry.address());
        let mut command = Command::new(registries_binary()?);
        command.args(["sign", "--reference", &reference, "--format", format, "--folder"]).arg(folder.path());
        if timestamped {
            command.arg("--timestamp");
        }
        run(&mut command)?;
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).with_context(|| name.to_owned());
        let time_authority = if timestamped { Some(read("tsa.crt")?) } else { None };
        Ok(Self { authority: read("ca.crt")?, time_authority })
    }
}

/// cosign with a key pair of its own.
pub struct Cosign {
    binary: OsString,
    folder: TempDir,
}

impl Cosign {
    /// The one that the environment variable `SLUICE_COSIGN` names (`scripts/build-cosign`).
    pub fn find() -> Result<Option<Self>> {
        let Some(binary) = std::env::var_os("SLUICE_COSIGN") else { return Ok(None) };
        let cosign = Self { binary, folder: tempfile::tempdir()? };
        let key = cosign.folder.path().join("cosign");
        run(cosign.command("generate-key-pair").arg("--output-key-prefix").arg(key))?;
        Ok(Some(cosign))
    }

    /// The public key, PEM.
    pub fn public_key(&self) -> Result<String> {
        Ok(fs::read_to_string(self.file("cosign.pub"))?)
    }

    /// Signs and pushes the signature: a bundle that refers to what is signed, or as version 2 did, under a tag.
    pub fn sign(&self, registry: &Registry, repository: &str, digest: &str, as_bundle: bool) -> Result<()> {
        let mut command = self.command("sign");
        command.arg("--key").arg(self.file("cosign.key")).args([
            "--yes",
            "--use-signing-config=false",
            "--tlog-upload=false",
            "--allow-http-registry",
        ]);
        command.arg(format!("--new-bundle-format={as_bundle}"));
        run(command.arg(format!("{}/{repository}@{digest}", registry.address())))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(name).env("COSIGN_PASSWORD", "").env("HOME", self.folder.path());
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
