//! A clock that somebody sets while programs run: that of the wall, not the one that only counts.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use kube::config::Kubeconfig;
use tempfile::TempDir;

/// Files in the clock's folder.
const LIBRARY: &str = "clock.so";
const OFFSET: &str = "offset";

/// What `clock.c` makes of the system's clock.
pub struct Clock {
    offset: File,
    folder: TempDir,
}

impl Clock {
    /// The right time for now.
    pub fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/clock.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join(LIBRARY)).arg(source);
        let output = command.output().context("run cc")?;
        ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        let clock = Self { offset: File::create(folder.path().join(OFFSET))?, folder };
        clock.set(SignedDuration::ZERO)?;
        Ok(clock)
    }

    /// Moves it by so much from the right time.
    pub fn set(&self, ahead: SignedDuration) -> Result<()> {
        // Programs have the file mapped: the number is there at once, and never in part.
        Ok(self.offset.write_all_at(&ahead.as_secs().to_ne_bytes(), 0)?)
    }

    /// A copy of a kubeconfig that asks for no proof of who answers: the control plane's certificates are minutes old, and
    /// to whom it is the day before yesterday they are not valid yet.
    pub fn kubeconfig(&self, of: &Path) -> Result<PathBuf> {
        let mut config = Kubeconfig::read_from(of)?;
        for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.insecure_skip_tls_verify = Some(true);
            (cluster.certificate_authority, cluster.certificate_authority_data) = (None, None);
        }
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, serde_json::to_vec(&config)?)?;
        Ok(path)
    }

    /// The variables that have a program go by it.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        [("LD_PRELOAD", path(LIBRARY)), ("SLUICE_CLOCK", path(OFFSET))]
    }
}
