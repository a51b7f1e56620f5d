//! The files of a gzipped tar.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use sluice_archive::{Kind, Reader};

use super::error::LoadError;
use super::gunzip::Gunzip;
use super::{Budget, RawFile, without_mark};
use crate::content::{Content, Packed};

/// The files of an archive, each under its path below the archive's one directory. Links come as empty files;
/// nothing is written anywhere.
pub fn files(bytes: &[u8], budget: &mut Budget) -> Result<Vec<RawFile>, LoadError> {
    read(bytes, budget, None)
}

/// The same, but what loading has no need for stays in the archive.
pub(super) fn files_needed(packed: &Arc<Packed>, budget: &mut Budget) -> Result<Vec<RawFile>, LoadError> {
    read(packed.bytes(), budget, Some(packed))
}

fn read(bytes: &[u8], budget: &mut Budget, packed: Option<&Arc<Packed>>) -> Result<Vec<RawFile>, LoadError> {
    let limits = budget.limits;
    let mut left = limits.chart;
    // A gzip stream may have garbage or padding behind the archive; it is bounded like the rest.
    let unzipped = Gunzip::new(bytes).take(limits.chart.saturating_mul(2));
    let mut reader = Reader::new(unzipped);
    let mut files = Vec::new();
    let mut number = 0;
    let mut buffer = Vec::new();
    while let Some(entry) = reader.next_entry().map_err(LoadError::Archive)? {
        if entry.kind == Kind::Directory {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let path = relative(&name)?;
        if entry.size > left {
            return Err(LoadError::ChartTooLarge(limits.chart));
        }
        if entry.size > limits.file {
            return Err(LoadError::FileTooLarge { name, limit: limits.file });
        }
        budget.take(entry.size)?;
        left -= entry.size;
        let data = match packed {
            Some(packed) if !is_needed(&path) => {
                number += 1;
                packed.content(number - 1)
            }
            _ => content(&mut reader, entry.size, &mut buffer).map_err(LoadError::Archive)?,
        };
        files.push(RawFile { name: path, data });
    }
    if files.is_empty() { Err(LoadError::Empty) } else { Ok(files) }
}

/// The content of the present entry. The buffer serves all of them.
fn content(reader: &mut impl Read, size: u64, buffer: &mut Vec<u8>) -> std::io::Result<Content> {
    let size = size as usize;
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    let data = buffer.get_mut(..size).unwrap_or_default();
    reader.read_exact(data)?;
    Ok(without_mark(data).into())
}

/// What [`files_needed`] left in an archive, in its order. It has been read before: there are no errors any more, and
/// it is within its limits.
pub(crate) fn left(bytes: &[u8]) -> Vec<Arc<[u8]>> {
    let mut reader = Reader::new(Gunzip::new(bytes));
    let mut files = Vec::new();
    let mut buffer = Vec::new();
    while let Ok(Some(entry)) = reader.next_entry() {
        let path = relative(&String::from_utf8_lossy(&entry.name));
        if entry.kind == Kind::Directory || path.is_ok_and(|path| is_needed(&path)) {
            continue;
        }
        let Ok(content) = content(&mut reader, entry.size, &mut buffer) else { break };
        files.push(content.shared());
    }
    files
}

/// Whether a chart can't be loaded and rendered without that file, be it the chart's own or a dependency's.
fn is_needed(path: &str) -> bool {
    let mut path = path;
    while let Some(below) = path.strip_prefix("charts/") {
        match below.split_once('/') {
            Some((_, inner)) => path = inner,
            // Perhaps a dependency's archive.
            None => return true,
        }
    }
    path.starts_with("templates/")
        || matches!(
            path,
            "Chart.yaml"
                | "Chart.lock"
                | "values.yaml"
                | "values.schema.json"
                | "requirements.yaml"
                | "requirements.lock"
        )
}

/// The path below the archive's one directory.
fn relative(name: &str) -> Result<String, LoadError> {
    let fault = |message| LoadError::Path { message, name: name.to_owned() };
    // Made on Windows, perhaps.
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let (first, rest) = name.split_once(delimiter).unwrap_or((name, ""));
    let rest = if delimiter == '\\' { rest.replace('\\', "/") } else { rest.to_owned() };
    if rest.starts_with('/') {
        return Err(fault("chart illegally contains absolute paths"));
    }
    if first == "Chart.yaml" {
        return Err(fault("chart yaml not in base directory"));
    }
    let path = clean(&rest);
    if path.is_empty() {
        return Err(fault("chart illegally contains content outside the base directory"));
    }
    if path.starts_with("..") {
        return Err(fault("chart illegally references parent directory"));
    }
    let drive = matches!(path.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
    if drive || path.contains('\0') {
        return Err(fault("chart contains illegally named files"));
    }
    Ok(path)
}

/// The shortest path to the same place; empty for the place itself.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Says what a file is that is no archive.
pub(super) fn ensure(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.starts_with(b"\x1F\x8B\x08") {
        return Ok(());
    }
    if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
        return Err(LoadError::YamlForArchive(path.to_owned()));
    }
    // Helm looks at 512 bytes always: where the file is shorter, the rest are zeros.
    let start = bytes.get(..512).unwrap_or(bytes);
    let is_binary = |b: &u8| matches!(b, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    let found = if start.starts_with(b"PK\x03\x04") {
        "application/zip"
    } else if start.len() < 512 || start.iter().any(is_binary) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    };
    Err(LoadError::NoArchive { path: path.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Helm 4.2.4 told it.
    #[test]
    fn what_is_no_archive_is_named() {
        for (bytes, found) in [
            (&b"short"[..], "application/octet-stream"),
            (&[b'x'; 600], "text/plain; charset=utf-8"),
            (b"", "application/octet-stream"),
        ] {
            let words = format!("file 'a.tgz' does not appear to be a gzipped archive; got '{found}'");
            assert_eq!(ensure(Path::new("a.tgz"), bytes).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn paths_stay_below_the_chart() {
        for (name, path) in [
            ("a/Chart.yaml", "Chart.yaml"),
            ("a/./b//c", "b/c"),
            ("a/b/../c", "c"),
            ("a\\templates\\x.yaml", "templates/x.yaml"),
        ] {
            assert_eq!(relative(name).unwrap(), path);
        }
        for (name, message) in [
            ("Chart.yaml", "chart yaml not in base directory: \"Chart.yaml\""),
            ("a", "chart illegally contains content outside the base directory: \"a\""),
            ("a/../..", "chart illegally references parent directory: \"a/../..\""),
            ("a/../x", "chart illegally references parent directory: \"a/../x\""),
            ("a//etc/passwd", "chart illegally contains absolute paths: \"a//etc/passwd\""),
            ("/etc/passwd", "chart contains illegally named files"),
            ("a/c:/x", "chart contains illegally named files: \"a/c:/x\""),
            ("a\\..\\..\\x", "chart illegally references parent directory: \"a\\\\..\\\\..\\\\x\""),
        ] {
            match relative(name) {
                Err(error) => assert_eq!(error.to_string(), message),
                // The leading slash makes an empty first part, which is dropped: the path is inside again.
                Ok(path) => assert_eq!((name, path.as_str()), ("/etc/passwd", "etc/passwd")),
            }
        }
    }
}
