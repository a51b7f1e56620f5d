//! What the targets share: several texts in one input, as a fuzzer that knows nothing of them can still cut and join.

pub mod signatures;

use std::path::{Path, PathBuf};

use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Build, Error, Limits, Options, build};

/// The line between two texts of an input.
pub const SEPARATOR: &str = "\n>>>\n";

/// The begin of a line that names the file whose content follows.
const FILE: &str = "\n>>> ";

/// The texts of an input, the last of them with all that is left.
pub fn texts<const N: usize>(input: &str) -> Option<[&str; N]> {
    let texts: Vec<&str> = input.splitn(N, SEPARATOR).collect();
    texts.try_into().ok()
}

/// A tree of files and the directory in it that is built: the first line is the directory, then each file comes
/// behind a line `>>> PATH`.
pub fn tree(input: &str) -> (Memory, PathBuf) {
    let mut parts = input.split(FILE);
    let directory = parts.next().unwrap_or_default().trim();
    let mut files = Memory::new();
    for part in parts {
        let (path, content) = part.split_once('\n').unwrap_or((part, ""));
        if is_plain(path) {
            files.insert(Path::new("/").join(path), content);
        }
    }
    (files, Path::new("/").join(directory))
}

/// Whether a path could be one of a tree on a disk.
fn is_plain(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Builds within bounds that keep one input short.
pub fn bounded(files: &Memory, directory: &Path, mut options: Options) -> Result<Build, Error> {
    options.limits = Limits { bytes: 1 << 20, files: 500, depth: 12, ..Limits::default() };
    build(files, directory, &options)
}
