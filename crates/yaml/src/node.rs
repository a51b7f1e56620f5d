//! The tree: nodes, mappings, sequences and scalars.

use std::sync::Arc;

use crate::parse::shared;
use crate::position::Position;
use crate::resolve::{Resolved, Version, tag};

/// One YAML node, with what the text around it said.
///
/// Cloning is cheap: collections and texts are shared, and copied only when one of the clones changes.
///
/// Two nodes are equal when they hold the same data as written: kind, text, tag, and whether a scalar was
/// plain (a plain `1` is a number, a quoted one is not). Comments, positions, anchors and layout don't count;
/// the order of a mapping's keys does.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What the node holds.
    pub value: Value,
    /// The explicit tag, in its long form: `tag:yaml.org,2002:str` for `!!str`, `!name` for a local tag.
    pub tag: Option<Arc<str>>,
    /// The anchor's name, without `&`. Aliases to it are already replaced by copies, which carry no anchor.
    pub anchor: Option<Arc<str>>,
    /// The comments around the node.
    pub comments: Option<Box<Comments>>,
    /// Where the node stood in its text; [`Position::NONE`] if it was made by a program.
    pub position: Position,
}

/// The comments around a node: texts with their `#`, lines joined by `\n`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comments {
    /// Whole lines before the node.
    pub head: String,
    /// The comment behind the node on its (last) line.
    pub line: String,
    /// Whole lines after the last entry of a collection or document.
    pub foot: String,
}

impl Comments {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.line.is_empty() && self.foot.is_empty()
    }
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, whose type the reader decides: see [`Node::resolve`].
    Scalar(Scalar),
    /// A list.
    Sequence(Sequence),
    /// Keys and values in their order.
    Mapping(Mapping),
}

impl Default for Value {
    fn default() -> Self {
        Self::Scalar(Scalar::default())
    }
}

/// The three kinds of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Value::Scalar`]
    Scalar,
    /// [`Value::Sequence`]
    Sequence,
    /// [`Value::Mapping`]
    Mapping,
}

impl Kind {
    /// The kind's name in messages: `scalar`, `sequence`, `mapping`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sequence => "sequence",
            Self::Mapping => "mapping",
        }
    }
}

/// A scalar's text after unescaping and folding, and how it was written.
#[derive(Clone, Debug, Default)]
pub struct Scalar {
    /// The text.
    pub text: Arc<str>,
    /// How it was written.
    pub style: ScalarStyle,
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        (self.style == ScalarStyle::Plain) == (other.style == ScalarStyle::Plain) && self.text == other.text
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScalarStyle {
    /// Bare: the only style whose type follows from its text.
    #[default]
    Plain,
    /// `'text'`
    SingleQuoted,
    /// `"text"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A list of nodes; derefs to a slice for reading.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    items: Arc<Vec<Node>>,
    /// Written as `[a, b]`.
    pub flow: bool,
}

impl Sequence {
    /// The items, for changing.
    pub fn items_mut(&mut self) -> &mut Vec<Node> {
        Arc::make_mut(&mut self.items)
    }
}

impl std::ops::Deref for Sequence {
    type Target = [Node];
    fn deref(&self) -> &[Node] {
        &self.items
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items) || self.items == other.items
    }
}

impl From<Vec<Node>> for Sequence {
    fn from(mut items: Vec<Node>) -> Self {
        // Trees live longer than they grow.
        items.shrink_to_fit();
        Self { items: Arc::new(items), flow: false }
    }
}

impl FromIterator<Node> for Sequence {
    fn from_iter<I: IntoIterator<Item = Node>>(iter: I) -> Self {
        iter.into_iter().collect::<Vec<_>>().into()
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key: nearly always a scalar.
    pub key: Node,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// An entry with a plain string key.
    pub fn new(key: &str, value: Node) -> Self {
        Self { key: Node::string(key), value }
    }

    /// The key's text, if it is a scalar.
    pub fn name(&self) -> Option<&str> {
        self.key.as_str()
    }
}

/// Keys and values in the order of the text; duplicate keys are kept as written.
///
/// Lookups go through the entries one by one: right for manifests, whose mappings are small. Whoever joins two
/// mappings of any size builds an index first.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Arc<Vec<Entry>>,
    /// Written as `{a: b}`.
    pub flow: bool,
}

/// Mappings of fewer entries grow one by one: in a manifest most have two or three, and room for four would be wasted.
const SMALL: usize = 16;

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries) || self.entries == other.entries
    }
}

impl Mapping {
    /// An empty mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries, for changing.
    pub fn entries_mut(&mut self) -> &mut Vec<Entry> {
        Arc::make_mut(&mut self.entries)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Where the first entry with that key text is.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name() == Some(key))
    }

    /// The value of the first entry with that key text.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.name() == Some(key)).map(|entry| &entry.value)
    }

    /// The value of the first entry with that key text, for changing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let index = self.position(key)?;
        self.entries_mut().get_mut(index).map(|entry| &mut entry.value)
    }

    /// Whether there is an entry with that key text.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Sets the value of the first entry with that key, or appends an entry; returns the value it replaces.
    pub fn insert(&mut self, key: &str, value: Node) -> Option<Node> {
        if let Some(old) = self.get_mut(key) {
            return Some(std::mem::replace(old, value));
        }
        self.push(Entry::new(key, value));
        None
    }

    /// Appends an entry, whether or not there is one with its key.
    pub fn push(&mut self, entry: Entry) {
        let entries = self.entries_mut();
        if entries.len() < SMALL {
            entries.reserve_exact(1);
        }
        entries.push(entry);
    }

    /// Removes the first entry with that key, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let index = self.position(key)?;
        Some(self.entries_mut().remove(index).value)
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<Entry>> for Mapping {
    fn from(mut entries: Vec<Entry>) -> Self {
        // Trees live longer than they grow.
        entries.shrink_to_fit();
        Self { entries: Arc::new(entries), flow: false }
    }
}

impl FromIterator<Entry> for Mapping {
    fn from_iter<I: IntoIterator<Item = Entry>>(iter: I) -> Self {
        iter.into_iter().collect::<Vec<_>>().into()
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag && self.value == other.value
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { value, ..Self::default() }
    }
}

impl From<Mapping> for Node {
    fn from(mapping: Mapping) -> Self {
        Value::Mapping(mapping).into()
    }
}

impl From<Sequence> for Node {
    fn from(sequence: Sequence) -> Self {
        Value::Sequence(sequence).into()
    }
}

impl Node {
    /// A plain scalar whose type follows from its text, as if it stood in a file.
    pub fn plain(text: &str) -> Self {
        Value::Scalar(Scalar { text: shared(text), style: ScalarStyle::Plain }).into()
    }

    /// A string, whatever its text looks like: quoted when a plain scalar of that text would be something else
    /// for either reader.
    pub fn string(text: &str) -> Self {
        let style = if crate::resolve::is_plain_string(text) {
            ScalarStyle::Plain
        } else {
            ScalarStyle::DoubleQuoted
        };
        Value::Scalar(Scalar { text: shared(text), style }).into()
    }

    /// `null`
    pub fn null() -> Self {
        Self::plain("null")
    }

    /// `true` or `false`
    pub fn bool(value: bool) -> Self {
        Self::plain(if value { "true" } else { "false" })
    }

    /// A whole number.
    pub fn int(value: i64) -> Self {
        Self::plain(&value.to_string())
    }

    /// An empty mapping.
    pub fn mapping() -> Self {
        Mapping::new().into()
    }

    /// An empty sequence.
    pub fn sequence() -> Self {
        Sequence::default().into()
    }

    /// The node's kind.
    pub fn kind(&self) -> Kind {
        match self.value {
            Value::Scalar(_) => Kind::Scalar,
            Value::Sequence(_) => Kind::Sequence,
            Value::Mapping(_) => Kind::Mapping,
        }
    }

    /// The scalar.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar of any type (also of `null` or `1`).
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar().map(|scalar| &*scalar.text)
    }

    /// The mapping.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The mapping, for changing.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The sequence.
    pub fn as_sequence(&self) -> Option<&Sequence> {
        match &self.value {
            Value::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The sequence, for changing.
    pub fn as_sequence_mut(&mut self) -> Option<&mut Sequence> {
        match &mut self.value {
            Value::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The value of a mapping's key; `None` also when the node is no mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// The value of a mapping's key, for changing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.get_mut(key)
    }

    /// The node at a path of mapping keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The node at a path of mapping keys, for changing.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// Gives a scalar another text, keeping style, comments and position; any other node becomes such a scalar.
    /// The tag is dropped.
    pub fn set_text(&mut self, text: &str) {
        self.tag = None;
        match &mut self.value {
            Value::Scalar(scalar) => scalar.text = text.into(),
            other => *other = Node::plain(text).value,
        }
    }

    /// What a scalar means to the reader `version`; `None` for a collection. A text that its tag forbids
    /// (`!!int x`) is the string it is written as: [`Node::to_json`] reports it.
    pub fn resolve(&self, version: Version) -> Option<Resolved<'_>> {
        let scalar = self.as_scalar()?;
        Some(
            version
                .resolve(scalar, self.tag.as_deref())
                .unwrap_or_else(|_| Resolved::String((&*scalar.text).into())),
        )
    }

    /// Whether this is a null: `~`, `null` or nothing, plain, or tagged `!!null`. The tag `!` says nothing, as in
    /// [`Version::V3`](crate::Version::V3).
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => match self.tag.as_deref() {
                Some(name) if name != "!" => name == tag::NULL,
                _ => scalar.style == ScalarStyle::Plain && crate::resolve::is_null(&scalar.text),
            },
            _ => false,
        }
    }

    /// The comments, for changing; made if there are none.
    pub fn comments_mut(&mut self) -> &mut Comments {
        self.comments.get_or_insert_default()
    }

    /// Removes comments, anchors and positions from the whole tree: less to carry when only data counts.
    pub fn strip(&mut self) {
        self.comments = None;
        self.anchor = None;
        self.position = Position::NONE;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::Sequence(sequence) => sequence.items_mut().iter_mut().for_each(Node::strip),
            Value::Mapping(mapping) => {
                for entry in mapping.entries_mut() {
                    entry.key.strip();
                    entry.value.strip();
                }
            }
        }
    }
}
