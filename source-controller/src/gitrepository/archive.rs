//! The content of a commit as an archive, straight from the object store.

use std::io::Write;

use sluice_archive::ignore::{self, IGNORE_FILE, Matcher, Pattern};
use sluice_archive::{Algorithm, Summary, WriteError, Writer, walk_order};
use sluice_git::{Content, Kind, Walk};

/// Largest file of ignore patterns in bytes.
const MAX_IGNORE_FILE: u64 = 1 << 20;

/// Why a commit could not be archived.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    /// An object of the commit cannot be read.
    #[error(transparent)]
    Git(#[from] sluice_git::Error),
    /// A file of ignore patterns cannot be read.
    #[error("'{path}': {source}")]
    Ignore {
        /// The file.
        path: String,
        /// Why.
        source: Box<sluice_git::Error>,
    },
    /// The archive cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The rules for what belongs to the archive: those of ignore files in the commit, then those of the spec.
pub(super) fn matcher(content: &Content, ignore: Option<&str>) -> Result<Matcher, ArchiveError> {
    let mut files: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    content.walk(|entry| -> Result<Walk, ArchiveError> {
        let (dir, name) = split(entry.path);
        // A link is no file of patterns, wherever it leads.
        if name == IGNORE_FILE.as_bytes() && matches!(entry.kind, Kind::File | Kind::Executable) {
            let text = entry.read(MAX_IGNORE_FILE).map_err(|source| ArchiveError::Ignore {
                path: String::from_utf8_lossy(entry.path).into_owned(),
                source: Box::new(source),
            })?;
            files.push((dir.to_vec(), text));
        }
        Ok(Walk::Continue)
    })?;
    // The last pattern that matches wins: those of a directory go before those of the directories in it.
    files.sort_by(|(a, _), (b, _)| walk_order(a, b));
    let mut patterns: Vec<Pattern> = Vec::new();
    for (dir, text) in &files {
        let dir = String::from_utf8_lossy(dir);
        let domain: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
        patterns.extend(ignore::parse(&String::from_utf8_lossy(text), &domain));
    }
    patterns.extend(ignore::parse(ignore.unwrap_or_default(), &[]));
    Ok(Matcher::for_source(patterns))
}

/// Writes the files of a commit that `matcher` does not exclude. Symbolic links are left out; a submodule is
/// an empty directory.
pub(super) fn write<W: Write>(
    content: &Content,
    matcher: &Matcher,
    algorithm: Algorithm,
    out: W,
) -> Result<(W, Summary), ArchiveError> {
    let mut writer = Writer::new(out, algorithm)?;
    content.walk(|entry| -> Result<Walk, ArchiveError> {
        let text = String::from_utf8_lossy(entry.path);
        let path: Vec<&str> = text.split('/').collect();
        let is_dir = matches!(entry.kind, Kind::Directory | Kind::Submodule);
        // Excluded directories are entered nevertheless: a pattern may include what is in them.
        if !matcher.excludes(&path, is_dir) {
            match entry.kind {
                Kind::Directory | Kind::Submodule => writer.dir(entry.path)?,
                Kind::File | Kind::Executable => {
                    let executable = entry.kind == Kind::Executable;
                    writer.file(entry.path, executable, entry.size()?, entry.reader()?)?;
                }
                Kind::Symlink => {}
            }
        }
        Ok(Walk::Continue)
    })?;
    Ok(writer.finish()?)
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}
