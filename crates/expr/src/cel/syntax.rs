//! From a text to its parts. What the parser says of a text that is no expression is put in cel-go's words.

use cel::common::ast::SourceInfo;
use cel::{IdedExpr, ParseErrors};

use super::report::Report;
use super::{ENVIRONMENT, Error, MAX_LENGTH, depth};

/// What may go on after a complete operand: cel-go does not list it where something else has to come.
const OPERATORS: &[&str] = &[
    "'=='", "'!='", "'in'", "'<'", "'<='", "'>='", "'>'", "'&&'", "'||'", "'['", "'.'", "'-'", "'?'", "'+'",
    "'*'", "'/'", "'%'",
];

/// How deep brackets may nest, as in cel-go.
const MAX_NESTING: u16 = 250;

/// A text that was parsed, and how deep it goes.
pub(super) struct Parsed {
    pub(super) expression: IdedExpr,
    pub(super) places: SourceInfo,
    pub(super) depth: usize,
}

/// Parses an expression.
pub(super) fn parse(source: &str) -> Result<Parsed, Error> {
    let fail = |message: String| Error::Parse { expression: source.to_owned(), message };
    if source.len() > MAX_LENGTH {
        return Err(fail(format!("longer than {MAX_LENGTH} bytes")));
    }
    let nowhere = |what: &str| fail(format!("ERROR: <input>:-1:0: {what}"));
    let depth = depth::depth(source).map_err(&nowhere)?;
    let parse = || {
        let parser = ENVIRONMENT.parser().max_recursion_depth(MAX_NESTING);
        parser.parse_with_source_info(source).map_err(|errors| told(source, &errors))
    };
    let parsed = depth::parse(depth, parse);
    let parsed = parsed.ok_or_else(|| nowhere("no thread can be had to parse it: try again"))?;
    let (expression, places) = parsed.map_err(fail)?;
    Ok(Parsed { expression, places, depth })
}

fn told(source: &str, errors: &ParseErrors) -> String {
    if errors.errors.iter().any(|error| error.msg.contains("Recursion limit of ")) {
        return format!("ERROR: <input>:-1:0: expression recursion limit exceeded: {MAX_NESTING}");
    }
    let mut report = Report::new(source);
    for error in &errors.errors {
        // The parser goes on where parts are missing, and says so.
        if error.msg.starts_with("Incomplete `") || error.msg.starts_with("No `") {
            continue;
        }
        let (line, column) = (usize::try_from(error.pos.0), usize::try_from(error.pos.1));
        let (line, mut column) = (line.unwrap_or(1).saturating_sub(1), column.unwrap_or(1).saturating_sub(1));
        let message = expectation(&error.msg);
        let before = || source.lines().nth(line)?.chars().nth(column.checked_sub(1)?);
        if message.ends_with("'`'") {
            column += 1;
        } else if message.starts_with("invalid") && before() == Some('-') {
            column -= 1;
        }
        report.add_at(line, column, message);
    }
    if source.is_empty() {
        // There is no line to show.
        let told: Vec<_> =
            errors.errors.iter().map(|error| format!("ERROR: <input>:1:0: {}", error.msg)).collect();
        return told.join("\n");
    }
    report.told().unwrap_or_else(|| errors.to_string())
}

/// Leaves out of what was expected what could have come as well, and what only this parser says.
fn expectation(message: &str) -> String {
    if message.contains("literal: InvalidEscape") {
        return "unable to unescape string".to_owned();
    }
    for keyword in ["false", "null", "true"] {
        if message == format!("Syntax error: no viable alternative at input '.{keyword}'") {
            return format!("Syntax error: mismatched input '{keyword}' expecting IDENTIFIER");
        }
    }
    let all = || {
        let (what, expected) = message.rsplit_once(" expecting {")?;
        let tokens: Vec<_> = expected.strip_suffix('}')?.split(", ").collect();
        tokens.contains(&"'=='").then_some(())?;
        let needed: Vec<_> = tokens.into_iter().filter(|token| !OPERATORS.contains(token)).collect();
        match needed.as_slice() {
            [] => None,
            [one] => Some(format!("{what} expecting {one}")),
            several => Some(format!("{what} expecting {{{}}}", several.join(", "))),
        }
    };
    all().unwrap_or_else(|| message.to_owned())
}
