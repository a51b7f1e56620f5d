//! Recordings that are known to differ.

use std::fs;
use std::path::Path;

/// A result that takes the list of known failures into account: what is listed must fail.
pub(crate) fn judge(case: &str, result: Result<(), String>) -> Result<(), String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/known-failures/templates.txt");
    let list = fs::read_to_string(list).unwrap();
    let is_listed = list.lines().any(|line| line.split_once(' ').is_some_and(|(name, _)| name == case));
    match (is_listed, result) {
        (true, Ok(())) => Err("is listed as a known failure, but passes".to_owned()),
        (true, Err(why)) => {
            println!("known: {case}: {why}");
            Ok(())
        }
        (false, result) => result,
    }
}
