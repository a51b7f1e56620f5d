//! The conformance corpus: recordings of Helm.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// The corpus, if it is on this machine: `$SLUICE_CONFORMANCE`, or `shared/conformance` beside the clone.
pub(crate) fn directory() -> Option<PathBuf> {
    let directory = env::var_os("SLUICE_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    let found = directory.join("helm").is_dir();
    if !found {
        println!("skipped: no conformance corpus at {}", directory.display());
    }
    found.then_some(directory)
}

/// Runs all cases of the files with that name pattern (`*.jsonl` in a folder of the Helm corpus), prints how many
/// passed, and fails with the first ones that did not.
pub(crate) fn run(folder: &str, prefix: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let Some(directory) = directory() else { return };
    let mut files: Vec<PathBuf> = fs::read_dir(directory.join("helm").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(prefix) && name.ends_with(".jsonl")
        })
        .collect();
    files.sort();
    let (mut total, mut failures) = (0, Vec::new());
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines().filter(|line| !line.is_empty()) {
            let case: Value = serde_json::from_str(line).unwrap();
            total += 1;
            if let Err(why) = check(&case) {
                let name = case["name"].as_str().or(case["case"].as_str()).unwrap_or("?");
                failures.push(format!("{name}: {why}"));
            }
        }
    }
    println!("{folder}/{prefix}*: {} of {total} passed", total - failures.len());
    assert!(
        failures.is_empty(),
        "{} of {total} failed:\n{}",
        failures.len(),
        failures.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(total > 0, "no cases in {folder}");
}

/// Whether two JSON values are the same, numbers by their value.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Compares texts; the error shows where they begin to differ.
pub(crate) fn same_text(what: &str, got: &str, expected: &str) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    let at = got.lines().zip(expected.lines()).position(|(got, expected)| got != expected);
    let at = at.unwrap_or_else(|| got.lines().count().min(expected.lines().count()));
    let (got, expected) = (got.lines().nth(at), expected.lines().nth(at));
    Err(format!("{what}, line {}: {got:?} instead of {expected:?}", at + 1))
}

/// The archive of a chart case: a symbolic link, which some checkouts have as a file with its target.
pub(crate) fn archive(folder: &Path) -> PathBuf {
    let path = folder.join("chart.tgz");
    match fs::read(&path) {
        Ok(bytes) if bytes.starts_with(b"../") => folder.join(String::from_utf8_lossy(&bytes).trim()),
        _ => path,
    }
}
