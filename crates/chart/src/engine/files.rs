//! `.Files`: the files of a chart that are no templates.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sluice_gotmpl::Function;
use sluice_gotmpl::value::{List, Map, Named, Object, Str, Type, Value};

use super::glob::Glob;
use crate::chart::File;
use crate::content::Content;

/// Go's `engine.files`: contents by path. Nobody looks into one that no template asks for: it may still lie in an
/// archive.
pub(super) struct Files {
    contents: BTreeMap<Str, Content>,
    /// The map that it is for templates which take it as one.
    map: OnceCell<Map>,
}

static FILES: Named = Named { name: "engine.files", underlying: BYTES_MAP, methods: METHODS };
const BYTES_MAP: Type = Type::Map(&Type::BYTES);

const METHODS: &[Function] = &[
    Function::new("AsConfig", &[], |_, args| Ok(as_yaml(args, go_text))),
    Function::new("AsSecrets", &[], |_, args| Ok(as_yaml(args, |bytes| STANDARD.encode(bytes)))),
    Function::new("Get", &[Type::String], |_, args| Ok(Value::Str(content(args)))),
    Function::new("GetBytes", &[Type::String], |_, args| Ok(Value::List(List::bytes(content(args))))),
    Function::new("Glob", &[Type::String], |_, args| Ok(glob(args))),
    Function::new("Lines", &[Type::String], |_, args| Ok(lines(&content(args)))),
];

impl Files {
    pub(super) fn of(files: &[File]) -> Self {
        Self::new(files.iter().map(|file| (Str::from(file.name.as_str()), file.data.clone())))
    }

    fn new(contents: impl Iterator<Item = (Str, Content)>) -> Self {
        Self { contents: contents.collect(), map: OnceCell::new() }
    }
}

impl Object for Files {
    fn ty(&self) -> Type {
        Type::Named(&FILES)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn underlying(&self) -> Option<Value> {
        let bytes = |content: &Content| Value::List(List::bytes(Str::shared(content.shared())));
        let entries = || self.contents.iter().map(|(name, content)| (name.clone(), bytes(content)));
        Some(Value::Map(self.map.get_or_init(|| Map::with_entries(BYTES_MAP, entries())).clone()))
    }
}

fn receiver(args: &[Value]) -> Option<&Files> {
    args.first().and_then(Value::downcast)
}

/// The content of the file that the first argument names; nothing if there is none.
fn content(args: &[Value]) -> Str {
    let name = args.get(1).and_then(Value::as_str).map(AsRef::as_ref).unwrap_or_default();
    let content = receiver(args).and_then(|files| files.contents.get::<[u8]>(name));
    content.map(|content| Str::shared(content.shared())).unwrap_or_default()
}

fn glob(args: &[Value]) -> Value {
    let pattern = args.get(1).and_then(Value::as_str).map(ToString::to_string).unwrap_or_default();
    // A malformed pattern takes every file, as in Helm.
    let glob = Glob::parse(&pattern).unwrap_or_else(|_| Glob::everything());
    let contents = receiver(args).into_iter().flat_map(|files| &files.contents);
    let matching = contents.filter(|(name, _)| glob.matches(&name.to_text()));
    Value::object(Files::new(matching.map(|(name, content)| (name.clone(), content.clone()))))
}

/// The files by the last part of their names, as the `data` of a ConfigMap or Secret.
fn as_yaml(args: &[Value], encode: impl Fn(&[u8]) -> String) -> Value {
    let mut data = BTreeMap::new();
    for (path, content) in receiver(args).into_iter().flat_map(|files| &files.contents) {
        let path = path.to_text().into_owned();
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        data.insert(name, Json::String(encode(content)));
    }
    let yaml = sluice_yaml::to_yaml(&Json::Object(data.into_iter().collect()));
    yaml.strip_suffix('\n').unwrap_or(&yaml).into()
}

/// Bytes as text, as Go's JSON encoder sees them: every byte that is not UTF-8 becomes U+FFFD.
fn go_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

fn lines(content: &[u8]) -> Value {
    if content.is_empty() {
        return Value::List(List::strings::<Str>([]));
    }
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    Value::List(List::strings(content.split(|byte| *byte == b'\n')))
}
