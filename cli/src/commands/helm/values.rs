//! Values from files and flags.

use std::fs;
use std::io::Read;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Map, Value as Json};
use sluice_chart::{load, values};

use super::fetch::Fetch;
use super::flags::Flags;

/// The largest file with values, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// What files and flags say, in the order in which Helm lays them over each other.
pub(super) fn merge(flags: &Flags, fetch: &Fetch) -> Result<Map<String, Json>> {
    let mut merged = Map::new();
    for path in &flags.values {
        let bytes = read(path, fetch)?;
        let values = load::parse_values(&bytes).with_context(|| format!("failed to parse {path}"))?;
        merged = load::merge_maps(merged, values);
    }
    for text in &flags.set_json {
        if text.trim_start().starts_with('{') {
            let json: Json = serde_json::from_str(text)
                .map_err(|error| anyhow!("failed parsing --set-json data JSON: {text}: {error}"))?;
            if let Json::Object(map) = load::with_float_numbers(json) {
                merged = load::merge_maps(merged, map);
            }
        } else {
            values::parse_json(text, &mut merged)
                .map_err(|error| anyhow!("failed parsing --set-json data {text}: {error}"))?;
        }
    }
    for text in &flags.set {
        values::parse_typed(text, &mut merged).context("failed parsing --set data")?;
    }
    for text in &flags.set_string {
        values::parse_string(text, &mut merged).context("failed parsing --set-string data")?;
    }
    for text in &flags.set_file {
        let mut read = |path: &str| {
            let bytes = read(path, fetch).map_err(|error| format!("{error:#}"))?;
            String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8: values are texts"))
        };
        values::parse_file(text, &mut merged, &mut read).context("failed parsing --set-file data")?;
    }
    for text in &flags.set_literal {
        values::parse_literal(text, &mut merged).context("failed parsing --set-literal data")?;
    }
    Ok(merged)
}

/// The content of a file, of an address, or of the standard input.
fn read(path: &str, fetch: &Fetch) -> Result<Vec<u8>> {
    if path.starts_with("https://") || path.starts_with("http://") {
        return fetch.file(path, MAX_FILE);
    }
    let mut bytes = Vec::new();
    let from: Box<dyn Read> = if path.trim() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(fs::File::open(path).with_context(|| format!("open {path}"))?)
    };
    from.take(MAX_FILE + 1).read_to_end(&mut bytes).with_context(|| format!("read {path}"))?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{path} has more than {MAX_FILE} bytes");
    }
    Ok(bytes)
}
