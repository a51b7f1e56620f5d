//! The conformance corpus: recordings of Go.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// What became of a case.
pub(crate) enum Verdict {
    Passed,
    Failed(String),
}

/// The corpus of Helm, if it is on this machine: below `$SLUICE_CONFORMANCE`, or `shared/conformance` beside the clone.
fn directory() -> Option<PathBuf> {
    let directory = env::var_os("SLUICE_CONFORMANCE")
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
            PathBuf::from,
        )
        .join("helm");
    let found = directory.is_dir();
    if !found {
        println!("skipped: no conformance corpus at {}", directory.display());
    }
    found.then_some(directory)
}

/// Runs all cases of a file of the corpus, each given as JSON and as its text, prints how many passed, and fails with those that did not.
pub(crate) fn run(file: &str, check: impl Fn(&Value, &str) -> Verdict) {
    let Some(directory) = directory() else { return };
    let cases = fs::read_to_string(directory.join(file)).unwrap();
    let (mut passed, mut failures) = (0, Vec::new());
    for line in cases.lines().filter(|line| !line.is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        match check(&case, line) {
            Verdict::Passed => passed += 1,
            Verdict::Failed(why) => failures.push(format!("{}: {why}", case["name"].as_str().unwrap_or("?"))),
        }
    }
    println!("{file}: {passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    assert!(passed > 0, "{file} has no cases");
}
