//! Tests of archives against Go's libraries and against hostile input.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod extract;
mod go_vectors;
mod properties;
mod source_ignore;

use std::io::Read;
use std::path::Path;

use sluice_archive::{Algorithm, Summary, Writer};

/// The text of a file in `tests/data`.
fn data(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// An entry to archive: a directory without content, or a file.
struct Entry<'a> {
    path: &'a [u8],
    executable: bool,
    content: Option<&'a [u8]>,
}

fn archive(entries: &[Entry<'_>], algorithm: Algorithm) -> (Vec<u8>, Summary) {
    let mut writer = Writer::new(Vec::new(), algorithm).unwrap();
    for entry in entries {
        match entry.content {
            None => writer.dir(entry.path).unwrap(),
            Some(content) => {
                writer.file(entry.path, entry.executable, content.len() as u64, content).unwrap();
            }
        }
    }
    writer.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}
