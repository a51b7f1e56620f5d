//! Replacing matches, with Go's `$name` rules.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::MAX_TEXT;
use super::Regex;
use super::parse::next_char;
use super::search::Span;

impl Regex {
    /// Replaces all matches; `$1` and `${name}` in the replacement stand for groups. Before each, the caller is asked
    /// whether to go on with a result that has grown to so many bytes.
    pub fn replace_all<E>(
        &self,
        text: &[u8],
        replacement: &[u8],
        go_on: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        self.replace_with(text, go_on, |out, spans| self.expand(out, replacement, text, spans))
    }

    /// Replaces all matches by a text as it is.
    pub fn replace_all_literal<E>(
        &self,
        text: &[u8],
        replacement: &[u8],
        go_on: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        self.replace_with(text, go_on, |out, _| out.extend_from_slice(replacement))
    }

    fn replace_with<E>(
        &self,
        text: &[u8],
        mut go_on: impl FnMut(usize) -> Result<(), E>,
        replace: impl Fn(&mut Vec<u8>, &[Span]),
    ) -> Result<Vec<u8>, E> {
        let mut out = Vec::with_capacity(text.len());
        let mut last = 0;
        self.each_replaced(text, |wanted, spans| {
            let Some(Some((start, end))) = spans.first().copied() else { return Ok(()) };
            out.extend_from_slice(text.get(last..start).unwrap_or_default());
            if wanted {
                replace(&mut out, spans);
            }
            last = end;
            go_on(out.len())
        })?;
        out.extend_from_slice(text.get(last..).unwrap_or_default());
        Ok(out)
    }

    /// The template with the groups of the first match, as `Regexp.Expand`; `None` if there is no match.
    pub fn expand_first(&self, text: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let spans = self.first(text)?;
        let mut out = Vec::new();
        self.expand(&mut out, template, text, &spans);
        Some(out)
    }

    fn expand(&self, out: &mut Vec<u8>, template: &[u8], text: &[u8], spans: &[Span]) {
        let mut rest = template;
        let start = out.len();
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            // Nobody takes a text that long.
            if out.len() - start > MAX_TEXT {
                return;
            }
            let (before, after) = rest.split_at(at);
            out.extend_from_slice(before);
            rest = after.split_at(1).1;
            if let [b'$', tail @ ..] = rest {
                out.push(b'$');
                rest = tail;
            } else if let Some((name, tail)) = reference(rest) {
                rest = tail;
                let span = match number(name) {
                    Some(index) => spans.get(index).copied().flatten(),
                    None => self
                        .names
                        .iter()
                        .zip(spans)
                        .filter(|(known, _)| known.as_bytes() == name)
                        .find_map(|(_, span)| *span),
                };
                if let Some((start, end)) = span {
                    out.extend_from_slice(text.get(start..end).unwrap_or_default());
                }
            } else {
                out.push(b'$');
            }
        }
        out.extend_from_slice(rest);
    }
}

/// The name at the start of the text, in braces or as long as it goes.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let braced = text.first() == Some(&b'{');
    let start = usize::from(braced);
    let rest = text.get(start..)?;
    let mut len = 0;
    while let Some(tail) = rest.get(len..)
        && let Ok((c, _)) = next_char(tail)
        && (c == '_' || is_letter_or_digit(c))
    {
        len += c.len_utf8();
    }
    if len == 0 {
        return None;
    }
    let (name, rest) = rest.split_at(len);
    if braced { Some((name, rest.strip_prefix(b"}")?)) } else { Some((name, rest)) }
}

fn is_letter_or_digit(c: char) -> bool {
    use GeneralCategory as G;
    matches!(
        get_general_category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
    )
}

/// A name that is a number, without leading zeros.
fn number(name: &[u8]) -> Option<usize> {
    if !name.iter().all(u8::is_ascii_digit) || (name.len() > 1 && name.first() == Some(&b'0')) {
        return None;
    }
    std::str::from_utf8(name).ok()?.parse().ok().filter(|index| *index < 1_000_000_000)
}

/// The text as a pattern that matches just it.
pub fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::Regex;
    use super::quote_meta;

    fn replace(pattern: &str, text: &str, replacement: &str) -> String {
        let regex = Regex::new(pattern.as_bytes()).expect(pattern);
        let Ok(replaced) =
            regex.replace_all(text.as_bytes(), replacement.as_bytes(), |_| Ok::<_, Infallible>(()));
        String::from_utf8(replaced).expect("UTF-8")
    }

    #[test]
    fn groups_in_the_replacement() {
        assert_eq!(replace("a(x*)b", "-ab-axxb-", "${1}W"), "-W-xxW-");
        assert_eq!(replace("a(x*)b", "-ab-axxb-", "$1W"), "---");
        assert_eq!(replace("(?P<n>a)|b", "ab", "<$n>${n}$$$"), "<a>a$$<>$$");
        assert_eq!(replace("", "aé", "-"), "-a-é-");
        assert_eq!(quote_meta(b"a.b"), b"a\\.b");
    }

    #[test]
    fn ascii_classes_and_gos_syntax() {
        assert_eq!(replace(r"\w+", "né a", "x"), "xé x");
        assert_eq!(replace(r"\Qa.b\E+", "a.bbb a+b", "x"), "x a+b");
        assert_eq!(replace("[a&&b]", "a&b", "x"), "xxx");
        assert_eq!(replace(r"\B", "é", "-"), "-é-");
        assert_eq!(replace("(?i)straße", "STRASSE STRAẞE", "x"), "STRASSE x");
        for (pattern, want) in [
            ("[", "missing closing ]: `[`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            ("a)", "unexpected ): `a)`"),
            ("(a", "missing closing ): `(a`"),
            (r"\8", "invalid escape sequence: `\\8`"),
            (r"\pX", "invalid character class range: `\\pX`"),
        ] {
            let error = Regex::new(pattern.as_bytes()).expect_err(pattern).to_string();
            assert_eq!(error, format!("error parsing regexp: {want}"));
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        let regex = Regex::new(b".").expect("pattern");
        assert_eq!(
            regex.find_all(b"a\xFF\xC3b", -1, || Ok::<_, Infallible>(())),
            Ok(vec![(0, 1), (1, 2), (2, 3), (3, 4)])
        );
    }

    #[test]
    fn huge_patterns_are_refused() {
        let deep = "(".repeat(10_000) + &")".repeat(10_000);
        assert!(Regex::new(deep.as_bytes()).is_err());
        assert!(Regex::new(r"(?i)[\pL\pN]{1000}[\pL\pN]{1000}".as_bytes()).is_err());
    }
}
