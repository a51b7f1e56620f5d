//! What is wrong with a pattern, in Go's words.

/// The fault, as Go names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Code {
    /// The pattern passed the parser but could not be compiled.
    #[error("regexp/syntax: internal error")]
    Internal,
    /// `[z-a]`, `[[:x:]]`, `\pX`
    #[error("invalid character class range")]
    CharRange,
    /// `\8`, `\x`, `\C`
    #[error("invalid escape sequence")]
    Escape,
    /// `(?P<n`
    #[error("invalid named capture")]
    NamedCapture,
    /// `(?=x)`
    #[error("invalid or unsupported Perl syntax")]
    PerlOp,
    /// `a**`
    #[error("invalid nested repetition operator")]
    RepeatOp,
    /// `a{1001}`
    #[error("invalid repeat count")]
    RepeatSize,
    /// The pattern is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// `[a`
    #[error("missing closing ]")]
    MissingBracket,
    /// `(a`
    #[error("missing closing )")]
    MissingParen,
    /// `*`
    #[error("missing argument to repetition operator")]
    MissingRepeatArgument,
    /// `\`
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// `a)`
    #[error("unexpected )")]
    UnexpectedParen,
    /// Groups nest too deep.
    #[error("expression nests too deeply")]
    NestingDepth,
    /// Repetitions make it too large.
    #[error("expression too large")]
    Large,
}

/// Why a pattern is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {code}: `{part}`")]
pub struct RegexError {
    code: Code,
    /// The part of the pattern at fault.
    part: String,
}

impl RegexError {
    pub(super) fn new(code: Code, part: &[u8]) -> Self {
        Self { code, part: String::from_utf8_lossy(part).into_owned() }
    }
}
