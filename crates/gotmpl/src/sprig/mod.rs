//! The functions of sprig, with those that Helm adds for durations.
//!
//! `env` and `expandenv` are not among them: templates come from others, the environment is ours. What can fail in
//! Go with a panic fails here with the same message.

mod args;
mod cast;
mod certificates;
mod ciphers;
mod copy;
mod dates;
mod decimal;
mod dicts;
mod durations;
mod encoding;
mod flow;
mod gourl;
mod hashes;
mod json;
mod lists;
mod merge;
mod network;
mod numeric;
mod paths;
mod pki;
mod print;
mod random;
mod reflect;
mod regex;
mod runes;
mod semver;
mod strings;
mod urls;
mod words;

pub use cast::parse_float;

use crate::function::{FuncMap, Function};

const ALL: &[&[Function]] = &[
    certificates::FUNCTIONS,
    ciphers::FUNCTIONS,
    dates::FUNCTIONS,
    dicts::FUNCTIONS,
    durations::FUNCTIONS,
    encoding::FUNCTIONS,
    flow::FUNCTIONS,
    hashes::FUNCTIONS,
    json::FUNCTIONS,
    lists::FUNCTIONS,
    network::FUNCTIONS,
    numeric::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    reflect::FUNCTIONS,
    regex::FUNCTIONS,
    semver::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
];

/// All functions.
pub fn functions() -> FuncMap {
    let mut functions = FuncMap::new();
    for group in ALL {
        functions.extend(group.iter().cloned());
    }
    functions
}
