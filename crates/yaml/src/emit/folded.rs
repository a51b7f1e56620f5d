//! What becomes of folded texts when Go's library writes and reads them.

use std::borrow::Cow;

use super::scalar::Allowed;
use crate::resolve::Version;

/// What go-yaml v3 reads back of a text that it wrote in folded style (`>`).
///
/// It takes the begin of the whole text for that of the line when it decides which line breaks are folded: indented
/// lines get empty ones before them, and texts that begin indented lose line breaks.
pub(crate) fn reread(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') || text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Cow::Borrowed(text);
    }
    if !Allowed::by(text, Version::V3).block {
        // Then it is quoted, which loses nothing.
        return Cow::Borrowed(text);
    }
    let chomping = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    let mut document = format!(">2{chomping}\n");
    for line in written(text).split_inclusive('\n') {
        if line != "\n" {
            document.push_str("  ");
        }
        document.push_str(line);
    }
    match crate::parse_first(&document) {
        Ok(Some(node)) => node.as_str().map_or(Cow::Borrowed(text), |read| Cow::Owned(read.to_owned())),
        _ => Cow::Borrowed(text),
    }
}

/// The lines as they are written, without their indentation.
fn written(text: &str) -> String {
    let begins_indented = text.trim_start_matches('\n').starts_with([' ', '\t']);
    let mut out = String::with_capacity(text.len() + 16);
    let (mut is_line_start, mut is_indented) = (true, true);
    for c in text.chars() {
        if c == '\n' {
            if !is_line_start && !is_indented && !begins_indented {
                out.push('\n');
            }
            is_line_start = true;
        } else {
            if is_line_start {
                is_indented = c == ' ' || c == '\t';
            }
            is_line_start = false;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_does() {
        // Outputs of the real library.
        for (text, want) in [
            ("a b", "a b"),
            ("a\nb", "a\nb"),
            ("a\n  b\nc\n", "a\n\n  b\nc\n"),
            ("a\tb\n\tc\nd\n", "a\tb\n\n\tc\nd\n"),
        ] {
            assert_eq!(reread(text), want, "{text:?}");
        }
    }
}
