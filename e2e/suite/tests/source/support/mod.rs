//! A namespace, a Git server and a controller of one's own.

mod controller;
mod git;
mod objects;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;
use sluice_apis::source::v1::Artifact;
use tempfile::TempDir;

pub use controller::Controller;
pub use git::GitServer;
pub use objects::{World, message, reason};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A process that ends with the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts one of the test servers and returns the line of JSON that it prints when it is up.
pub fn start_server(args: &[&str]) -> (Process, Value) {
    let program = std::env::var_os("SLUICE_E2E").expect("SLUICE_E2E: see scripts/build-controlplane");
    let mut child = Command::new(program)
        .args(args)
        .arg("--exit-with-parent")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program of test servers");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Process(child), serde_json::from_str(&line).unwrap_or_else(|e| panic!("{args:?} said {line:?}: {e}")))
}

/// Runs a command to its end; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub content: Vec<u8>,
}

/// Downloads an artifact and lists it; its digest must be right.
pub async fn download(artifact: &Artifact) -> BTreeMap<String, Entry> {
    let response = reqwest::get(&artifact.url).await.unwrap().error_for_status().unwrap();
    let bytes = response.bytes().await.unwrap();
    let digest: sluice_archive::Digest = artifact.digest.parse().unwrap();
    assert_eq!(sluice_archive::Digest::of(digest.algorithm(), &bytes[..]).unwrap(), digest);
    assert_eq!(artifact.size, Some(bytes.len() as i64));
    let mut entries = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(&bytes[..])).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        entries.insert(path, Entry { mode: entry.header().mode().unwrap(), content });
    }
    entries
}

/// The paths of an artifact's files and directories, without its root.
pub async fn paths(artifact: &Artifact) -> Vec<String> {
    download(artifact).await.into_keys().filter(|path| path != ".").collect()
}

/// The files below a directory.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn temp_dir() -> TempDir {
    TempDir::with_prefix("sluice-source-").unwrap()
}
