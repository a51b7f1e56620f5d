//! Bytes as text.

/// `bytes.TrimSpace`: without the white space at both ends, as Unicode defines it.
pub(crate) fn trim_space(text: &[u8]) -> &[u8] {
    let is_space = |rune: char| rune.is_whitespace();
    let mut text = text;
    while let Some((rune, width)) = crate::format::first_rune(text)
        && is_space(rune)
    {
        text = text.get(width..).unwrap_or_default();
    }
    loop {
        let Some(last) = last_rune(text).filter(|rune| is_space(*rune)) else { return text };
        text = text.get(..text.len() - last.len_utf8()).unwrap_or_default();
    }
}

fn last_rune(text: &[u8]) -> Option<char> {
    (1..=text.len().min(4))
        .filter_map(|width| text.get(text.len() - width..))
        .find_map(|tail| std::str::from_utf8(tail).ok())
        .and_then(|tail| tail.chars().next())
}
