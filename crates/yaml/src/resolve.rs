//! What a plain scalar means: the two sets of rules of Go's YAML libraries.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::node::{Scalar, ScalarStyle};
use crate::number::{Integer, parse_float, parse_go_float, parse_int};
use crate::timestamp::to_rfc3339;

/// The tags of YAML's own types, in their long form.
pub mod tag {
    /// What `!!` stands for.
    pub const PREFIX: &str = "tag:yaml.org,2002:";
    /// `!!str`
    pub const STR: &str = "tag:yaml.org,2002:str";
    /// `!!bool`
    pub const BOOL: &str = "tag:yaml.org,2002:bool";
    /// `!!int`
    pub const INT: &str = "tag:yaml.org,2002:int";
    /// `!!float`
    pub const FLOAT: &str = "tag:yaml.org,2002:float";
    /// `!!null`
    pub const NULL: &str = "tag:yaml.org,2002:null";
    /// `!!timestamp`
    pub const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";
    /// `!!binary`
    pub const BINARY: &str = "tag:yaml.org,2002:binary";
    /// `!!merge`
    pub const MERGE: &str = "tag:yaml.org,2002:merge";

    /// `!!int` for `tag:yaml.org,2002:int`; other tags as they are.
    pub fn short(tag: &str) -> String {
        tag.strip_prefix(PREFIX).map_or_else(|| tag.to_owned(), |name| format!("!!{name}"))
    }
}

/// Which of Go's YAML libraries to read like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `sigs.k8s.io/yaml` (go-yaml v2), which reads manifests in Kubernetes' own programs: YAML 1.1 booleans
    /// (`yes`, `on`, `y`), the last of duplicate keys wins, numbers and booleans may be keys.
    V2,
    /// go-yaml v3, which kyaml and so kustomize use: only `true` and `false` are booleans, duplicate keys are
    /// errors, timestamps become RFC 3339 texts.
    V3,
}

/// What a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved<'t> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A whole number above [`i64::MAX`].
    Uint(u64),
    /// Any other number, infinities and NaN included.
    Float(f64),
    /// A string.
    String(Cow<'t, str>),
    /// An instant: the text as written, and as RFC 3339 writes it.
    Timestamp {
        /// As written.
        text: &'t str,
        /// In RFC 3339.
        rfc3339: String,
    },
    /// The bytes of a `!!binary` scalar.
    Binary(Vec<u8>),
    /// A plain `<<`, which as a key takes in another mapping.
    Merge,
}

impl Resolved<'_> {
    /// The tag of its type, in its long form.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Null => tag::NULL,
            Self::Bool(_) => tag::BOOL,
            Self::Int(_) | Self::Uint(_) => tag::INT,
            Self::Float(_) => tag::FLOAT,
            Self::String(_) => tag::STR,
            Self::Timestamp { .. } => tag::TIMESTAMP,
            Self::Binary(_) => tag::BINARY,
            Self::Merge => tag::MERGE,
        }
    }
}

/// A scalar's tag asks for a type that its text isn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The type of the text, as a short tag.
    pub kind: String,
    /// The type asked for, as a short tag.
    pub wanted: String,
}

impl Version {
    /// What a scalar with that explicit tag (in its long form) means.
    pub fn resolve<'t>(self, scalar: &'t Scalar, explicit: Option<&str>) -> Result<Resolved<'t>, Mismatch> {
        let text = &*scalar.text;
        // The tag `!` alone says "a string" to the one library and nothing to the other.
        let explicit = explicit.filter(|name| *name != "!" || self == Self::V2);
        let Some(explicit) = explicit else {
            return Ok(match scalar.style {
                ScalarStyle::Plain if text == "<<" => Resolved::Merge,
                ScalarStyle::Plain => self.resolve_plain(text),
                _ => Resolved::String(text.into()),
            });
        };
        match explicit {
            tag::STR => Ok(Resolved::String(text.into())),
            tag::MERGE if text == "<<" => Ok(Resolved::Merge),
            tag::BINARY => binary(text),
            tag::BOOL | tag::INT | tag::FLOAT | tag::NULL | tag::TIMESTAMP => self.coerce(text, explicit),
            _ => Ok(Resolved::String(text.into())),
        }
    }

    /// What a plain scalar of that text means. (`<<` is a string here: it is special as a key only.)
    pub fn resolve_plain(self, text: &str) -> Resolved<'_> {
        self.plain(text, true)
    }

    fn coerce<'t>(self, text: &'t str, wanted: &str) -> Result<Resolved<'t>, Mismatch> {
        let resolved = self.plain(text, wanted == tag::TIMESTAMP);
        match (wanted, resolved) {
            (tag::FLOAT, Resolved::Int(value)) => Ok(Resolved::Float(value as f64)),
            (wanted, resolved) if resolved.tag() == wanted => Ok(resolved),
            (wanted, resolved) => {
                Err(Mismatch { kind: tag::short(resolved.tag()), wanted: tag::short(wanted) })
            }
        }
    }

    fn plain(self, text: &str, timestamps: bool) -> Resolved<'_> {
        let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
        match first {
            b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => self.word(text),
            b'.' | b'+' | b'-' | b'0'..=b'9' => Self::numeric(text, timestamps),
            _ => Resolved::String(text.into()),
        }
    }

    fn word(self, text: &str) -> Resolved<'_> {
        match text {
            "true" | "True" | "TRUE" => return Resolved::Bool(true),
            "false" | "False" | "FALSE" => return Resolved::Bool(false),
            "~" | "null" | "Null" | "NULL" => return Resolved::Null,
            _ => {}
        }
        match old_bool(text) {
            Some(value) if self == Self::V2 => Resolved::Bool(value),
            _ => Resolved::String(text.into()),
        }
    }

    fn numeric(text: &str, timestamps: bool) -> Resolved<'_> {
        match text {
            ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
            _ => {}
        }
        if text.starts_with('.') {
            return parse_go_float(text).map_or(Resolved::String(text.into()), Resolved::Float);
        }
        if timestamps && let Some(rfc3339) = to_rfc3339(text) {
            return Resolved::Timestamp { text, rfc3339 };
        }
        let digits: Cow<'_, str> =
            if text.contains('_') { text.replace('_', "").into() } else { text.into() };
        match parse_int(&digits) {
            Some(Integer::Signed(value)) => return Resolved::Int(value),
            Some(Integer::Unsigned(value)) => return Resolved::Uint(value),
            None => {}
        }
        parse_float(&digits).map_or(Resolved::String(text.into()), Resolved::Float)
    }
}

fn binary(text: &str) -> Result<Resolved<'_>, Mismatch> {
    // Go's decoder skips line breaks, and nothing else.
    let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    STANDARD.decode(packed).map(Resolved::Binary).map_err(|_| Mismatch {
        kind: "!!str".to_owned(),
        wanted: "!!binary: it contains invalid base64 data".to_owned(),
    })
}

/// Whether a plain scalar of that text is null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The booleans that YAML 1.2 dropped.
pub(crate) fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Whether YAML 1.1 reads the text as a number of base 60 (`1:30`), which Go writes quoted though it reads it as a string.
pub(crate) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let Some(first) = parts.next() else { return false };
    if !first.starts_with(|c: char| c.is_ascii_digit())
        || !first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    {
        return false;
    }
    let mut rest: Vec<&str> = parts.collect();
    if rest.is_empty() {
        return false;
    }
    if let Some(last) = rest.last_mut()
        && let Some((whole, fraction)) = last.split_once('.')
    {
        if !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return false;
        }
        *last = whole;
    }
    rest.iter().all(|part| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    })
}

/// Whether a plain scalar of that text is a string for every reader, older ones too.
pub(crate) fn is_plain_string(text: &str) -> bool {
    text != "<<" && matches!(Version::V2.resolve_plain(text), Resolved::String(_)) && !is_base60(text)
}
