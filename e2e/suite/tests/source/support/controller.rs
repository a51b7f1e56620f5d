//! The controller's process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Process, World, temp_dir};

/// A running source-controller that sees only the objects of its world.
pub struct Controller {
    process: Process,
    /// Kept for its files; see [`Controller::storage`].
    dir: TempDir,
}

/// The binary that was built with this test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("source-controller");
    assert!(path.exists(), "{}: build it with 'cargo build -p source-controller'", path.display());
    path
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Controller {
    /// Starts with quick retries and an empty storage.
    pub fn start(world: &World, args: &[&str]) -> Self {
        Self::start_in(world, args, temp_dir())
    }

    fn start_in(world: &World, args: &[&str], dir: TempDir) -> Self {
        let storage = dir.path().join("storage");
        let temporary = dir.path().join("tmp");
        for path in [&storage, &temporary] {
            std::fs::create_dir_all(path).unwrap();
        }
        let address = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
        let child = Command::new(binary())
            .args(["--metrics-addr=0", "--health-addr=0", "--interval-jitter-percentage=0"])
            .args(["--min-retry-delay=50ms", "--max-retry-delay=400ms", "--log-level=debug"])
            .arg(format!("--watch-label-selector={}", world.selector()))
            .arg(format!("--storage-path={}", storage.display()))
            .args([format!("--storage-addr={address}"), format!("--storage-adv-addr={address}")])
            .args(args)
            .env("KUBECONFIG", World::kubeconfig())
            .env("RUNTIME_NAMESPACE", &world.namespace)
            .env("TMPDIR", &temporary)
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Self { process: Process(child), dir }
    }

    /// Where artifacts are stored.
    pub fn storage(&self) -> PathBuf {
        self.dir.path().join("storage")
    }

    /// Where fetched Git objects are kept.
    pub fn temporary(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Kills the process and starts another, with what `prepare` makes of the storage.
    pub fn restart(self, world: &World, args: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let Self { process, dir } = self;
        drop(process);
        prepare(&dir.path().join("storage"));
        Self::start_in(world, args, dir)
    }
}
