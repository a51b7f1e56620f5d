//! Words: case styles, wrapping, abbreviating.

use super::runes::{self, chars, is_letter, is_lower, is_number, is_punct, is_space, is_title, is_upper};

/// `strings.Title`: the first letter of every word in title case.
pub(super) fn title(text: &[u8]) -> Vec<u8> {
    let mut before = ' ';
    runes::map(text, |c| {
        let starts = is_separator(before);
        before = c;
        if starts { runes::to_title(c) } else { c }
    })
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !(c.is_ascii_alphanumeric() || c == '_');
    }
    !is_letter(c) && !runes::is_digit(c) && is_space(c)
}

/// The first character of every word in lower case; words end at blanks.
pub(super) fn untitle(text: &[u8]) -> Vec<u8> {
    let mut starts = true;
    runes::map(text, |c| {
        let here = std::mem::replace(&mut starts, is_space(c));
        if here && !is_space(c) { runes::to_lower(c) } else { c }
    })
}

/// Upper to lower case and lower to upper, to title case at the start of a word.
pub(super) fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut starts = true;
    runes::map(text, |c| {
        if is_upper(c) || is_title(c) {
            starts = false;
            runes::to_lower(c)
        } else if is_lower(c) {
            if std::mem::replace(&mut starts, false) { runes::to_title(c) } else { runes::to_upper(c) }
        } else {
            starts = is_space(c);
            c
        }
    })
}

/// The first byte of every word. Sprig reads bytes as if they were characters of Latin-1.
pub(super) fn initials(text: &[u8]) -> String {
    let mut starts = true;
    text.iter()
        .map(|byte| char::from(*byte))
        .filter(|c| {
            let blank = is_space(*c);
            let here = std::mem::replace(&mut starts, blank);
            here && !blank
        })
        .collect()
}

/// Without blanks. As [`initials`], byte by byte, unless there is nothing to remove.
pub(super) fn no_space(text: &[u8]) -> Vec<u8> {
    let kept: String = text.iter().map(|byte| char::from(*byte)).filter(|c| !is_space(*c)).collect();
    if kept.chars().count() == text.len() { text.to_vec() } else { kept.into_bytes() }
}

/// Cut to a width in bytes, with `...` at the end, or at both ends when the cut starts at `offset`.
pub(super) fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    const MARK: &[u8] = b"...";
    let len = text.len() as i64;
    if len <= width || width < 4 {
        return if len <= width { text.to_vec() } else { Vec::new() };
    }
    let part = |from: i64, to: i64| text.get(from.max(0) as usize..to.max(0) as usize).unwrap_or_default();
    let inner = width - 3;
    let offset = offset.min(len);
    let offset = if len.wrapping_sub(offset) < inner { len - inner } else { offset };
    if offset <= 4 {
        return [part(0, inner), MARK].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + inner < len {
        return [MARK, &abbreviate(part(offset, len), 0, inner)].concat();
    }
    [MARK, part(len - inner, len)].concat()
}

/// Breaks lines at blanks, at most `width` bytes long; longer words are cut if `cut`.
pub(super) fn wrap(text: &[u8], width: i64, line_break: &[u8], cut: bool) -> Vec<u8> {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let line_break: &[u8] = if line_break.is_empty() { b"\n" } else { line_break };
    let mut out = Vec::with_capacity(text.len() + text.len() / width.min(8));
    let mut rest = text;
    while rest.len() > width {
        if let Some(tail) = rest.strip_prefix(b" ") {
            rest = tail;
            continue;
        }
        let (line, skipped) = match rest.iter().take(width + 1).rposition(|byte| *byte == b' ') {
            Some(at) => (at, 1),
            None if cut => (width, 0),
            None => match rest.iter().skip(width).position(|byte| *byte == b' ') {
                Some(behind) => (width + behind, 1),
                None => break,
            },
        };
        let (head, tail) = rest.split_at(line);
        out.extend_from_slice(head);
        out.extend_from_slice(line_break);
        rest = tail.split_at(skipped).1;
    }
    out.extend_from_slice(rest);
    out
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// `some_words` to `SomeWords`. Leading connectors stay, and of several in a row all but one.
pub(super) fn pascal_case(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = chars(text).peekable();
    while let Some(connector) = rest.next_if(|c| is_connector(*c)) {
        out.push(connector);
    }
    let Some(first) = rest.next() else { return out };
    let mut shouting = is_upper(first);
    let mut pending = runes::to_upper(first);
    for c in rest {
        let before = pending;
        pending = c;
        match (is_connector(before), is_connector(c)) {
            (true, true) => out.push(before),
            (true, false) => {
                shouting = is_upper(c);
                pending = runes::to_upper(c);
            }
            (false, _) => {
                if shouting {
                    // In a word that began with a capital, further capitals become small.
                    if is_upper(c) {
                        pending = runes::to_lower(c);
                    } else {
                        shouting = false;
                    }
                }
                out.push(before);
            }
        }
    }
    out.push(pending);
    out
}

/// What a run of characters is, for splitting camel case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Number,
    /// Capitals, or a capital and small letters behind it.
    Upper,
    /// Letters that are not capitals.
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

fn is_alphabet(c: char) -> bool {
    if !is_letter(c) {
        return false;
    }
    // Han characters are no alphabet to xstrings.
    !matches!(c, '\u{3400}'..='\u{4D85}' | '\u{4E00}'..='\u{9FCC}' | '\u{20000}'..='\u{2B81D}')
}

/// Takes the next run off the characters.
fn next_word<'a>(text: &mut &'a [char]) -> Option<(Word, &'a [char])> {
    let first = *text.first()?;
    let run = |from: usize, keep: &dyn Fn(char) -> bool| {
        from + text.iter().skip(from).take_while(|c| keep(**c)).count()
    };
    let (word, len) = if is_connector(first) {
        (Word::Connector, run(1, &is_connector))
    } else if is_punct(first) {
        (Word::Punctuation, run(1, &is_punct))
    } else if is_upper(first) {
        let capitals = run(1, &is_upper);
        let len = match (capitals, text.get(capitals)) {
            (1, Some(next)) if is_alphabet(*next) => run(1, &|c| is_alphabet(c) && !is_upper(c)),
            // The last of several capitals begins the next word: `HTTPServer`.
            (2.., Some(next)) if is_alphabet(*next) => capitals - 1,
            _ => capitals,
        };
        (Word::Upper, len)
    } else if is_alphabet(first) {
        (Word::Alphabet, run(1, &|c| is_alphabet(c) && !is_upper(c)))
    } else if is_number(first) {
        (Word::Number, run(1, &is_number))
    } else {
        let other = |c| !(is_connector(c) || is_alphabet(c) || is_number(c) || is_punct(c));
        (Word::Other, run(1, &other))
    };
    let (head, rest) = text.split_at(len);
    *text = rest;
    Some((word, head))
}

/// `FirstName` to `first_name`, with any connector.
pub(super) fn separate(text: &[u8], connector: char) -> String {
    let characters: Vec<char> = chars(text).collect();
    let mut rest = characters.as_slice();
    let mut out = String::with_capacity(text.len() + 4);
    let mut current = next_word(&mut rest);
    let is_text = |word: Option<(Word, _)>| matches!(word, Some((Word::Alphabet | Word::Number, _)));
    let joins =
        |word: Option<(Word, _)>| !matches!(word, None | Some((Word::Connector | Word::Punctuation, _)));
    while !rest.is_empty() {
        let Some((kind, word)) = current else { break };
        if kind != Word::Connector {
            write_word(&mut out, kind, word, connector);
        }
        current = next_word(&mut rest);
        match kind {
            Word::Number => {
                while is_text(current) {
                    if let Some((kind, word)) = current {
                        write_word(&mut out, kind, word, connector);
                    }
                    current = next_word(&mut rest);
                }
                if joins(current) {
                    out.push(connector);
                }
            }
            Word::Connector => write_word(&mut out, kind, word, connector),
            Word::Punctuation => {}
            _ => {
                let Some((Word::Number, number)) = current else {
                    if joins(current) {
                        out.push(connector);
                    }
                    continue;
                };
                if rest.is_empty() {
                    continue;
                }
                current = next_word(&mut rest);
                if !matches!(current, Some((Word::Alphabet, _))) {
                    // A number belongs to the word before it: `Bld4Floor`.
                    write_word(&mut out, Word::Number, number, connector);
                    if joins(current) {
                        out.push(connector);
                    }
                    continue;
                }
                // Unless small letters follow it: `HTTP2xx`.
                out.push(connector);
                write_word(&mut out, Word::Number, number, connector);
                while is_text(current) {
                    if let Some((kind, word)) = current {
                        write_word(&mut out, kind, word, connector);
                    }
                    current = next_word(&mut rest);
                }
                if joins(current) {
                    out.push(connector);
                }
            }
        }
    }
    if let Some((kind, word)) = current {
        write_word(&mut out, kind, word, connector);
    }
    out
}

fn write_word(out: &mut String, kind: Word, word: &[char], connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.extend(word);
        return;
    }
    out.extend(word.iter().map(|c| match c {
        c if is_connector(*c) => connector,
        c if is_upper(*c) => runes::to_lower(*c),
        c => *c,
    }));
}
