//! Writing of deterministic archives.

use std::cmp::Ordering;
use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use thiserror::Error;

use crate::digest::{Algorithm, Digest, Tee};
use crate::header::{BLOCK, Type, padding, write_header, zeros};
use crate::order::walk_order;

const DIR_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o600;
const EXECUTABLE_MODE: u32 = 0o700;
/// Operating system byte of a gzip header that says nothing about the system.
const UNKNOWN_OS: u8 = 255;

/// Why an archive could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The output or the content of an entry failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Entries must come in walk order, each once, so that equal content gives equal bytes.
    #[error("archive entry '{path}' is out of order after '{previous}'")]
    Order {
        /// The entry that came too late.
        path: String,
        /// The entry before it.
        previous: String,
    },
    /// The content of a file is not as long as announced.
    #[error("file '{path}' has {actual} bytes, expected {expected}")]
    Size {
        /// Path of the file.
        path: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes found; for longer content, the first byte count past the announced one.
        actual: u64,
    },
    /// The path cannot be the name of an entry.
    #[error("invalid archive path '{0}': it must be relative, without empty parts, '..' or NUL")]
    Path(String),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Digest of the compressed bytes.
    pub digest: Digest,
    /// Compressed size in bytes.
    pub size: u64,
}

/// Writes a `tar.gz` whose bytes depend only on the paths, executable bits and contents given.
///
/// Owners and times are zero, modes are 0750 for directories and 0600 or 0700 for files. Entries must
/// come in [`walk_order`]; memory use does not depend on the content's size.
pub struct Writer<W: Write> {
    out: GzEncoder<Tee<W>>,
    last: Option<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Starts an archive that goes to `out` and is named by `algorithm`. The root directory `.` is its
    /// first entry.
    pub fn new(out: W, algorithm: Algorithm) -> Result<Self, WriteError> {
        let out = GzBuilder::new()
            .operating_system(UNKNOWN_OS)
            .write(Tee::new(out, algorithm), Compression::default());
        let mut writer = Self { out, last: None };
        write_header(&mut writer.out, Type::Dir, b".", DIR_MODE, 0)?;
        Ok(writer)
    }

    /// Adds a directory. Its path has no trailing slash.
    pub fn dir(&mut self, path: &[u8]) -> Result<(), WriteError> {
        self.check(path)?;
        Ok(write_header(&mut self.out, Type::Dir, path, DIR_MODE, 0)?)
    }

    /// Adds a file of exactly `size` bytes.
    pub fn file(
        &mut self,
        path: &[u8],
        executable: bool,
        size: u64,
        content: impl Read,
    ) -> Result<(), WriteError> {
        self.check(path)?;
        let mode = if executable { EXECUTABLE_MODE } else { FILE_MODE };
        write_header(&mut self.out, Type::File, path, mode, size)?;
        // One byte more than announced is enough to notice content that grew.
        let copied =
            io::copy(&mut content.take(size.saturating_add(1)), &mut Bounded::new(&mut self.out, size))?;
        if copied != size {
            return Err(WriteError::Size { path: display(path), expected: size, actual: copied });
        }
        Ok(self.out.write_all(&zeros(padding(size)))?)
    }

    /// Ends the archive and returns the output with the digest and size of what went to it.
    pub fn finish(mut self) -> Result<(W, Summary), WriteError> {
        self.out.write_all(&zeros(2 * BLOCK))?;
        let (out, digest, size) = self.out.finish()?.finish();
        Ok((out, Summary { digest, size }))
    }

    fn check(&mut self, path: &[u8]) -> Result<(), WriteError> {
        let bad_part = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
        if path.contains(&0) || path.split(|c| *c == b'/').any(bad_part) {
            return Err(WriteError::Path(display(path)));
        }
        if let Some(previous) = self.last.as_deref().filter(|last| walk_order(last, path) != Ordering::Less) {
            return Err(WriteError::Order { path: display(path), previous: display(previous) });
        }
        self.last = Some(path.to_vec());
        Ok(())
    }
}

/// Passes on at most `left` bytes and swallows the rest, so that overlong content cannot corrupt the
/// archive before its error is reported.
struct Bounded<'a, W> {
    out: &'a mut W,
    left: u64,
}

impl<'a, W> Bounded<'a, W> {
    fn new(out: &'a mut W, left: u64) -> Self {
        Self { out, left }
    }
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.out.write_all(bytes.get(..n).unwrap_or(bytes))?;
        self.left -= n as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn display(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
