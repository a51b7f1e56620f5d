//! Unpacking of archives that come from outside.
//!
//! Nothing but directories and regular files is ever created, so no entry can redirect a later one: a
//! path that is clean as text stays inside the destination.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use thiserror::Error;

use crate::read::{Kind, Reader};

/// Bounds on what an archive may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together; None for no bound.
    pub bytes: Option<u64>,
    /// Number of entries of any kind.
    pub entries: u64,
    /// Parts of a path.
    pub depth: usize,
}

impl Default for Limits {
    /// 100 MiB, a million entries, paths of 255 parts.
    fn default() -> Self {
        Self { bytes: Some(100 << 20), entries: 1_000_000, depth: 255 }
    }
}

impl Limits {
    /// The defaults, but with as many bytes as there are.
    pub fn any_size() -> Self {
        Self { bytes: None, ..Self::default() }
    }
}

/// What to do with a symbolic link in the archive. Links are never created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// Leave it out.
    Skip,
    /// Refuse the archive.
    Reject,
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extracted {
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Why an archive was refused or could not be unpacked. The destination may hold part of it.
#[derive(Debug, Error)]
pub enum ExtractError {
    /// The stream is no gzip, is cut off, or is no tar.
    #[error("invalid archive: {0}")]
    Archive(#[source] io::Error),
    /// An entry could not be written.
    #[error("failed to write '{path}': {source}")]
    Write {
        /// Where the entry was to go.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name of an entry leads out of the destination, or is none.
    #[error("tar contained invalid name error {0:?}")]
    Name(String),
    /// The entry is a symbolic link, and links are to be rejected.
    #[error("tar file entry {0} is a symlink, which is not allowed in this context")]
    Symlink(String),
    /// The entry is a hard link, a device, or something else that is neither file nor directory.
    #[error("tar file entry {0} contained unsupported file type {1}")]
    Unsupported(String, &'static str),
    /// The archive unpacks to more bytes than allowed.
    #[error("tar {name:?} is bigger than max archive size of {limit} bytes")]
    TooLarge {
        /// The entry that crossed the bound.
        name: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// The archive has more entries than allowed.
    #[error("tar has more than {0} entries")]
    TooManyEntries(u64),
    /// A path has more parts than allowed.
    #[error("tar entry {name:?} is nested deeper than {limit} directories")]
    TooDeep {
        /// The entry.
        name: String,
        /// The bound.
        limit: usize,
    },
}

/// Unpacks a `tar.gz` into the directory `dest`, which is created if it does not exist.
///
/// `dest` must not be shared with anyone who could place links in it meanwhile. Permissions come from the
/// archive, without set-id and sticky bits, and always with those that the owner needs to read and remove
/// the result. Owners and times are not restored.
pub fn extract(
    reader: impl Read,
    dest: &Path,
    limits: &Limits,
    symlinks: Symlinks,
) -> Result<Extracted, ExtractError> {
    make_dir(dest, 0o700)?;
    let mut archive = Reader::new(MultiGzDecoder::new(reader));
    let mut extracted = Extracted::default();
    let mut seen = 0;
    while let Some(entry) = archive.next_entry().map_err(ExtractError::Archive)? {
        seen += 1;
        if seen > limits.entries {
            return Err(ExtractError::TooManyEntries(limits.entries));
        }
        let path = dest.join(relative(&entry.name, limits.depth)?);
        match entry.kind {
            Kind::Directory => make_dir(&path, entry.mode & 0o777 | 0o700)?,
            Kind::File => {
                let left = limits.bytes.map(|limit| limit.saturating_sub(extracted.bytes));
                if left.is_some_and(|left| entry.size > left) {
                    let limit = limits.bytes.unwrap_or_default();
                    return Err(ExtractError::TooLarge { name: display(&entry.name), limit });
                }
                extracted.bytes += write_file(&mut archive, &path, entry.mode & 0o777 | 0o600)?;
                extracted.files += 1;
            }
            Kind::Symlink if symlinks == Symlinks::Skip => {}
            Kind::Symlink => return Err(ExtractError::Symlink(display(&entry.name))),
            Kind::Other(what) => return Err(ExtractError::Unsupported(display(&entry.name), what)),
        }
    }
    Ok(extracted)
}

/// The path of an entry below the destination.
fn relative(name: &[u8], max_depth: usize) -> Result<PathBuf, ExtractError> {
    let text = std::str::from_utf8(name).map_err(|_| ExtractError::Name(display(name)))?;
    let bad = || ExtractError::Name(text.to_owned());
    if text.is_empty() || text.starts_with('/') || text.contains(['\\', '\0']) {
        return Err(bad());
    }
    let mut path = PathBuf::new();
    let mut depth = 0;
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(bad()),
            part => {
                depth += 1;
                path.push(part);
            }
        }
    }
    if depth > max_depth {
        return Err(ExtractError::TooDeep { name: text.to_owned(), limit: max_depth });
    }
    Ok(path)
}

fn make_dir(path: &Path, mode: u32) -> Result<(), ExtractError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|e| write_error(path, e))
}

fn write_file(entry: &mut impl Read, path: &Path, mode: u32) -> Result<u64, ExtractError> {
    let create = || OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    let mut file = match create() {
        // Directories may have no entry of their own.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                make_dir(parent, 0o750)?;
            }
            create()
        }
        created => created,
    }
    .map_err(|e| write_error(path, e))?;
    copy(entry, &mut file, path)
}

/// Copies while telling a broken archive from a full disk.
fn copy(entry: &mut impl Read, file: &mut impl Write, path: &Path) -> Result<u64, ExtractError> {
    let mut buffer = vec![0; 32 * 1024];
    let mut copied = 0;
    loop {
        let n = match entry.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(ExtractError::Archive(e)),
        };
        file.write_all(buffer.get(..n).unwrap_or_default()).map_err(|e| write_error(path, e))?;
        copied += n as u64;
    }
}

fn write_error(path: &Path, source: io::Error) -> ExtractError {
    ExtractError::Write { path: path.to_owned(), source }
}

fn display(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
