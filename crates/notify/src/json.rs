//! JSON as Go's `encoding/json` writes it: receivers compare signatures over these bytes. And what it reads leniently.

use std::{borrow::Cow, io};

use serde::Serialize;
use serde_json::ser::Formatter;

/// Writes `value` as Go does: compact, with `<`, `>`, `&`, U+2028 and U+2029 escaped.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, HtmlSafe))?;
    Ok(out)
}

struct HtmlSafe;

impl Formatter for HtmlSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Whether Go takes a key for the name of a field: in any case, by Unicode's simple folding.
pub fn is_key(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// JSON whose escapes of single halves of surrogate pairs, which are no characters, stand for U+FFFD as Go has it.
pub fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let unit = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(next) = json[at..].find('\\') {
        at += next;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => at += 12,
            (Some(0xd800..0xe000), _) => {
                out.push_str(&json[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // What is escaped is one character: it may be another backslash.
            _ => at += 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_as_go_folds_them() {
        assert!(
            is_key("MESSAGE", "message") && is_key("\u{212a}ind", "kind") && is_key("rea\u{17f}on", "reason")
        );
        assert!(!is_key("messages", "message") && !is_key("m\u{e9}ssage", "message"));
    }

    #[test]
    fn halves_of_pairs_are_replaced() {
        for (json, wanted) in [
            (r#""\ud83d\ude80 \\ud800 \n""#, r#""\ud83d\ude80 \\ud800 \n""#),
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\uD83Dx\udE80""#, r#""\ufffdx\ufffd""#),
            (r#""\ud83d\ud83d\ude80""#, r#""\ufffd\ud83d\ude80""#),
            (r#""\ud8""#, r#""\ud8""#),
            ("\"\\", "\"\\"),
            ("\\\u{e9}", "\\\u{e9}"),
        ] {
            assert_eq!(without_lone_surrogates(json), wanted);
        }
    }

    #[test]
    fn escapes_what_html_would_read() {
        let out = encode(&"a<b>&\u{2028}\u{7f}ü\"\n\u{1}").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\u003cb\\u003e\\u0026\\u2028\u{7f}ü\\\"\\n\\u0001\""
        );
    }
}
