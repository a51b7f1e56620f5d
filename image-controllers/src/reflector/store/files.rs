//! Small files that are read whole, and replaced at once.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use jiff::Timestamp;

/// The longest file in bytes that is read back: more than what a scan takes.
const MAX_BYTES: u64 = 256 << 20;

/// The bytes of a file, through what `decode` makes of it; `None` if there is no such file.
pub(super) fn read<R: Read>(path: &Path, decode: impl FnOnce(File) -> R) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    decode(file).take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a file beside, then puts it in its place: readers see the old or the new content, as of `now`.
pub(super) fn replace(
    path: &Path,
    now: Timestamp,
    write: impl FnOnce(&mut io::BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let mut writer = io::BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().set_modified(now.into())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
