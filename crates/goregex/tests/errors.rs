//! What Go says of bad patterns. The texts are those of Go 1.26's `regexp.Compile`.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use sluice_goregex::Regex;

/// Patterns that Go refuses, and its words behind `error parsing regexp: `.
const REFUSED: &[(&str, &str)] = &[
    ("(", "missing closing ): `(`"),
    ("(a", "missing closing ): `(a`"),
    ("a(b", "missing closing ): `a(b`"),
    ("^(?:()$", "missing closing ): `^(?:()$`"),
    ("a)", "unexpected ): `a)`"),
    (")", "unexpected ): `)`"),
    ("(a))", "unexpected ): `(a))`"),
    ("[a", "missing closing ]: `[a`"),
    ("[", "missing closing ]: `[`"),
    ("[]a", "missing closing ]: `[]a`"),
    ("[^", "missing closing ]: `[^`"),
    ("a[b-", "missing closing ]: `[b-`"),
    ("*", "missing argument to repetition operator: `*`"),
    ("+a", "missing argument to repetition operator: `+`"),
    ("?", "missing argument to repetition operator: `?`"),
    ("|*", "missing argument to repetition operator: `*`"),
    ("(*)", "missing argument to repetition operator: `*`"),
    ("a**", "invalid nested repetition operator: `**`"),
    ("a*+", "invalid nested repetition operator: `*+`"),
    ("a+?+", "invalid nested repetition operator: `+?+`"),
    ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
    ("a{1001}", "invalid repeat count: `{1001}`"),
    ("a{2,1}", "invalid repeat count: `{2,1}`"),
    ("a{1,1001}", "invalid repeat count: `{1,1001}`"),
    ("(a{100}){100}", "invalid repeat count: `{100}`"),
    ("{2}", "missing argument to repetition operator: `{2}`"),
    (r"\8", r"invalid escape sequence: `\8`"),
    (r"\x", r"invalid escape sequence: `\x`"),
    (r"\xg", r"invalid escape sequence: `\xg`"),
    (r"\x{", r"invalid escape sequence: `\x{`"),
    (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
    (r"\C", r"invalid escape sequence: `\C`"),
    (r"\pX", r"invalid character class range: `\pX`"),
    (r"\p", r"invalid character class range: `\p`"),
    (r"\p{", r"invalid character class range: `\p{`"),
    (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
    (r"\P{Han", r"invalid character class range: `\P{Han`"),
    (r"\Z", r"invalid escape sequence: `\Z`"),
    (r"\é", r"invalid escape sequence: `\é`"),
    ("[z-a]", "invalid character class range: `z-a`"),
    (r"[a-\d]", r"invalid escape sequence: `\d`"),
    ("[[:x:]]", "invalid character class range: `[:x:]`"),
    ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    (r"[\8]", r"invalid escape sequence: `\8`"),
    (r"a\", "trailing backslash at end of expression: ``"),
    (r"[a\", "trailing backslash at end of expression: ``"),
    ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
    ("(?!x)", "invalid or unsupported Perl syntax: `(?!`"),
    ("(?<=x)", "invalid named capture: `(?<=x)`"),
    ("(?<!x)", "invalid named capture: `(?<!x)`"),
    ("(?>x)", "invalid or unsupported Perl syntax: `(?>`"),
    ("(?#c)", "invalid or unsupported Perl syntax: `(?#`"),
    ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
    ("(?", "invalid or unsupported Perl syntax: `(?`"),
    ("(?z)", "invalid or unsupported Perl syntax: `(?z`"),
    ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
    ("(?--i)", "invalid or unsupported Perl syntax: `(?--`"),
    ("(?P<n", "invalid named capture: `(?P<n`"),
    ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
    ("(?P<>x)", "invalid named capture: `(?P<>`"),
    ("(?P<1-a>x)", "invalid named capture: `(?P<1-a>`"),
    ("(?<n", "invalid named capture: `(?<n`"),
    ("(?<>a)", "invalid named capture: `(?<>`"),
    ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
    ("(?P>n)", "invalid or unsupported Perl syntax: `(?P`"),
    ("(?Pn)", "invalid or unsupported Perl syntax: `(?P`"),
    ("(?i)(", "missing closing ): `(?i)(`"),
    ("a|*", "missing argument to repetition operator: `*`"),
    ("(|*)", "missing argument to repetition operator: `*`"),
    ("(?:a", "missing closing ): `(?:a`"),
    (r"\1", r"invalid escape sequence: `\1`"),
    (r"\k<n>", r"invalid escape sequence: `\k`"),
    ("a{1000}{2}", "invalid nested repetition operator: `{1000}{2}`"),
    ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
];

/// Patterns that look as bad, and that Go takes.
const TAKEN: &[&str] = &["^*", "a{,2}", r"\z", r"\_", r"\Qa\", "(?P<n>a)(?P<n>b)", "(?<n>a)(?<n>b)"];

#[test]
fn bad_patterns_are_told_as_go_tells_them() {
    let mut wrong = Vec::new();
    for (pattern, want) in REFUSED {
        let told = match Regex::uncached(pattern.as_bytes()) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        if told != format!("error parsing regexp: {want}") {
            wrong.push(format!("{pattern}: {told}, not {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn odd_patterns_that_go_takes_are_taken() {
    for pattern in TAKEN {
        assert!(Regex::uncached(pattern.as_bytes()).is_ok(), "{pattern}");
    }
}

#[test]
fn deep_patterns_are_told_whole() {
    let deep = "(".repeat(1001) + &")".repeat(1001);
    let error = Regex::uncached(deep.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, format!("error parsing regexp: expression nests too deeply: `{deep}`"));
}
