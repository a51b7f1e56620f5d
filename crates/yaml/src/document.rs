//! From text to documents.

use crate::error::Error;
use crate::node::Node;
use crate::parse::offset;
use crate::position::Position;

/// One document of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its root; a null at its position for a document without content.
    pub root: Node,
    /// The comments behind its content, after a blank line or at its end.
    pub foot: String,
    /// The line its `---` stands on, or its content if it has none; from 1.
    pub line: u32,
}

/// Bounds on what a text may make of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep collections may nest, aliases followed.
    pub depth: usize,
    /// How many nodes aliases may add to one document.
    pub alias_nodes: usize,
    /// How many bytes of text aliases may add to one document.
    pub alias_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 256, alias_nodes: 400_000, alias_bytes: 32 << 20 }
    }
}

/// All documents of a text. A text without content has none; `---` alone has one, null.
pub fn parse(text: &str) -> Result<Vec<Document>, Error> {
    documents(text, Limits::default()).collect()
}

/// All documents of UTF-8 text (with or without a byte order mark) or of UTF-16 with one.
pub fn parse_bytes(bytes: &[u8]) -> Result<Vec<Document>, Error> {
    parse(&decode(bytes)?)
}

/// The root of the first document; what follows it is not looked at, as Go's `yaml.Unmarshal` does. `None` for a
/// text without content.
pub fn parse_first(text: &str) -> Result<Option<Node>, Error> {
    Ok(documents(text, Limits::default()).next().transpose()?.map(|document| document.root))
}

/// As [`parse_first`], without comments: less to carry where only data counts.
pub fn parse_data(text: &str) -> Result<Option<Node>, Error> {
    let mut documents = crate::parse::Documents::new(text, Limits::default()).without_comments();
    Ok(documents.next().transpose()?.map(|document| document.root))
}

/// The documents of a text, one by one; ends after the first error.
pub fn documents(text: &str, limits: Limits) -> impl Iterator<Item = Result<Document, Error>> {
    crate::parse::Documents::new(text, limits)
}

/// The text of bytes in UTF-8, or in UTF-16 with a byte order mark.
pub fn decode(bytes: &[u8]) -> Result<std::borrow::Cow<'_, str>, Error> {
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| -> Result<std::borrow::Cow<'_, str>, Error> {
        let units: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| read([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]))
            .collect();
        String::from_utf16(&units).map(Into::into).map_err(|_| Error::Encoding {
            position: Position { line: 1, column: 1, start: 0, end: 0 },
            message: "expected low surrogate area",
        })
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).map(|text| text.into_owned().into()),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).map(|text| text.into_owned().into()),
        _ => std::str::from_utf8(bytes).map(Into::into).map_err(|error| {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = valid.split(|byte| *byte == b'\n').count() as u32;
            let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() as u32 + 1;
            let (start, end) = (offset(valid.len()), offset(valid.len() + 1));
            let message = crate::go_text::encoding(bytes.get(valid.len()..).unwrap_or_default());
            Error::Encoding { position: Position { line, column, start, end }, message }
        }),
    }
}
