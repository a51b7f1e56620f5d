//! What Kubernetes types look like: their fields, how lists merge, which kinds live in namespaces.
//!
//! A schema is one text, compiled from an OpenAPI v2 document by [`compile`]: a line per kind and a line per type.
//! Lookups walk that text; nothing is unpacked but an index of lines, so that the two built-in schemas cost little
//! more than their bytes, and nothing before their first use.

mod compile;
mod prune;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

pub use compile::compile;

use crate::error::Error;

/// Whether objects of a kind live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each object is in a namespace.
    Namespaced,
    /// Objects belong to the cluster.
    Cluster,
}

/// What a scalar field holds, beyond its JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A text.
    String,
    /// A text of base64.
    Bytes,
    /// An RFC 3339 time.
    DateTime,
    /// A quantity: a text such as `500m`, or a number.
    Quantity,
    /// A number, or a text such as `50%` or a port's name.
    IntOrString,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
}

/// How the API server joins a list (`x-kubernetes-list-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Items are keys: no item stands twice.
    Set,
    /// Items have keys: see [`Type::list_map_keys`].
    Map,
}

/// A set of Kubernetes types.
#[derive(Debug)]
pub struct Schema {
    text: Cow<'static, str>,
    /// `group/version kind` → the rest of the kind's line. The core group is empty.
    kinds: HashMap<String, Range<usize>>,
    /// The lines of types, by number.
    types: Vec<Range<usize>>,
    /// Type name → number.
    names: HashMap<String, usize>,
    /// Where to look for what is not here.
    base: Option<&'static Schema>,
}

impl Schema {
    /// The types of a current API server (Kubernetes 1.36).
    pub fn builtin() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Self::load(include_str!("../../data/kubernetes-1.36.txt").into(), None))
    }

    /// The types that kustomize 5.8 has built in (Kubernetes 1.21): patches merge, and kinds are in namespaces,
    /// by these, whatever the cluster's version.
    pub fn kustomize() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Self::load(include_str!("../../data/kubernetes-1.21.txt").into(), None))
    }

    /// The types of an OpenAPI v2 document (its `definitions`, and its `paths` for the scopes), and behind them those
    /// of `base`.
    pub fn from_openapi(document: &serde_json::Value, base: Option<&'static Self>) -> Result<Self, Error> {
        Ok(Self::load(compile(document)?.into(), base))
    }

    fn load(text: Cow<'static, str>, base: Option<&'static Self>) -> Self {
        let (mut kinds, mut types, mut names) = (HashMap::new(), Vec::new(), HashMap::new());
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let range = start..start + line.trim_end().len();
            start += line.len();
            let Some((head, _)) = line.trim_end().split_once('\t') else { continue };
            let body = range.start + head.len() + 1..range.end;
            if let Some(kind) = head.strip_prefix("kind ") {
                kinds.insert(kind.to_owned(), body);
            } else {
                names.insert(head.to_owned(), types.len());
                types.push(body);
            }
        }
        Self { text, kinds, types, names, base }
    }

    fn line(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The scope letter and the number of the type.
    fn kind_line(&self, group: &str, version: &str, kind: &str) -> Option<(&str, usize)> {
        let range = self.kinds.get(&format!("{group}/{version} {kind}"))?;
        let (scope, number) = self.line(range).split_once(' ')?;
        Some((scope, number.parse().ok()?))
    }

    /// The type of a kind; `group` is empty for the core group.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<Type<'_>> {
        match self.kind_line(group, version, kind) {
            Some((_, number)) => Some(Type { schema: self, shape: Cow::Owned(format!("@{number}")) }),
            None => self.base?.kind(group, version, kind),
        }
    }

    /// The type of a kind, by its `apiVersion` (`v1`, `apps/v1`).
    pub fn kind_of(&self, api_version: &str, kind: &str) -> Option<Type<'_>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.kind(group, version, kind)
    }

    /// Whether a kind's objects live in namespaces; `None` if the schema doesn't say.
    pub fn scope(&self, group: &str, version: &str, kind: &str) -> Option<Scope> {
        match self.kind_line(group, version, kind).map(|(scope, _)| scope) {
            Some("N") => Some(Scope::Namespaced),
            Some("C") => Some(Scope::Cluster),
            _ => self.base?.scope(group, version, kind),
        }
    }

    /// The kinds that this schema itself knows: group, version, kind; in no order.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.kinds.keys().filter_map(|key| {
            let (api_version, kind) = key.split_once(' ')?;
            let (group, version) = api_version.split_once('/')?;
            Some((group, version, kind))
        })
    }

    /// The list type that a comment on a field declares, as kustomize reads it:
    /// `# {"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"}`.
    pub fn of_comment(&self, comment: &str) -> Option<Type<'_>> {
        let text = comment.trim_start_matches('#').trim();
        if !text.starts_with('{') || !text.contains("x-kubernetes-patch-strategy") {
            return None;
        }
        let declared: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(Type { schema: self, shape: Cow::Owned(format!("[o{}", compile::attributes(&declared))) })
    }

    fn named(&self, name: &str) -> Option<Type<'_>> {
        match self.names.get(name) {
            Some(number) => Some(Type { schema: self, shape: Cow::Owned(format!("@{number}")) }),
            None => self.base?.named(name),
        }
    }
}

/// The type of a value, with what the field that holds it says of merging.
///
/// Its shape is a word of the schema's text: a letter for a scalar, `o` for anything, `@7` for the object type of
/// line 7, `>name` for a type of that name in the schema behind, `[` before the shape of a list's items, `{` before
/// that of a map's values; then `!strategy`, `=merge key`, `~key+key`, `^list type`.
#[derive(Clone, Debug)]
pub struct Type<'s> {
    schema: &'s Schema,
    shape: Cow<'s, str>,
}

/// The characters that end a shape.
const ATTRIBUTES: [char; 4] = ['!', '=', '~', '^'];

impl<'s> Type<'s> {
    fn bare(&self) -> &str {
        self.shape.split(ATTRIBUTES).next().unwrap_or_default()
    }

    fn attribute(&self, mark: char) -> Option<&str> {
        let (_, rest) = self.shape.split_once(mark)?;
        rest.split(ATTRIBUTES).next()
    }

    fn with_shape(&self, shape: &str) -> Type<'s> {
        Type { schema: self.schema, shape: Cow::Owned(shape.to_owned()) }
    }

    /// The words of an object type: `name:shape`.
    fn fields(&self) -> Option<&'s str> {
        let number: usize = self.bare().strip_prefix('@')?.parse().ok()?;
        let range = self.schema.types.get(number)?;
        Some(self.schema.line(range))
    }

    /// The same type in the schema behind, if the shape only names it.
    fn resolved(&self) -> Option<Type<'s>> {
        let name = self.bare().strip_prefix('>')?;
        self.schema.named(name)
    }

    /// The type of a field: of an object type by its name, of a map whatever the name.
    pub fn field(&self, name: &str) -> Option<Type<'s>> {
        if let Some(resolved) = self.resolved() {
            return resolved.field(name);
        }
        if let Some(values) = self.bare().strip_prefix('{') {
            return Some(self.with_shape(values));
        }
        let fields = self.fields()?;
        let shape = fields.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix(':'));
        let shape = shape.or_else(|| fields.split(' ').find_map(|word| word.strip_prefix(":")))?;
        Some(Type { schema: self.schema, shape: Cow::Borrowed(shape) })
    }

    /// The type of a list's items.
    pub fn items(&self) -> Option<Type<'s>> {
        self.bare().strip_prefix('[').map(|items| self.with_shape(items))
    }

    /// Whether this is a list.
    pub fn is_list(&self) -> bool {
        self.shape.starts_with('[')
    }

    /// Whether this is an object type with a fixed set of fields.
    pub fn is_object(&self) -> bool {
        match self.resolved() {
            Some(resolved) => resolved.is_object(),
            None => self.fields().is_some_and(|fields| fields.split(' ').all(|word| !word.starts_with(':'))),
        }
    }

    /// Whether this is a map, whose keys are free.
    pub fn is_map(&self) -> bool {
        self.shape.starts_with('{')
    }

    /// What a scalar holds; `None` for anything else.
    pub fn format(&self) -> Option<Format> {
        Some(match self.bare() {
            "s" => Format::String,
            "y" => Format::Bytes,
            "d" => Format::DateTime,
            "q" => Format::Quantity,
            "x" => Format::IntOrString,
            "i" => Format::Integer,
            "n" => Format::Number,
            "b" => Format::Boolean,
            _ => return None,
        })
    }

    /// `x-kubernetes-patch-strategy`: `merge`, `replace`, `retainKeys` or `merge,retainKeys`; empty if none is set.
    pub fn patch_strategy(&self) -> &str {
        match self.attribute('!') {
            Some("m") => "merge",
            Some("r") => "replace",
            Some("k") => "retainKeys",
            Some("mk") => "merge,retainKeys",
            Some(other) => other,
            None => "",
        }
    }

    /// `x-kubernetes-patch-merge-key`
    pub fn patch_merge_key(&self) -> Option<&str> {
        self.attribute('=')
    }

    /// `x-kubernetes-list-map-keys`; empty if none are set.
    pub fn list_map_keys(&self) -> Vec<&str> {
        self.attribute('~').map(|keys| keys.split('+').collect()).unwrap_or_default()
    }

    /// `x-kubernetes-list-type`
    pub fn list_type(&self) -> Option<ListType> {
        Some(match self.attribute('^')? {
            "a" => ListType::Atomic,
            "s" => ListType::Set,
            _ => ListType::Map,
        })
    }

    /// Whether kustomize merges lists of this field instead of replacing them.
    pub fn is_merged_list(&self) -> bool {
        self.patch_strategy().split(',').any(|strategy| strategy == "merge")
    }

    /// The keys by which kustomize pairs the items of a merged list; empty for a list of scalars.
    pub fn merge_keys(&self) -> Vec<&str> {
        if self.patch_strategy().is_empty() {
            return Vec::new();
        }
        match self.list_map_keys() {
            keys if keys.is_empty() => self.patch_merge_key().into_iter().collect(),
            keys => keys,
        }
    }
}
