//! `html`, `js`, `urlquery`.

use super::Operand;
use crate::format::{self, first_rune};
use crate::quote::is_print;
use crate::value::Value;

/// The arguments as one text, as actions print them.
pub(super) fn operands(args: &[Operand]) -> Vec<u8> {
    if let [Some(Value::Str(text))] = args {
        return text.to_vec();
    }
    let shown = |arg: &Operand| match arg {
        None | Some(Value::Nil) => Value::from("<no value>"),
        Some(value) => value.clone(),
    };
    format::sprint(&args.iter().map(shown).collect::<Vec<_>>())
}

pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((rune, width)) = first_rune(rest) {
        match rune {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.extend(format!("\\u{:04X}", u32::from(rune)).bytes());
            }
            rune if rune.is_ascii() || is_print(rune) => {
                // A byte that is not UTF-8 stays as it is: its replacement is printable.
                out.extend_from_slice(rest.get(..width).unwrap_or_default());
            }
            rune => out.extend(format!("\\u{:04X}", u32::from(rune)).bytes()),
        }
        rest = rest.get(width..).unwrap_or_default();
    }
    out
}

pub(super) fn url_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            byte if byte.is_ascii_alphanumeric() => out.push(*byte),
            byte => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}
