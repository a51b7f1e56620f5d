//! Where what begins in the text of an index.
//!
//! Indexes are written by programs, in block style: a line with the name of each chart, and what follows is indented
//! deeper or is a list at the same depth. That is enough to cut an index into charts without understanding YAML; each
//! piece is then parsed by itself. What is written in another way is not cut.

use std::io::{self, BufRead};

/// Longest text besides the entries in bytes.
const MAX_REST: usize = 1 << 20;

/// The pieces of an index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    /// The text without its entries.
    pub(super) rest: String,
    /// Where each chart is, in the order of the text.
    pub(super) charts: Vec<Piece>,
}

/// The text of one chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first byte.
    pub(super) start: u64,
    /// The byte behind it.
    pub(super) end: u64,
    /// Its first line, counted from 1.
    pub(super) line: usize,
}

/// Cuts an index; None if it is written in a way that this does not understand.
pub(super) fn pieces(mut text: impl BufRead) -> io::Result<Option<Pieces>> {
    let mut pieces = Pieces::default();
    let mut line = Vec::new();
    let (mut at, mut number) = (0_u64, 0_usize);
    // The depth of the names, once inside of the entries.
    let (mut in_entries, mut depth) = (false, None);
    loop {
        line.clear();
        let read = text.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let start = at;
        at += read as u64;
        number += 1;
        let indent = line.iter().take_while(|byte| **byte == b' ').count();
        let content = line.get(indent..).unwrap_or_default().trim_ascii_end();
        let blank = content.is_empty() || content.starts_with(b"#");
        if !blank && indent == 0 {
            let list = content.starts_with(b"- ") || content == b"-";
            // A list at depth 0 can only belong to the key before it.
            if !(list || content == b"---" && pieces.rest.is_empty() && number == 1 || is_key(content)) {
                return Ok(None);
            }
            if list && in_entries {
                return Ok(None);
            }
            in_entries = !list && content.starts_with(b"entries:");
            if in_entries && content != b"entries:" {
                return Ok(None);
            }
        }
        if !in_entries || indent == 0 && !blank {
            if pieces.rest.len() + line.len() > MAX_REST {
                return Ok(None);
            }
            if content != b"entries:" {
                pieces.rest.push_str(&String::from_utf8_lossy(&line));
            }
            continue;
        }
        if !blank {
            let depth = *depth.get_or_insert(indent);
            let list = content.starts_with(b"- ") || content == b"-";
            if indent < depth {
                return Ok(None);
            }
            if indent == depth && !list {
                if !is_key(content) {
                    return Ok(None);
                }
                pieces.charts.push(Piece { start, end: at, line: number });
            }
        }
        if let Some(piece) = pieces.charts.last_mut() {
            piece.end = at;
        }
    }
    Ok(Some(pieces))
}

/// Whether a line begins with a plain or quoted key.
fn is_key(content: &[u8]) -> bool {
    let Some(first) = content.first() else { return false };
    if matches!(first, b'{' | b'[' | b'&' | b'*' | b'!' | b'?' | b'|' | b'>' | b'%' | b'@' | b'`') {
        return false;
    }
    let key_end = match first {
        b'"' | b'\'' => content.iter().skip(1).position(|byte| byte == first).map(|end| end + 2),
        _ => content.iter().position(|byte| *byte == b':'),
    };
    let rest = key_end.and_then(|end| content.get(end..));
    rest.is_some_and(|rest| rest == b":" || rest.starts_with(b": ") || rest.starts_with(b":\t"))
}

/// Cuts the text of one chart into its versions: the line with its name, and the items of the list below it. None if
/// it is no block list.
pub(super) fn items(piece: &str) -> Option<Vec<&str>> {
    let (head, body) = piece.split_once('\n')?;
    if !head.trim_end().ends_with(':') {
        return None;
    }
    let mut starts = Vec::new();
    let mut depth = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if !content.trim().is_empty() && !content.starts_with('#') {
            let depth = *depth.get_or_insert(indent);
            if indent == depth {
                if !(content.starts_with("- ") || content.trim_end() == "-") {
                    return None;
                }
                starts.push(at);
            } else if indent < depth {
                return None;
            }
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([body.len()]);
    Some(starts.iter().zip(ends).filter_map(|(start, end)| body.get(*start..end)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "apiVersion: v1\nentries:\n  # first\n  app:\n  - name: app\n    version: 1.0.0\n  - name: app\n    version: 0.9.0\n    description: |\n      two: lines\n      - and\n  \"db\":\n    - name: db\n\ngenerated: now\n";

    fn cut(text: &str) -> Option<(String, Vec<String>)> {
        let pieces = pieces(text.as_bytes()).unwrap()?;
        let charts =
            pieces.charts.iter().map(|piece| text[piece.start as usize..piece.end as usize].to_owned());
        Some((pieces.rest, charts.collect()))
    }

    #[test]
    fn an_index_is_cut_into_charts() {
        let (rest, charts) = cut(INDEX).unwrap();
        assert_eq!(rest, "apiVersion: v1\ngenerated: now\n");
        assert_eq!(charts.len(), 2);
        assert!(charts[0].starts_with("  app:\n") && charts[0].ends_with("- and\n"));
        assert_eq!(items(&charts[0]).unwrap().len(), 2);
        assert_eq!(items(&charts[1]).unwrap(), ["    - name: db\n\n"]);
    }

    #[test]
    fn other_styles_are_not_cut() {
        for text in [
            "{apiVersion: v1, entries: {}}",
            "apiVersion: v1\nentries: {}\n",
            "apiVersion: v1\nentries: &a\n  app: []\n",
            "apiVersion: v1\nentries:\n  ? app\n  : []\n",
            "- a\nplain\n",
        ] {
            assert_eq!(cut(text), None, "{text}");
        }
        assert_eq!(items("  app: []\n"), None);
        assert_eq!(items("  app:\n    name: x\n"), None);
    }

    #[test]
    fn names_in_quotes_may_hold_colons() {
        assert!(is_key(b"\"a:b\":") && is_key(b"'a: b': x") && is_key(b"a: b"));
        assert!(!is_key(b"a:b") && !is_key(b"\"a\" b:"));
    }
}
