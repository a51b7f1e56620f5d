//! Repositories made by the real git.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bare repository `app.git` under a root that servers can export, and a work tree to commit in.
pub struct Repo {
    root: tempfile::TempDir,
    clock: AtomicU64,
}

impl Repo {
    /// Without any commit.
    pub fn empty() -> Self {
        let repo = Self { root: tempfile::tempdir().unwrap(), clock: AtomicU64::new(1_700_000_000) };
        fs::create_dir(repo.work()).unwrap();
        run(repo.root(), &["init", "-q", "--bare", "-b", "main", "app.git"]);
        repo.git(&["init", "-q", "-b", "main", "."]);
        repo.git(&["remote", "add", "origin", repo.bare().to_str().unwrap()]);
        repo
    }

    /// With one commit on `main`.
    pub fn new() -> Self {
        let repo = Self::empty();
        repo.commit("app.yaml", "replicas: 1\n");
        repo.push("main");
        repo
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn bare(&self) -> PathBuf {
        self.root.path().join("app.git")
    }

    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Runs git in the work tree and gives its output. Each call is a second later than the last.
    pub fn git(&self, args: &[&str]) -> String {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        run_at(&self.work(), args, now)
    }

    /// Writes a file, commits, and gives the hash.
    pub fn commit(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        let file = self.work().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self.commit_all(&format!("change {path}"))
    }

    pub fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn push(&self, refspec: &str) {
        self.git(&["push", "-q", "-f", "origin", refspec]);
    }

    /// Sets a configuration value of the bare repository.
    pub fn config(&self, key: &str, value: &str) {
        run(&self.bare(), &["config", key, value]);
    }

    pub fn executable(&self, path: &str) {
        fs::set_permissions(self.work().join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

pub fn run(dir: &Path, args: &[&str]) -> String {
    run_at(dir, args, 1_700_000_000)
}

fn run_at(dir: &Path, args: &[&str], time: u64) -> String {
    let date = format!("{time} +0200");
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
        .envs([("GIT_COMMITTER_NAME", "Bob"), ("GIT_COMMITTER_EMAIL", "bob@example.org")])
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
