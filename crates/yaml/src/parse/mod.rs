//! From text to trees.

mod comments;
mod cursor;
mod flow;
mod grammar;
mod intern;
mod scalars;
mod scan;
mod tags;
mod token;

pub(crate) use cursor::offset;
pub(crate) use grammar::Documents;
pub(crate) use intern::shared;

use crate::error::Error;
use cursor::Cursor;

/// Refuses characters that no YAML text may hold: control characters but tab and line breaks, and U+FFFE, U+FFFF.
fn check_characters(text: &str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    // Most texts have nothing to look closer at.
    let is_plain = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    // So many at once: looking at each one by one would take longer.
    let are_plain = |bytes: &[u8]| bytes.iter().fold(true, |plain, byte| plain & is_plain(byte));
    if bytes.chunks(256).all(are_plain) {
        return Ok(());
    }
    let bad = bytes.iter().enumerate().find_map(|(index, byte)| {
        let next = |ahead: usize| bytes.get(index + ahead).copied().unwrap_or(0);
        let bad = match byte {
            b'\t' | b'\n' | b'\r' => false,
            0..=0x1F | 0x7F => true,
            0xC2 => next(1) < 0xA0 && next(1) != 0x85,
            0xEF => next(1) == 0xBF && next(2) >= 0xBE,
            _ => false,
        };
        bad.then_some(index)
    });
    let Some(index) = bad else { return Ok(()) };
    let mut cursor = Cursor::new(text, 0);
    while cursor.mark.pos < index {
        if cursor.is_break(0) {
            cursor.line_break();
        } else {
            cursor.advance();
        }
    }
    let code = cursor.rest().chars().next().map_or(0, u32::from);
    Err(Error::Syntax {
        position: cursor.mark.to(cursor.mark),
        message: "control characters are not allowed".to_owned(),
        detail: format!(": U+{code:04X} at column {}", cursor.mark.column + 1),
        go_line: 0,
        go3_line: 0,
    })
}
