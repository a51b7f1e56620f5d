//! Which style a text can be written in.

use crate::node::ScalarStyle;
use crate::resolve::Version;

/// What a text's characters allow in block context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub multiline: bool,
    plain: bool,
    single_quoted: bool,
    pub block: bool,
}

/// The line breaks of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the encoder writes the character as it is. It takes neither tabs, nor anything beyond the basic plane.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn is_blank_or_end(c: Option<char>) -> bool {
    matches!(c, None | Some(' ' | '\t'))
}

/// Whether the character at the start of a text, or inside, would be taken for syntax.
fn is_indicator(c: char, first: bool, after_space: bool, before_space: bool) -> bool {
    match c {
        '#' if first => true,
        ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
        '?' | '-' => first && before_space,
        ':' => before_space,
        '#' => after_space,
        _ => false,
    }
}

impl Allowed {
    /// Version 3 of go-yaml writes tabs in blocks as they are, version 2 takes them for unprintable.
    pub(super) fn by(text: &str, version: Version) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single_quoted: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let mut tabs = false;
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let after_space = previous.is_none_or(|p: char| p == ' ' || p == '\t' || is_break(p));
            let before_space = is_blank_or_end(chars.peek().copied());
            indicators |= is_indicator(c, previous.is_none(), after_space, before_space);
            if c == '\t' && version == Version::V3 {
                tabs = true;
            } else {
                special |= !is_printable(c);
            }
            if c == ' ' {
                break_space |= previous.is_some_and(is_break);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous == Some(' ');
            }
            previous = Some(c);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let trailing_space = text.ends_with(' ');
        let plain =
            !indicators && !breaks && !special && !tabs && !text.starts_with(edge) && !text.ends_with(edge);
        Self {
            multiline: breaks,
            plain,
            single_quoted: !break_space && !space_break && !special && !tabs,
            block: !trailing_space && !space_break && !special,
        }
    }

    /// The style to use when `wanted` is asked for.
    pub(super) fn style(self, text: &str, wanted: ScalarStyle, simple_key: bool) -> ScalarStyle {
        let mut style = if simple_key && self.multiline { ScalarStyle::DoubleQuoted } else { wanted };
        if style == ScalarStyle::Plain && (!self.plain || text.is_empty() && simple_key) {
            style = ScalarStyle::SingleQuoted;
        }
        if style == ScalarStyle::SingleQuoted && !self.single_quoted {
            style = ScalarStyle::DoubleQuoted;
        }
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && (!self.block || simple_key) {
            style = ScalarStyle::DoubleQuoted;
        }
        style
    }
}
