//! From JSON values to text, byte for byte as `sigs.k8s.io/yaml` marshals.

mod order;
mod scalar;
mod writer;

use serde_json::{Map, Value as Json};

use crate::json::number_text;
use crate::node::ScalarStyle;
use crate::resolve::is_plain_string;
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
    let mut emitter = Emitter { writer: Writer::new(WIDTH) };
    emitter.node(value, None, false);
    emitter.writer.finish()
}

struct Emitter {
    writer: Writer,
}

impl Emitter {
    /// Writes a node; `parent` is the indent of the collection around it.
    fn node(&mut self, value: &Json, parent: Option<usize>, in_mapping: bool) {
        match value {
            Json::Null => self.scalar("null", ScalarStyle::Plain, parent),
            Json::Bool(true) => self.scalar("true", ScalarStyle::Plain, parent),
            Json::Bool(false) => self.scalar("false", ScalarStyle::Plain, parent),
            Json::Number(number) => self.scalar(&number_text(number), ScalarStyle::Plain, parent),
            Json::String(text) => self.scalar(text, style_of(text), parent),
            Json::Array(items) if items.is_empty() => self.writer.indicator("[]", true, false),
            Json::Array(items) => self.sequence(items, parent, in_mapping),
            Json::Object(map) if map.is_empty() => self.writer.indicator("{}", true, false),
            Json::Object(map) => self.mapping(map, parent),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, parent: Option<usize>) {
        self.writer.scalar(text, Allowed::by(text), style, parent, false);
    }

    fn sequence(&mut self, items: &[Json], parent: Option<usize>, in_mapping: bool) {
        let indent = match parent {
            None => 0,
            // Directly behind `key:` the dashes stand under the key.
            Some(parent) if in_mapping && !self.writer.indention => parent,
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
        for (key, value) in order::sort(map.iter().collect(), |(key, _)| key.as_str()) {
            self.writer.indent(indent);
            let allowed = Allowed::by(key);
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
