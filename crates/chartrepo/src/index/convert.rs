//! From an index as it was fetched to the form that is stored.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sluice_semver::Version;
use sluice_yaml::{Node, Version as Yaml};

use super::IndexError;
use super::entry::Entry;
use super::split::{Piece, items, pieces};

/// Longest index in bytes that is parsed at once, where it cannot be cut into charts.
const MAX_WHOLE: u64 = 16 << 20;
/// What Go writes for a time that is not set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Reads the index in a file and writes it as JSON: charts by name, their versions from the highest down, without
/// entries that no chart can be.
pub fn convert<W: Write>(index: &Path, out: W) -> Result<W, IndexError> {
    let mut file = File::open(index)?;
    let length = file.metadata()?.len();
    if length == 0 {
        return Err(IndexError::Empty);
    }
    let source = if is_json(&mut file)? { json(&file)? } else { yaml(&file, length)? };
    if source.head.api_version.is_empty() {
        return Err(IndexError::NoApiVersion);
    }
    let mut out = BufWriter::new(out);
    let failure = RefCell::new(None);
    let document = Document { source: &source, file: RefCell::new(file), failure: &failure };
    let written = document.serialize(&mut serde_json::Serializer::pretty(&mut out));
    match (written, failure.into_inner()) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(IndexError::Io(error.into())),
        (Ok(()), None) => out.into_inner().map_err(|error| IndexError::Io(error.into_error())),
    }
}

fn is_json(file: &mut File) -> Result<bool, IndexError> {
    let mut start = [0; 64];
    let read = file.read(&mut start)?;
    file.rewind()?;
    let first = start.get(..read).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(first == Some(&b'{'))
}

/// What an index says besides its entries.
#[derive(Debug, Default)]
struct Head {
    api_version: String,
    generated: String,
    public_keys: Vec<String>,
    annotations: BTreeMap<String, String>,
}

/// Where the versions of a chart are.
enum Place {
    /// In the file.
    Piece(Piece),
    /// Here, as JSON.
    Json(Box<RawValue>),
    /// Here.
    Node(Node),
}

struct Source {
    head: Head,
    charts: BTreeMap<String, Place>,
    /// Whether fields that nobody knows are an error.
    strict: bool,
}

fn invalid(error: impl std::fmt::Display) -> IndexError {
    IndexError::Invalid(error.to_string())
}

fn json(file: &File) -> Result<Source, IndexError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Index {
        api_version: String,
        generated: Option<String>,
        entries: Option<BTreeMap<String, Box<RawValue>>>,
        public_keys: Option<Vec<String>>,
        annotations: Option<BTreeMap<String, String>>,
    }
    match serde_json::from_reader::<_, Index>(BufReader::new(file)) {
        Ok(index) => Ok(Source {
            head: Head {
                api_version: index.api_version,
                generated: index.generated.unwrap_or_else(|| NO_TIME.to_owned()),
                public_keys: index.public_keys.unwrap_or_default(),
                annotations: index.annotations.unwrap_or_default(),
            },
            charts: index.entries.into_iter().flatten().map(|(name, raw)| (name, Place::Json(raw))).collect(),
            strict: false,
        }),
        // YAML in flow style begins like JSON.
        Err(error) if error.is_syntax() => whole(file),
        Err(error) => Err(invalid(error)),
    }
}

fn yaml(file: &File, length: u64) -> Result<Source, IndexError> {
    let mut reader = BufReader::new(file);
    let Some(found) = pieces(&mut reader)? else {
        return whole(file);
    };
    let mut charts = BTreeMap::new();
    for piece in found.charts {
        let name = name_of(file, piece)?;
        if charts.insert(name.clone(), Place::Piece(piece)).is_some() {
            return Err(invalid(format!("line {}: key {name:?} already set in map", piece.line)));
        }
    }
    let node = sluice_yaml::parse_first(&found.rest).map_err(invalid)?.unwrap_or_default();
    // Anchors at the top and aliases below cannot be cut.
    if node.as_mapping().is_none() && length <= MAX_WHOLE {
        return whole(file);
    }
    Ok(Source { head: head(&node)?, charts, strict: true })
}

/// An index that cannot be cut.
fn whole(mut file: &File) -> Result<Source, IndexError> {
    let length = file.metadata()?.len();
    if length > MAX_WHOLE {
        return Err(invalid(format!(
            "an index of more than {MAX_WHOLE} bytes must be JSON or YAML in block style, as 'helm repo index' writes it"
        )));
    }
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let node = sluice_yaml::parse_first(&text).map_err(invalid)?.unwrap_or_default();
    let mut charts = BTreeMap::new();
    if let Some(entries) = node.get("entries").filter(|entries| !entries.is_null()) {
        let entries = entries.as_mapping().ok_or_else(|| invalid("'entries' is no mapping of charts"))?;
        for entry in entries {
            let name = entry.name().unwrap_or_default().to_owned();
            if charts.insert(name.clone(), Place::Node(entry.value.clone())).is_some() {
                return Err(invalid(format!("key {name:?} already set in map")));
            }
        }
    }
    Ok(Source { head: head(&node)?, charts, strict: true })
}

fn head(node: &Node) -> Result<Head, IndexError> {
    const FIELDS: [&str; 6] =
        ["serverInfo", "apiVersion", "generated", "entries", "publicKeys", "annotations"];
    let mut head = Head { generated: NO_TIME.to_owned(), ..Head::default() };
    let Some(fields) = node.as_mapping() else {
        return Err(invalid("the index is no mapping with the fields 'apiVersion' and 'entries'"));
    };
    for field in fields {
        let value = field.value.to_json(Yaml::V2).map_err(invalid)?;
        match field.name().unwrap_or_default() {
            "apiVersion" => value.as_str().unwrap_or_default().clone_into(&mut head.api_version),
            "generated" => {
                if let Some(text) = value.as_str() {
                    text.clone_into(&mut head.generated);
                }
            }
            "publicKeys" => head.public_keys = serde_json::from_value(value).map_err(invalid)?,
            "annotations" => head.annotations = serde_json::from_value(value).map_err(invalid)?,
            name if FIELDS.contains(&name) => {}
            name => return Err(invalid(format!("unknown field {name:?}"))),
        }
    }
    Ok(head)
}

fn read_piece(mut file: &File, piece: Piece) -> Result<String, IndexError> {
    file.seek(SeekFrom::Start(piece.start))?;
    let mut text = String::new();
    file.take(piece.end - piece.start).read_to_string(&mut text)?;
    Ok(text)
}

/// The key in the first line of a piece.
fn name_of(file: &File, piece: Piece) -> Result<String, IndexError> {
    const LONGEST: u64 = 1024;
    let end = piece.end.min(piece.start + LONGEST);
    let text = read_piece(file, Piece { end, ..piece });
    // A cut in the middle of a letter is behind the first line.
    let text = match text {
        Err(IndexError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            read_piece(file, piece)?
        }
        text => text?,
    };
    let line = text.lines().next().unwrap_or_default().trim();
    let line = if line.ends_with(':') { line } else { line.split(": ").next().unwrap_or_default() };
    let key = line.trim_end_matches(':');
    let node = sluice_yaml::parse_first(key).map_err(invalid)?.unwrap_or_default();
    Ok(node.as_str().unwrap_or(key).to_owned())
}

/// The versions of a chart from the highest down.
fn versions(file: &File, place: &Place, strict: bool) -> Result<Vec<Entry>, IndexError> {
    let mut entries = Vec::new();
    let mut add = |node: &Node| -> Result<(), IndexError> {
        entries.extend(Entry::read(node, strict)?);
        Ok(())
    };
    match place {
        Place::Node(node) => each(node, &mut add)?,
        Place::Json(raw) => {
            each(&sluice_yaml::parse_first(raw.get()).map_err(invalid)?.unwrap_or_default(), &mut add)?;
        }
        Place::Piece(piece) => {
            let located = |error: &dyn std::fmt::Display| {
                invalid(format!("entries that begin at line {}: {error}", piece.line))
            };
            let text = read_piece(file, *piece)?;
            if let Some(items) = items(&text) {
                for item in items {
                    let node = sluice_yaml::parse_first(item).map_err(|error| located(&error))?;
                    each(&node.unwrap_or_default(), &mut add).map_err(|error| located(&error))?;
                }
            } else {
                let node = sluice_yaml::parse_first(&text).map_err(|error| located(&error))?;
                for entry in node.iter().filter_map(Node::as_mapping).flat_map(|chart| chart.iter()) {
                    each(&entry.value, &mut add).map_err(|error| located(&error))?;
                }
            }
        }
    }
    entries.sort_by(|a: &Entry, b: &Entry| order(&b.metadata.version, &a.metadata.version));
    Ok(entries)
}

fn each(list: &Node, add: &mut impl FnMut(&Node) -> Result<(), IndexError>) -> Result<(), IndexError> {
    if list.is_null() {
        return Ok(());
    }
    let items = list.as_sequence().ok_or_else(|| invalid("the versions of a chart are no list"))?;
    items.iter().try_for_each(add)
}

/// By precedence; what is no version is the lowest.
fn order(a: &str, b: &str) -> Ordering {
    match (Version::parse(a), Version::parse(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Greater,
        (Err(_), Ok(_)) => Ordering::Less,
        (Err(_), Err(_)) => Ordering::Equal,
    }
}

/// The index on its way into a file.
struct Document<'a> {
    source: &'a Source,
    file: RefCell<File>,
    /// What went wrong, which errors of serialisation can't carry.
    failure: &'a RefCell<Option<IndexError>>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let head = &self.source.head;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", &head.api_version)?;
        map.serialize_entry("generated", &head.generated)?;
        map.serialize_entry("entries", &Entries(self))?;
        if !head.public_keys.is_empty() {
            map.serialize_entry("publicKeys", &head.public_keys)?;
        }
        if !head.annotations.is_empty() {
            map.serialize_entry("annotations", &head.annotations)?;
        }
        map.end()
    }
}

struct Entries<'a>(&'a Document<'a>);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document { source, file, failure } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, place) in &source.charts {
            match versions(&file.borrow(), place, source.strict) {
                Ok(versions) => map.serialize_entry(name, &versions)?,
                Err(error) => {
                    failure.replace(Some(error));
                    return Err(S::Error::custom("the index is invalid"));
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn converted(text: &str) -> Result<Value, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.yaml");
        std::fs::write(&path, text).unwrap();
        let bytes = convert(&path, Vec::new()).map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&bytes).unwrap())
    }

    const YAML: &str = "apiVersion: v1\nentries:\n  db:\n  - {apiVersion: v2, name: db, version: 1.0.0, urls: [db.tgz]}\n  app:\n  - apiVersion: v2\n    name: app\n    version: 0.9.0\n    created: 2026-01-01T00:00:00Z\n  - apiVersion: v2\n    name: app\n    version: 0.10.0\n    appVersion: 1.10\n    urls:\n    - app-0.10.0.tgz\n  - name: app\n    version: no version\n  empty: []\ngenerated: 2026-01-02T00:00:00Z\n";

    #[test]
    fn charts_and_versions_are_sorted_and_checked() {
        let index = converted(YAML).unwrap();
        assert_eq!(index["apiVersion"], "v1");
        let names: Vec<&String> = index["entries"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["app", "db", "empty"]);
        let versions: Vec<&Value> =
            index["entries"]["app"].as_array().unwrap().iter().map(|entry| &entry["version"]).collect();
        assert_eq!(versions, ["0.10.0", "0.9.0"]);
        assert_eq!(index["entries"]["app"][0]["urls"], json!(["app-0.10.0.tgz"]));
        assert_eq!(index["entries"]["app"][0]["appVersion"], "1.1");
        assert_eq!(index["entries"]["app"][0]["created"], NO_TIME);
        assert_eq!(index["entries"]["empty"], json!([]));
    }

    #[test]
    fn every_style_gives_the_same() {
        let block = converted(YAML).unwrap();
        let as_json = sluice_yaml::parse_first(YAML).unwrap().unwrap().to_json(Yaml::V2).unwrap();
        assert_eq!(converted(&as_json.to_string()).unwrap(), block);
        let flow = YAML.replace("entries:\n", "entries: !!map\n");
        assert_eq!(converted(&flow).unwrap(), block);
    }

    #[test]
    fn what_is_no_index_says_so() {
        for (text, error) in [
            ("", "empty index.yaml file"),
            ("entries: {}\n", "no API version specified"),
            ("{\"entries\": {}}", "no API version specified"),
            ("<html>\n", "the index is no mapping"),
            ("apiVersion: v1\nunknown: x\n", "unknown field \"unknown\""),
            ("apiVersion: v1\nentries:\n  a: []\n  a: []\n", "already set in map"),
            ("apiVersion: v1\nentries:\n  a:\n  - {name: a, version: 1.0.0, x: y}\n", "unknown field \"x\""),
            ("apiVersion: v1\nentries:\n  a:\n  - [\n", "entries that begin at line 3"),
        ] {
            let found = converted(text).unwrap_err();
            assert!(found.contains(error), "{text}: {found}");
        }
    }
}
