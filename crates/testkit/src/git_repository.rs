//! A repository and a work tree that writes to it, by the real `git`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result, ensure};

/// The first commit's time, in seconds since 1970; each later commit or tag is a minute later.
const EPOCH: u64 = 1_700_000_000;

/// A bare repository that a server serves. The same commits give the same hashes in every run.
pub struct GitRepository {
    bare: PathBuf,
    work: PathBuf,
    ticks: AtomicU64,
}

impl GitRepository {
    /// Makes an empty bare repository with branch `main`, and a work tree for it.
    pub fn create(bare: PathBuf, work: PathBuf) -> Result<Self> {
        let repository = Self { bare, work, ticks: AtomicU64::new(0) };
        fs::create_dir_all(&repository.work)?;
        fs::create_dir_all(&repository.bare)?;
        repository.git_in(&repository.bare, &["init", "--quiet", "--bare", "--initial-branch=main", "."])?;
        repository.git(&["init", "--quiet", "--initial-branch=main", "."])?;
        let bare = repository.bare.to_str().context("the repository's path is not UTF-8")?;
        repository.git(&["remote", "add", "origin", bare])?;
        Ok(repository)
    }

    /// The folder of the work tree.
    pub fn path(&self) -> &Path {
        &self.work
    }

    /// The folder of the bare repository.
    pub fn bare_path(&self) -> &Path {
        &self.bare
    }

    /// Writes files (or removes those given as `None`), commits and pushes; returns the commit's hash.
    pub fn commit(&self, message: &str, files: &[(&str, Option<&str>)]) -> Result<String> {
        for (name, content) in files {
            let path = self.work.join(name);
            match content {
                Some(content) => {
                    fs::create_dir_all(path.parent().unwrap_or(&self.work))?;
                    fs::write(&path, content)?;
                }
                None => fs::remove_file(&path).with_context(|| format!("remove {name}"))?,
            }
        }
        self.commit_all(message)
    }

    /// Commits the work tree as it is and pushes; returns the commit's hash.
    pub fn commit_all(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        self.push()?;
        self.head()
    }

    /// Moves the current branch to an older commit, with the work tree, and overwrites what was pushed.
    pub fn reset(&self, to: &str) -> Result<()> {
        self.git(&["reset", "--quiet", "--hard", to])?;
        self.push()
    }

    /// Continues on this branch, made from the current commit if there is none.
    pub fn switch(&self, branch: &str) -> Result<()> {
        if self.git(&["switch", "--quiet", branch]).is_err() {
            self.git(&["switch", "--quiet", "--create", branch])?;
        }
        self.push()
    }

    /// Tags the current commit and pushes the tag, in the place of an older one; with a message the tag
    /// is an annotated one.
    pub fn tag(&self, name: &str, message: Option<&str>) -> Result<()> {
        match message {
            Some(message) => self.git(&["tag", "--force", "--annotate", "--message", message, name])?,
            None => self.git(&["tag", "--force", name])?,
        };
        self.git(&["push", "--quiet", "--force", "origin", &format!("refs/tags/{name}")])?;
        Ok(())
    }

    /// Removes a ref, such as `refs/heads/old`, from the served repository.
    pub fn delete_ref(&self, name: &str) -> Result<()> {
        self.git_in(&self.bare, &["update-ref", "-d", name])?;
        Ok(())
    }

    /// The current commit's hash.
    pub fn head(&self) -> Result<String> {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the work tree and returns what it printed, trimmed.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        self.git_in(&self.work, arguments)
    }

    fn push(&self) -> Result<()> {
        self.git(&["push", "--quiet", "--force", "origin", "HEAD"]).map(|_| ())
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let time = format!("{} +0000", EPOCH + 60 * self.ticks.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new("git");
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("GIT_")) {
                command.env_remove(key);
            }
        }
        let output = command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Sluice Tests")
            .env("GIT_AUTHOR_EMAIL", "tests@example.com")
            .env("GIT_AUTHOR_DATE", &time)
            .env("GIT_COMMITTER_NAME", "Sluice Tests")
            .env("GIT_COMMITTER_EMAIL", "tests@example.com")
            .env("GIT_COMMITTER_DATE", &time)
            .current_dir(folder)
            .args(arguments)
            .output()
            .context("run git")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {}: {}", arguments.join(" "), error.trim());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}
