//! Loading of charts from directories and archives.

mod archive;
mod assemble;
mod directory;
mod error;
mod gunzip;
mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use archive::files as archive_files;
pub(crate) use archive::left as left_files;
pub use assemble::assemble;
pub use error::LoadError;
pub use values::{merge_maps, parse_values, with_float_numbers};

use crate::chart::Chart;
use crate::content::{Content, Packed};

/// Bounds on what a chart may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files of one archive or directory.
    pub chart: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files, those of archives within archives too.
    pub total: u64,
    /// Number of files, those of archives within archives too.
    pub files: usize,
    /// How deep charts may be nested in charts, and directories in directories.
    pub depth: usize,
}

impl Default for Limits {
    /// Helm's 100 MiB for a chart and 5 MiB for a file; 400 MiB and 100,000 files in all, 32 levels.
    fn default() -> Self {
        Self { chart: 100 << 20, file: 5 << 20, total: 400 << 20, files: 100_000, depth: 32 }
    }
}

/// How to load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Bounds.
    pub limits: Limits,
    /// The directory that symbolic links must not lead out of; without one they may lead anywhere, as in Helm.
    pub root: Option<PathBuf>,
    /// Whether files that loading has no need for, such as definitions, stay in the archive until somebody looks at
    /// one: then all of them are unpacked.
    pub leave_files: bool,
    /// Whether a chart is loaded whatever format its `apiVersion` names. Helm's programs refuse those that they don't
    /// know; its loader for `v1` and `v2`, which Flux's helm-controller calls, does not look.
    pub any_format: bool,
}

/// A file before it is part of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFile {
    /// Path from the chart's root, parts divided by `/`.
    pub name: String,
    /// Content, without a byte order mark.
    pub data: Content,
}

/// A chart and what its author should change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The chart.
    pub chart: Chart,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

/// Loads a chart from a directory or an archive.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let kind = fs::metadata(path).map_err(|error| LoadError::read(path, error))?;
    if kind.is_dir() { load_directory(path, options) } else { load_archive_file(path, options) }
}

/// Loads a chart from a directory, without what its `.helmignore` names.
pub fn load_directory(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let metadata = path.join("Chart.yaml");
    if let Err(source) = fs::metadata(&metadata) {
        return Err(LoadError::NoChart { path: metadata, source });
    }
    let mut budget = Budget::new(options.limits);
    let files = directory::files(path, options, &mut budget)?;
    assemble::with_budget(files, options, &mut budget)
}

/// Loads a chart from a gzipped tar file.
pub fn load_archive_file(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let size = fs::metadata(path).map_err(|error| LoadError::read(path, error))?.len();
    // What is compressed can't be larger than what may come out.
    if size > options.limits.chart {
        return Err(LoadError::ChartTooLarge(options.limits.chart));
    }
    let bytes = fs::read(path).map_err(|error| LoadError::read(path, error))?;
    archive::ensure(path, &bytes)?;
    load_owned(bytes, options)
}

/// Loads a chart from the bytes of a gzipped tar file.
pub fn load_archive(bytes: &[u8], options: &LoadOptions) -> Result<Loaded, LoadError> {
    if options.leave_files {
        return load_owned(bytes.to_vec(), options);
    }
    let mut budget = Budget::new(options.limits);
    let files = archive::files(bytes, &mut budget)?;
    assemble::with_budget(files, options, &mut budget)
}

fn load_owned(bytes: Vec<u8>, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut budget = Budget::new(options.limits);
    let files = if options.leave_files {
        archive::files_needed(&Arc::new(Packed::new(bytes)), &mut budget)?
    } else {
        // Nothing of the archive itself is kept while the chart is made.
        let files = archive::files(&bytes, &mut budget)?;
        drop(bytes);
        files
    };
    assemble::with_budget(files, options, &mut budget)
}

/// What is left of the limits.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limits: Limits,
    bytes: u64,
    files: usize,
    depth: usize,
}

impl Budget {
    /// All of the limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, bytes: limits.total, files: limits.files, depth: limits.depth }
    }

    /// Accounts for a file.
    fn take(&mut self, bytes: u64) -> Result<(), LoadError> {
        self.files = self.files.checked_sub(1).ok_or(LoadError::TooManyFiles(self.limits.files))?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(LoadError::ChartTooLarge(self.limits.total))?;
        Ok(())
    }
}

/// Content without the mark that some editors put before UTF-8.
fn without_mark(data: &[u8]) -> &[u8] {
    data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data)
}
