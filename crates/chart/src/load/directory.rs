//! The files of a directory.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::error::LoadError;
use super::{Budget, LoadOptions, RawFile, without_mark};
use crate::ignore::Rules;

/// The files below a directory in the order of their names, without those that `.helmignore` names. Links are
/// followed.
pub(super) fn files(
    directory: &Path,
    options: &LoadOptions,
    budget: &mut Budget,
) -> Result<Vec<RawFile>, LoadError> {
    let directory = std::path::absolute(directory).map_err(|error| LoadError::read(directory, error))?;
    let root = match &options.root {
        Some(root) => Some(root.canonicalize().map_err(|error| LoadError::read(root, error))?),
        None => None,
    };
    let mut walk =
        Walk { rules: Rules::default(), root, budget, left: options.limits.chart, files: Vec::new() };
    let ignore_file = directory.join(".helmignore");
    if let Ok(kind) = fs::symlink_metadata(&ignore_file) {
        let kind = walk.resolve(&ignore_file, kind)?;
        if kind.is_file() {
            let text = walk.read(&ignore_file, ".helmignore", kind.len())?;
            walk.rules = Rules::parse(&String::from_utf8_lossy(&text))
                .map_err(|message| LoadError::Ignore { path: ignore_file, message })?;
        }
    }
    walk.rules.add_defaults();
    walk.directory(&directory, "", 0)?;
    Ok(walk.files)
}

struct Walk<'a> {
    rules: Rules,
    root: Option<PathBuf>,
    budget: &'a mut Budget,
    left: u64,
    files: Vec<RawFile>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, prefix: &str, depth: usize) -> Result<(), LoadError> {
        if depth > self.budget.limits.depth {
            return Err(LoadError::TooDeep(self.budget.limits.depth));
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| LoadError::read(path, error))? {
            let entry = entry.map_err(|error| LoadError::read(path, error))?;
            names.push(entry.file_name());
        }
        names.sort();
        for name in names {
            let path = path.join(&name);
            let name = format!("{prefix}{}", name.to_string_lossy());
            let kind = fs::symlink_metadata(&path).map_err(|error| LoadError::read(&path, error))?;
            let kind = self.resolve(&path, kind)?;
            if self.rules.ignores(&name, kind.is_dir()) {
                continue;
            }
            if kind.is_dir() {
                self.directory(&path, &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() {
                let data = self.read(&path, &name, kind.len())?;
                self.files.push(RawFile { name, data: without_mark(&data).into() });
            } else {
                return Err(LoadError::Irregular(path));
            }
        }
        Ok(())
    }

    /// What a path is, links followed.
    fn resolve(&self, path: &Path, kind: Metadata) -> Result<Metadata, LoadError> {
        if !kind.is_symlink() {
            return Ok(kind);
        }
        let target = path.canonicalize().map_err(|error| LoadError::read(path, error))?;
        if self.root.as_ref().is_some_and(|root| !target.starts_with(root)) {
            return Err(LoadError::Outside(path.to_owned()));
        }
        fs::metadata(&target).map_err(|error| LoadError::read(path, error))
    }

    fn read(&mut self, path: &Path, name: &str, size: u64) -> Result<Vec<u8>, LoadError> {
        let limit = self.budget.limits.file;
        if size > limit {
            return Err(LoadError::FileTooLarge { name: name.to_owned(), limit });
        }
        self.budget.take(size)?;
        self.left = self.left.checked_sub(size).ok_or(LoadError::ChartTooLarge(self.budget.limits.chart))?;
        fs::read(path).map_err(|error| LoadError::read(path, error))
    }
}
