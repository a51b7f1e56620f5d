//! What the copy operations of an artifact do, with the rules of `cp`.
//!
//! Sources and destination hold no links, so a path that is clean as text stays in its directory.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sluice_apis::extensions::v1beta1::{CopyOperation, CopyStrategy};
use sluice_archive::{ExtractError, Limits, Symlinks, extract};

use super::glob::{BadPattern, Pattern, is_pattern};
use super::merge::{MergeError, merge};
use super::paths::{self, clean, join};

/// Why files could not be copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("failed to apply copy operation from '{from}' to '{to}': {source}")]
    Operation { from: String, to: String, source: Box<CopyError> },
    #[error("invalid copy source '{0}': source format must be '@alias/pattern'")]
    From(String),
    #[error("invalid copy destination '{0}': destination must start with '@artifact/'")]
    To(String),
    #[error("copy strategy '{0}' is not supported: use Overwrite, Merge or Extract")]
    Strategy(String),
    #[error("source alias '{0}' not found")]
    Alias(String),
    #[error("invalid exclude pattern '{0}'")]
    Exclude(String),
    #[error("invalid glob pattern '{pattern}': {source}")]
    Pattern { pattern: String, source: BadPattern },
    #[error("no files match pattern '{pattern}' in source '{alias}'")]
    NoMatch { pattern: String, alias: String },
    #[error("all files matching pattern '{pattern}' in source '{alias}' were excluded")]
    AllExcluded { pattern: String, alias: String },
    #[error("source '{0}' does not exist")]
    Missing(String),
    #[error("'{0}': path escapes from parent")]
    Escapes(String),
    #[error("extract strategy is not supported for directories, got '{0}'")]
    ExtractDirectory(String),
    #[error("extract strategy requires tarball file (.tar.gz or .tgz), got '{0}'")]
    NoTarball(String),
    #[error("failed to copy file '{from}' to '{to}': {source}")]
    File { from: String, to: String, source: Box<CopyError> },
    #[error("failed to extract tarball '{from}' to '{to}': {source}")]
    Extract { from: String, to: String, source: ExtractError },
    #[error("failed to merge '{path}': {source}")]
    Merge { path: String, source: MergeError },
    #[error("'{path}': {source}")]
    Io { path: String, source: io::Error },
}

/// Applies operations in order. `sources` are directories by alias; `staging` is where the artifact grows.
pub(super) fn apply(
    operations: &[CopyOperation],
    sources: &BTreeMap<String, PathBuf>,
    staging: &Path,
) -> Result<(), CopyError> {
    for operation in operations {
        let CopyOperation { from, to, .. } = operation;
        Copy::prepare(operation, sources, staging).and_then(|copy| copy.run()).map_err(|source| {
            CopyError::Operation { from: from.clone(), to: to.clone(), source: Box::new(source) }
        })?;
    }
    Ok(())
}

/// One operation, understood.
struct Copy<'a> {
    alias: &'a str,
    /// What to copy, below the source.
    pattern: &'a str,
    source: &'a Path,
    staging: &'a Path,
    /// Where to, below the staging directory.
    to: &'a str,
    strategy: CopyStrategy,
    exclude: Vec<Exclude<'a>>,
}

struct Exclude<'a> {
    text: &'a str,
    pattern: Pattern,
}

impl<'a> Copy<'a> {
    fn prepare(
        operation: &'a CopyOperation,
        sources: &'a BTreeMap<String, PathBuf>,
        staging: &'a Path,
    ) -> Result<Self, CopyError> {
        let from = operation.from.strip_prefix('@').and_then(|from| from.split_once('/'));
        let (alias, pattern) = from.ok_or_else(|| CopyError::From(operation.from.clone()))?;
        let to = operation.to.strip_prefix("@artifact/");
        let to = to.ok_or_else(|| CopyError::To(operation.to.clone()))?;
        let source = sources.get(alias).ok_or_else(|| CopyError::Alias(alias.to_owned()))?;
        let strategy = operation.strategy.clone().unwrap_or(CopyStrategy::Overwrite);
        if let CopyStrategy::Other(word) = &strategy
            && !word.is_empty()
        {
            return Err(CopyError::Strategy(word.clone()));
        }
        let exclude = operation.exclude.iter().map(|text| {
            let pattern = Pattern::double_star(text).map_err(|_| CopyError::Exclude(text.clone()))?;
            Ok(Exclude { text, pattern })
        });
        let exclude = exclude.collect::<Result<_, _>>()?;
        Ok(Self { alias, pattern, source, staging, to, strategy, exclude })
    }

    fn run(&self) -> Result<(), CopyError> {
        if !is_pattern(self.pattern) {
            return self.copy_named(&clean(self.pattern));
        }
        let found = self.find()?;
        let (pattern, alias) = (self.pattern.to_owned(), self.alias.to_owned());
        if found.is_empty() {
            return Err(CopyError::NoMatch { pattern, alias });
        }
        let base = literal_prefix(self.pattern);
        let wanted: Vec<&String> = found.iter().filter(|path| !self.excludes(path, &base)).collect();
        if wanted.is_empty() {
            return Err(CopyError::AllExcluded { pattern, alias });
        }
        for path in wanted {
            if self.strategy != CopyStrategy::Extract {
                let to = join(self.to, self.below_pattern(path));
                self.copy(path, &to, &base).map_err(|source| CopyError::File {
                    from: path.clone(),
                    to,
                    source: Box::new(source),
                })?;
            } else if is_tarball(path) {
                self.extract(path)?;
            }
        }
        Ok(())
    }

    /// The paths that fit the pattern, in order.
    fn find(&self) -> Result<Vec<String>, CopyError> {
        let bad = |source| CopyError::Pattern { pattern: self.pattern.to_owned(), source };
        if self.strategy == CopyStrategy::Extract {
            let pattern = Pattern::double_star(self.pattern).map_err(bad)?;
            let mut all = paths::walk(self.source, "").map_err(io_error)?;
            all.retain(|entry| pattern.matches(&entry.path));
            return Ok(all.into_iter().map(|entry| entry.path).collect());
        }
        // Each part of the pattern is for one level.
        let mut found = vec![String::new()];
        for part in self.pattern.split('/').filter(|part| *part != ".") {
            let pattern = Pattern::simple(part).map_err(bad)?;
            let mut next = Vec::new();
            for dir in &found {
                // What is no directory has nothing in it.
                let names = paths::names(&self.source.join(dir)).unwrap_or_default();
                next.extend(names.iter().filter(|name| pattern.matches(name)).map(|name| join(dir, name)));
            }
            found = next;
        }
        Ok(found)
    }

    /// A match of `dir/**` is told by its path below `dir`, any other by its whole path.
    fn below_pattern<'p>(&self, path: &'p str) -> &'p str {
        let dir = self.pattern.strip_suffix("/**");
        dir.and_then(|dir| path.strip_prefix(dir)?.strip_prefix('/')).unwrap_or(path)
    }

    /// Copies a file or directory that is called by its name.
    fn copy_named(&self, path: &str) -> Result<(), CopyError> {
        let metadata = match fs::metadata(locate(self.source, path)?) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CopyError::Missing(path.to_owned()));
            }
            Err(source) => return Err(CopyError::Io { path: path.to_owned(), source }),
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        if metadata.is_dir() {
            if self.strategy == CopyStrategy::Extract {
                return Err(CopyError::ExtractDirectory(path.to_owned()));
            }
            return self.copy(path, &join(self.to, name), path);
        }
        if self.excludes(path, ".") {
            return Ok(());
        }
        if self.strategy == CopyStrategy::Extract {
            if !is_tarball(path) {
                return Err(CopyError::NoTarball(path.to_owned()));
            }
            return self.extract(path);
        }
        let into = self.to.is_empty() || self.to.ends_with('/') || locate(self.staging, self.to)?.is_dir();
        let to = if into { join(self.to, name) } else { clean(self.to) };
        self.copy(path, &to, ".")
    }

    fn copy(&self, path: &str, to: &str, base: &str) -> Result<(), CopyError> {
        if !locate(self.source, path)?.is_dir() {
            let exists = self.strategy == CopyStrategy::Merge && locate(self.staging, to)?.exists();
            return if exists { self.merge_file(path, to) } else { self.copy_file(path, to) };
        }
        self.make_dir(to)?;
        let root = if path == "." { "" } else { path };
        let mut excluded: Option<String> = None;
        for entry in paths::walk(self.source, root).map_err(io_error)? {
            let in_excluded = |dir: &String| entry.path.starts_with(&format!("{dir}/"));
            if excluded.as_ref().is_some_and(in_excluded) {
                continue;
            }
            if self.excludes(&entry.path, base) {
                excluded = entry.is_dir.then(|| entry.path.clone());
                continue;
            }
            let below = if root.is_empty() { &entry.path } else { &entry.path[root.len() + 1..] };
            let to = join(to, below);
            // Files of a directory replace what is there, whatever the strategy.
            if entry.is_dir { self.make_dir(&to)? } else { self.copy_file(&entry.path, &to)? }
        }
        Ok(())
    }

    fn copy_file(&self, path: &str, to: &str) -> Result<(), CopyError> {
        let failed = |source| CopyError::Io { path: to.to_owned(), source };
        let (from, target) = (locate(self.source, path)?, locate(self.staging, to)?);
        if let Some((dir, _)) = to.rsplit_once('/') {
            self.make_dir(dir)?;
        }
        let mut content = File::open(from).map_err(failed)?;
        let permissions = content.metadata().map_err(failed)?.permissions();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&target)
            .map_err(failed)?;
        io::copy(&mut content, &mut file).map_err(failed)?;
        // Ours to read and replace in any case.
        let mode = permissions.mode() & 0o777 | 0o600;
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
    }

    fn merge_file(&self, path: &str, to: &str) -> Result<(), CopyError> {
        let failed = |source| CopyError::Io { path: to.to_owned(), source };
        let (from, target) = (locate(self.source, path)?, locate(self.staging, to)?);
        let (below, above) = (fs::read(&target).map_err(failed)?, fs::read(from).map_err(failed)?);
        let merged =
            merge(&below, &above).map_err(|source| CopyError::Merge { path: path.to_owned(), source })?;
        fs::write(&target, merged).map_err(failed)
    }

    fn extract(&self, path: &str) -> Result<(), CopyError> {
        let failed = |source| CopyError::Io { path: path.to_owned(), source };
        let (archive, target) = (locate(self.source, path)?, locate(self.staging, self.to)?);
        self.make_dir(&clean(self.to))?;
        let archive = File::open(archive).map_err(failed)?;
        extract(archive, &target, &Limits::default(), Symlinks::Reject)
            .map(drop)
            .map_err(|source| CopyError::Extract { from: path.to_owned(), to: self.to.to_owned(), source })
    }

    fn make_dir(&self, path: &str) -> Result<(), CopyError> {
        let dir = locate(self.staging, path)?;
        let made = DirBuilder::new().recursive(true).mode(0o755).create(dir);
        made.map_err(|source| CopyError::Io { path: path.to_owned(), source })
    }

    /// Whether a path, seen from the source's root or from `base`, or its last part alone, is to be left out.
    fn excludes(&self, path: &str, base: &str) -> bool {
        let excludes = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.exclude.iter().any(|exclude| {
                exclude.pattern.matches(path) || !exclude.text.contains('/') && exclude.pattern.matches(name)
            })
        };
        let below = path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
        excludes(path) || below.is_some_and(excludes)
    }
}

/// The parts of a pattern before the first that has a wildcard, `.` if there are none.
fn literal_prefix(pattern: &str) -> String {
    let pattern = clean(pattern);
    let parts: Vec<&str> = pattern.split('/').take_while(|part| !is_pattern(part)).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Whether this is what `flux build artifact` and `helm package` make.
fn is_tarball(path: &str) -> bool {
    let path = path.as_bytes();
    [&b".tar.gz"[..], b".tgz"]
        .iter()
        .any(|end| path.len() >= end.len() && path[path.len() - end.len()..].eq_ignore_ascii_case(end))
}

/// The place of a path below `root`; an error if it is elsewhere.
fn locate(root: &Path, path: &str) -> Result<PathBuf, CopyError> {
    let cleaned = clean(path);
    if cleaned.starts_with('/') || cleaned == ".." || cleaned.starts_with("../") || cleaned.contains('\0') {
        return Err(CopyError::Escapes(path.to_owned()));
    }
    Ok(root.join(cleaned))
}

fn io_error((path, source): (String, io::Error)) -> CopyError {
    CopyError::Io { path, source }
}

#[cfg(test)]
mod tests;
