//! `.Files`: the files of a chart that are no templates.

use std::any::Any;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sluice_gotmpl::Function;
use sluice_gotmpl::value::{List, Map, Named, Object, Str, Type, Value};

use super::glob::Glob;
use crate::chart::File;

/// Go's `engine.files`: contents by path.
pub(super) struct Files(Map);

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
        let entries = files.iter().map(|file| {
            (Str::from(file.name.as_str()), Value::List(List::bytes(Str::shared(file.data.clone()))))
        });
        Self(Map::with_entries(BYTES_MAP, entries))
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
        Some(Value::Map(self.0.clone()))
    }
}

fn receiver(args: &[Value]) -> Map {
    match args.first().map(Value::underlying) {
        Some(Value::Map(map)) => map,
        _ => Map::typed(BYTES_MAP),
    }
}

fn bytes(value: &Value) -> Str {
    match value {
        Value::List(list) => Str::from(list.as_bytes().unwrap_or_default()),
        _ => Str::EMPTY,
    }
}

/// The content of the file that the first argument names; nothing if there is none.
fn content(args: &[Value]) -> Str {
    let name = args.get(1).and_then(Value::as_str).cloned().unwrap_or_default();
    receiver(args).get(name).map(|value| bytes(&value)).unwrap_or_default()
}

fn glob(args: &[Value]) -> Value {
    let pattern = args.get(1).and_then(Value::as_str).map(ToString::to_string).unwrap_or_default();
    // A malformed pattern takes every file, as in Helm.
    let glob = Glob::parse(&pattern).unwrap_or_else(|_| Glob::everything());
    let entries = receiver(args).entries().into_iter().filter(|(name, _)| glob.matches(&name.to_text()));
    Value::object(Files(Map::with_entries(BYTES_MAP, entries.collect::<Vec<_>>())))
}

/// The files by the last part of their names, as the `data` of a ConfigMap or Secret.
fn as_yaml(args: &[Value], encode: impl Fn(&[u8]) -> String) -> Value {
    let mut data = BTreeMap::new();
    for (path, value) in receiver(args).entries() {
        let path = path.to_text().into_owned();
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        data.insert(name, Json::String(encode(&bytes(&value))));
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
