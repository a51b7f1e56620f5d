//! The files of one object, as Flux has them: its tags, a line each, compressed if they are many, and beside them when
//! they were first seen.

use std::fs;
use std::io::{
    self,
    ErrorKind::{InvalidData, InvalidInput, UnexpectedEof},
    Write,
};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use super::files::{self, remove, replace};
use super::seen::{self, Seen};

/// The tags, greatest first.
pub(super) fn read(path: &Path) -> io::Result<Vec<String>> {
    Ok(read_list(path)?.unwrap_or_default().lines().map(str::to_owned).collect())
}

/// When the tags were first seen. What is unknown counts as seen at `now`.
pub(super) fn seen(path: &Path, now: Timestamp) -> io::Result<Seen> {
    let noted = text(files::read(&noted(path), |file| file), path)?.and_then(|text| Seen::parse(&text));
    Ok(noted.unwrap_or_else(|| Seen::all_at(written(path).unwrap_or(now))))
}

/// Keeps a list that is sorted greatest first, compressed from so many bytes on. Whether there were tags before.
pub(super) fn write(path: &Path, list: &[String], now: Timestamp, compress_from: usize) -> io::Result<bool> {
    let known = read_list(path)?;
    if !known.as_deref().is_some_and(|known| known.lines().eq(list.iter().map(String::as_str))) {
        note(path, known.as_deref(), list, now)?;
        replace_list(path, list, now, compress_from)?;
    }
    Ok(known.is_some_and(|known| !known.is_empty()))
}

/// Forgets all.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    remove(path)?;
    remove(&noted(path))?;
    remove(&compressed(path))?;
    if let Some(directory) = path.parent() {
        // Fails if others have files there.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

fn compressed(path: &Path) -> PathBuf {
    path.with_extension("txt.gz")
}

fn noted(path: &Path) -> PathBuf {
    path.with_extension(seen::EXTENSION)
}

fn replace_list(path: &Path, list: &[String], now: Timestamp, compress_from: usize) -> io::Result<()> {
    let bytes: usize = list.iter().map(|tag| tag.len() + 1).sum();
    if bytes > compress_from {
        replace(&compressed(path), now, |file| {
            let mut encoder = GzEncoder::new(file, Compression::default());
            write_lines(&mut encoder, list)?;
            encoder.finish().map(drop)
        })?;
        return remove(path);
    }
    replace(path, now, |file| write_lines(file, list))?;
    remove(&compressed(path))
}

/// Notes when tags are first seen, before they are kept: a tag that is kept has its time. The tags of a first list
/// have the time of its file.
fn note(path: &Path, known: Option<&str>, list: &[String], now: Timestamp) -> io::Result<()> {
    let file = noted(path);
    // One that can't be read tells nothing.
    let noted = text(files::read(&file, |file| file), &file)?.and_then(|text| Seen::parse(&text));
    let first = || known.and_then(|_| written(path)).map(Seen::all_at);
    let Some(old) = noted.clone().or_else(first) else { return Ok(()) };
    let new = old.after(known.unwrap_or_default().lines(), list, now);
    if noted.as_ref() == Some(&new) {
        return Ok(());
    }
    replace(&file, now, |writer| new.write(writer))
}

/// The lines of a list, whichever way it was written; `None` if there is none or it can't be read any more.
fn read_list(path: &Path) -> io::Result<Option<String>> {
    if let Some(bytes) = files::read(path, |file| file)? {
        return text(Ok(Some(bytes)), path);
    }
    let path = compressed(path);
    match files::read(&path, MultiGzDecoder::new) {
        Err(error) if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => {
            Ok(damaged(&path, &error))
        }
        unpacked => text(unpacked, &path),
    }
}

/// What was read as text; `None` if it is none.
fn text(read: io::Result<Option<Vec<u8>>>, path: &Path) -> io::Result<Option<String>> {
    let Some(bytes) = read? else { return Ok(None) };
    Ok(String::from_utf8(bytes).map_or_else(|error| damaged(path, &error), Some))
}

fn damaged<T>(path: &Path, error: &(dyn std::error::Error + 'static)) -> Option<T> {
    tracing::warn!(path = %path.display(), error, "stored tags are damaged; they will be scanned anew");
    None
}

/// When a list was written, by the time of its file.
fn written(path: &Path) -> Option<Timestamp> {
    let metadata = fs::metadata(path).or_else(|_| fs::metadata(compressed(path))).ok()?;
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

fn write_lines(writer: &mut impl Write, list: &[String]) -> io::Result<()> {
    for tag in list {
        writer.write_all(tag.as_bytes())?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
