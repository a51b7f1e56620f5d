//! How trees stand in files.

mod dotenv;
mod flat;
mod ini;
mod json;
mod number;
mod yaml;

use serde_json::Value as Json;

use crate::format::Format;
use crate::metadata::KEY;
use crate::tree::{Entry, Value};

/// The prefix of metadata in formats without nesting.
const PREFIX: &str = "sops_";

/// The plain part of a file, and its metadata.
type Loaded = (Vec<Vec<Entry>>, Vec<Entry>);

const NO_METADATA: &str = "sops metadata not found";

/// Reads a file.
pub(crate) fn load(text: &[u8], format: Format) -> Result<Loaded, String> {
    let string = || std::str::from_utf8(text).map_err(|_| "the file is not UTF-8 text".to_owned());
    match format {
        Format::Yaml => split(yaml::parse(string()?)?),
        Format::Json | Format::Binary => split(vec![json::parse(text)?]),
        Format::Dotenv => {
            let mut entries = dotenv::parse(string()?)?;
            let mut metadata = Vec::new();
            entries.retain(|entry| match entry {
                Entry::Pair(key, value) => match key.strip_prefix(PREFIX) {
                    Some(name) => {
                        metadata.push((name.to_owned(), value.clone()));
                        false
                    }
                    None => true,
                },
                Entry::Comment(_) => true,
            });
            if metadata.is_empty() {
                return Err(NO_METADATA.to_owned());
            }
            Ok((vec![entries], flat::unflatten(metadata)?))
        }
        Format::Ini => {
            let (documents, metadata) = split(vec![ini::parse(string()?)?])?;
            let pairs = metadata.into_iter().filter_map(|entry| match entry {
                Entry::Pair(key, Value::Text(text)) => Some((key, Value::Text(text.replace("\\n", "\n")))),
                Entry::Pair(key, value) => Some((key, value)),
                Entry::Comment(_) => None,
            });
            Ok((documents, flat::unflatten(pairs.collect())?))
        }
    }
}

/// Reads an object.
pub(crate) fn load_object(object: &Json) -> Result<Loaded, String> {
    split(vec![json::entries(object).ok_or("it is not an object")?])
}

/// The object that the entries are.
pub(crate) fn to_object(entries: &[Entry]) -> Json {
    json::object(entries)
}

/// Writes a plain file.
pub(crate) fn emit(documents: &[Vec<Entry>], format: Format) -> Result<Vec<u8>, String> {
    let first = documents.first().map_or(&[][..], Vec::as_slice);
    Ok(match format {
        Format::Yaml => yaml::emit(documents).into_bytes(),
        Format::Json => json::emit(first).into_bytes(),
        Format::Dotenv => dotenv::emit(first)?.into_bytes(),
        Format::Ini => ini::emit(documents)?.into_bytes(),
        Format::Binary => binary(documents)?,
    })
}

/// Takes the metadata out of the first document; what other documents have of them goes too.
fn split(mut documents: Vec<Vec<Entry>>) -> Result<Loaded, String> {
    let mut metadata = None;
    for (index, entries) in documents.iter_mut().enumerate() {
        let (own, rest): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(entries).into_iter().partition(|e| matches!(e, Entry::Pair(key, _) if key == KEY));
        *entries = rest;
        for entry in own.into_iter().filter(|_| index == 0) {
            let Entry::Pair(_, Value::Map(map)) = entry else {
                return Err(format!("Found {KEY} entry that is not a mapping"));
            };
            if metadata.replace(map).is_some() {
                return Err(format!("Found duplicate {KEY} entry"));
            }
        }
    }
    Ok((documents, metadata.ok_or(NO_METADATA)?))
}

fn binary(documents: &[Vec<Entry>]) -> Result<Vec<u8>, String> {
    let fail = |cause: &str| Err(format!("error emitting binary store: {cause}"));
    let [entries] = documents else { return fail("there must be exactly one tree branch") };
    match crate::tree::get(entries, "data") {
        Some(Value::Text(text)) => Ok(text.clone().into_bytes()),
        Some(Value::Bytes(bytes)) => Ok(bytes.clone()),
        Some(_) => fail("'data' key in tree does not have a string value"),
        None => fail("no binary data found in tree: give the key the extension of its format"),
    }
}
