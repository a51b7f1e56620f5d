//! Repositories and the server that they are on.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Process, run, start_server, temp_dir};

/// A Git server with repositories of its own.
pub struct GitServer {
    _process: Process,
    root: TempDir,
    addresses: Value,
}

/// A repository on a server, and a clone to commit in.
pub struct Repo {
    pub name: String,
    bare: PathBuf,
    clone: TempDir,
}

impl GitServer {
    /// Serves plain HTTP to everybody.
    pub fn start() -> Self {
        Self::with(&["--http", "127.0.0.1:0"])
    }

    /// Serves as the flags say.
    pub fn with(flags: &[&str]) -> Self {
        let root = temp_dir();
        let path = root.path().to_str().unwrap().to_owned();
        let log = root.path().join("requests.log");
        let args = [&["gitserver", "--root", &path, "--log", log.to_str().unwrap()], flags].concat();
        let (process, addresses) = start_server(&args);
        Self { _process: process, root, addresses }
    }

    /// The address under `kind`: `http`, `https`, `ssh` or `proxy`.
    pub fn address(&self, kind: &str) -> String {
        self.addresses[kind].as_str().unwrap_or_else(|| panic!("{kind} in {}", self.addresses)).to_owned()
    }

    /// A new repository without commits, whose default branch is `main`.
    pub fn repo(&self, name: &str) -> Repo {
        let bare = self.root.path().join(format!("{name}.git"));
        run(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare));
        for setting in ["uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"] {
            run(Command::new("git").arg("-C").arg(&bare).args(["config", setting, "true"]));
        }
        let clone = temp_dir();
        let repo = Repo { name: name.to_owned(), bare, clone };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// The URL of a repository over plain HTTP.
    pub fn url(&self, repo: &Repo) -> String {
        format!("{}/{}.git", self.address("http"), repo.name)
    }

    /// The requests so far, as the server logged them.
    pub fn requests(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.root.path().join("requests.log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Repo {
    /// Runs git in the clone.
    pub fn git(&self, args: &[&str]) -> String {
        run(Command::new("git")
            .arg("-C")
            .arg(self.clone.path())
            .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "gc.auto=0"])
            .args(args)
            .env("GIT_CONFIG_NOSYSTEM", "1"))
    }

    /// The work tree of the clone.
    pub fn dir(&self) -> &Path {
        self.clone.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.dir().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    /// Commits the work tree and pushes to a branch, moving it wherever it was; returns the hash.
    pub fn push(&self, branch: &str, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.push_head(&format!("refs/heads/{branch}"));
        self.git(&["rev-parse", "HEAD"])
    }

    /// Points a reference of the server at the clone's commit.
    pub fn push_head(&self, reference: &str) {
        let bare = self.bare.to_str().unwrap().to_owned();
        self.git(&["push", "--quiet", "--force", &bare, &format!("HEAD:{reference}")]);
    }

    /// Points a reference of the server at what one of the clone points at.
    pub fn push_reference(&self, from: &str, to: &str) {
        let bare = self.bare.to_str().unwrap().to_owned();
        self.git(&["push", "--quiet", "--force", &bare, &format!("+{from}:{to}")]);
    }

    /// Moves a tag of the server to the clone's.
    pub fn push_tag(&self, name: &str) {
        self.push_reference(&format!("refs/tags/{name}"), &format!("refs/tags/{name}"));
    }

    /// Runs git in the clone with a file of the work tree as its input.
    pub fn git_with_input(&self, args: &[&str], input: &str) -> String {
        let input = std::fs::File::open(self.dir().join(input)).unwrap();
        run(Command::new("git").arg("-C").arg(self.dir()).args(args).stdin(input))
    }

    /// Commits one file on `main`; returns the hash.
    pub fn commit(&self, path: &str, content: &str) -> String {
        self.write(path, content);
        self.push("main", &format!("change {path}"))
    }
}
