//! From JSON values to text, byte for byte as `sigs.k8s.io/yaml` and go-yaml v3 write.

mod folded;
mod order;
mod scalar;
mod writer;

use serde_json::{Map, Value as Json};

use crate::json::number_text;
use crate::node::ScalarStyle;
use crate::number::format_float;
use crate::resolve::{Version, is_plain_string};
pub(crate) use folded::reread as reread_folded;
use scalar::Allowed;
use writer::Writer;

/// The column after which Go's encoder folds plain and quoted texts.
const WIDTH: usize = 80;

/// The longest key, in bytes, that is written as `key:`; longer ones become `? key`.
const SIMPLE_KEY: usize = 128;

/// What `sigs.k8s.io/yaml`'s `Marshal` writes for the value: keys in natural order, lists not indented under their
/// key, long plain and quoted texts folded at 80 columns, texts with a line break as literal blocks. Ends with a
/// line break.
///
/// A text with control characters other than tab and line breaks, which Go's refuses, is written escaped.
pub fn to_yaml(value: &Json) -> String {
    emit(value, Version::V2, true, WIDTH)
}

/// As [`to_yaml`], without folding: what go-yaml v3 makes of `to_yaml`'s text when it reads it and writes it again.
pub fn to_yaml_unfolded(value: &Json) -> String {
    emit(value, Version::V2, true, usize::MAX)
}

/// As [`to_yaml`], with keys in the order of their bytes.
pub fn to_yaml_by_bytes(value: &Json) -> String {
    emit(value, Version::V2, false, WIDTH)
}

/// What go-yaml v3's encoder writes for the value with an indent of 2, as Helm's `toYamlPretty`: lists are indented
/// under their key, lines are not folded, floats keep their form (`1e+06` for a JSON number with a point or exponent).
/// Ends with a line break.
pub fn to_yaml_pretty(value: &Json) -> String {
    emit(value, Version::V3, true, usize::MAX)
}

fn emit(value: &Json, version: Version, natural_order: bool, width: usize) -> String {
    let mut emitter = Emitter { writer: Writer::new(width), version, natural_order };
    emitter.node(value, None, false);
    emitter.writer.finish()
}

struct Emitter {
    writer: Writer,
    version: Version,
    natural_order: bool,
}

impl Emitter {
    /// Writes a node; `parent` is the indent of the collection around it.
    fn node(&mut self, value: &Json, parent: Option<usize>, in_mapping: bool) {
        match value {
            Json::Null => self.scalar("null", ScalarStyle::Plain, parent),
            Json::Bool(true) => self.scalar("true", ScalarStyle::Plain, parent),
            Json::Bool(false) => self.scalar("false", ScalarStyle::Plain, parent),
            Json::Number(number) => {
                let text = match self.version {
                    Version::V2 => number_text(number),
                    Version::V3 => number
                        .as_f64()
                        .filter(|_| number.is_f64())
                        .map_or_else(|| number.to_string(), format_float),
                };
                self.scalar(&text, ScalarStyle::Plain, parent);
            }
            Json::String(text) => self.scalar(text, style_of(text), parent),
            Json::Array(items) if items.is_empty() => self.writer.indicator("[]", true, false),
            Json::Array(items) => self.sequence(items, parent, in_mapping),
            Json::Object(map) if map.is_empty() => self.writer.indicator("{}", true, false),
            Json::Object(map) => self.mapping(map, parent),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, parent: Option<usize>) {
        self.writer.scalar(text, Allowed::by(text, self.version), style, parent, false);
    }

    fn sequence(&mut self, items: &[Json], parent: Option<usize>, in_mapping: bool) {
        let indent = match parent {
            None => 0,
            // Directly behind `key:` the dashes stand under the key.
            Some(parent) if self.version == Version::V2 && in_mapping && !self.writer.indention => parent,
            Some(parent) => parent + 2,
        };
        for item in items {
            self.writer.indent(indent);
            self.writer.indicator("-", true, true);
            self.node(item, Some(indent), false);
        }
    }

    fn mapping(&mut self, map: &Map<String, Json>, parent: Option<usize>) {
        let indent = parent.map_or(0, |parent| parent + 2);
        let mut entries: Vec<_> = map.iter().collect();
        if self.natural_order {
            entries = order::sort(entries, self.version, |(key, _)| key.as_str());
        } else {
            entries.sort_unstable_by_key(|(key, _)| *key);
        }
        for (key, value) in entries {
            self.writer.indent(indent);
            let allowed = Allowed::by(key, self.version);
            if allowed.multiline || key.len() > SIMPLE_KEY {
                self.writer.indicator("?", true, true);
                self.writer.scalar(key, allowed, style_of(key), Some(indent), false);
                self.writer.indent(indent);
                self.writer.indicator(":", true, true);
            } else {
                self.writer.scalar(key, allowed, style_of(key), Some(indent), true);
                self.writer.indicator(":", false, false);
            }
            self.node(value, Some(indent), true);
        }
    }
}

/// The style Go's encoder asks for: literal for several lines, quotes where a plain text would not be a string.
fn style_of(text: &str) -> ScalarStyle {
    if text.contains('\n') {
        ScalarStyle::Literal
    } else if text == "<<" || is_plain_string(text) {
        ScalarStyle::Plain
    } else {
        ScalarStyle::DoubleQuoted
    }
}
