//! `spec.pathPattern`: one artifact for each directory that fits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;
use sluice_apis::extensions::v1beta1::{ArtifactGeneratorSpec, OutputArtifact};

use super::names::{is_dns_subdomain, is_label_key, is_label_value};
use super::paths;

/// An artifact to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) output: OutputArtifact,
    /// What the pattern captured: labels of the object.
    pub(super) labels: BTreeMap<String, String>,
}

/// Why the pattern gives no artifacts.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExpandError {
    /// Nothing but another spec, or other names in the source, can help.
    #[error("{0}")]
    Terminal(String),
    /// The source cannot be read.
    #[error("failed to walk source directory: '{path}': {source}")]
    Walk { path: String, source: std::io::Error },
}

/// The artifacts that a spec asks for, given the directories of its sources by alias.
pub(super) fn expand(
    spec: &ArtifactGeneratorSpec,
    sources: &BTreeMap<String, PathBuf>,
) -> Result<Vec<Request>, ExpandError> {
    let Some(pattern) = spec.path_pattern.as_deref().filter(|pattern| !pattern.is_empty()) else {
        let plain = |output: &OutputArtifact| Request { output: output.clone(), labels: BTreeMap::new() };
        return Ok(spec.output_artifacts.iter().map(plain).collect());
    };
    let parts = pattern.strip_prefix('@').and_then(|rest| rest.split_once('/'));
    let (alias, text) =
        parts.ok_or_else(|| ExpandError::Terminal(format!("invalid pathPattern format: {pattern}")))?;
    let terminal = |message: String| ExpandError::Terminal(format!("pathPattern {pattern:?}: {message}"));
    let root = sources.get(alias);
    let root = root.ok_or_else(|| terminal(format!("source alias {alias} not found in local sources")))?;
    let matcher = matcher(text).map_err(terminal)?;
    expand_in(spec, root, &matcher).map_err(|error| match error {
        ExpandError::Terminal(message) => terminal(message),
        walk @ ExpandError::Walk { .. } => walk,
    })
}

fn expand_in(
    spec: &ArtifactGeneratorSpec,
    root: &Path,
    matcher: &Regex,
) -> Result<Vec<Request>, ExpandError> {
    let mut requests = Vec::new();
    // Which directory gave a name first: names in lower case may collide.
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let entries = paths::walk(root, "").map_err(|(path, source)| ExpandError::Walk { path, source })?;
    for dir in entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.path) {
        let Some(captures) = matcher.captures(&dir) else { continue };
        let named = matcher
            .capture_names()
            .flatten()
            .filter_map(|name| captures.name(name).map(|value| (name.to_owned(), value.as_str().to_owned())));
        let raw: BTreeMap<String, String> = named.collect();
        let labels: BTreeMap<String, String> =
            raw.iter().map(|(name, value)| (name.clone(), value.to_lowercase())).collect();
        for (name, value) in &labels {
            is_label_value(value).map_err(|rule| {
                ExpandError::Terminal(format!(
                    "captured value {value:?} for variable {name:?} is not a valid Kubernetes label value: {rule}"
                ))
            })?;
        }
        for output in &spec.output_artifacts {
            let request = render(output, &labels, &raw).map_err(|error| {
                let name = &output.name;
                ExpandError::Terminal(format!("failed to render artifact {name} for match {dir}: {error}"))
            })?;
            let name = &request.output.name;
            is_dns_subdomain(name).map_err(|rule| {
                ExpandError::Terminal(format!(
                    "rendered artifact name {name:?} is not a valid Kubernetes object name: {rule}"
                ))
            })?;
            if let Some(before) = seen.insert(name.clone(), dir.clone()) {
                return Err(ExpandError::Terminal(format!(
                    "directories {before:?} and {dir:?} both resolve to artifact name {name:?}"
                )));
            }
            requests.push(request);
        }
    }
    Ok(requests)
}

/// Directories by their path from the source's root; `{name}` stands for one part or a part of one.
fn matcher(pattern: &str) -> Result<Regex, String> {
    let mut expression = String::from("^");
    let mut names: Vec<&str> = Vec::new();
    for piece in pieces(pattern) {
        match piece.map_err(|error| error.of_pattern())? {
            Piece::Text(text) => expression.push_str(&regex::escape(text)),
            Piece::Capture(name) => {
                if names.contains(&name) {
                    return Err(format!("duplicate capture variable {name:?}"));
                }
                is_label_key(name).map_err(|rule| {
                    format!("capture variable {name:?} is not a valid Kubernetes label key: {rule}")
                })?;
                names.push(name);
                expression.extend(["(?P<", name, ">[^/]+)"]);
            }
        }
    }
    expression.push('$');
    Regex::new(&expression).map_err(|error| format!("failed to compile path pattern: {error}"))
}

fn render(
    output: &OutputArtifact,
    labels: &BTreeMap<String, String>,
    raw: &BTreeMap<String, String>,
) -> Result<Request, String> {
    let mut rendered = output.clone();
    rendered.name = fill(&output.name, labels)?;
    for copy in &mut rendered.copy {
        copy.from = fill(&copy.from, raw)?;
        copy.to = fill(&copy.to, raw)?;
    }
    Ok(Request { output: rendered, labels: labels.clone() })
}

/// Replaces `{name}` by values.
fn fill(template: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut text = String::new();
    let invalid = |error: String| format!("invalid template {template:?}: {error}");
    for piece in pieces(template) {
        match piece.map_err(|error| invalid(error.of_template()))? {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Capture(name) => {
                let undefined =
                    || invalid(format!("capture variable {name:?} is not defined by pathPattern"));
                text.push_str(values.get(name).ok_or_else(undefined)?);
            }
        }
    }
    Ok(text)
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Capture(&'a str),
}

/// What is wrong with braces.
enum BraceError {
    Open(usize),
    Close(usize),
    Empty,
    Name(String),
}

impl BraceError {
    fn of_pattern(&self) -> String {
        match self {
            Self::Open(at) => format!("invalid capture starting at offset {at}: missing closing brace"),
            Self::Close(at) => format!("invalid capture ending at offset {at}: missing opening brace"),
            Self::Empty => "empty capture variable".to_owned(),
            Self::Name(name) => bad_name(name),
        }
    }

    fn of_template(&self) -> String {
        match self {
            Self::Open(at) => format!("capture starting at offset {at} is missing closing brace"),
            Self::Close(at) => format!("capture ending at offset {at} is missing opening brace"),
            Self::Empty => "empty capture variable".to_owned(),
            Self::Name(name) => bad_name(name),
        }
    }
}

fn bad_name(name: &str) -> String {
    format!("capture variable {name:?} must be a valid capture name matching [A-Za-z_][A-Za-z0-9_]*")
}

/// Cuts a text at its braces; ends after the first error.
fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, BraceError>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let (piece, length) = match rest.find(['{', '}']) {
            _ if rest.is_empty() => return None,
            None => (Ok(Piece::Text(rest)), rest.len()),
            Some(0) => capture(rest, at),
            Some(end) => (Ok(Piece::Text(&rest[..end])), end),
        };
        at = if piece.is_err() { text.len() } else { at + length };
        Some(piece)
    })
}

/// The capture that a text begins with, and how long it is.
fn capture(text: &str, at: usize) -> (Result<Piece<'_>, BraceError>, usize) {
    let Some(inside) = text.strip_prefix('{') else { return (Err(BraceError::Close(at)), 0) };
    let Some((name, _)) = inside.split_once('}') else { return (Err(BraceError::Open(at)), 0) };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() {
        return (Err(BraceError::Empty), 0);
    }
    if name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(valid) {
        return (Err(BraceError::Name(name.to_owned())), 0);
    }
    (Ok(Piece::Capture(name)), name.len() + 2)
}

#[cfg(test)]
mod tests {
    use sluice_apis::extensions::v1beta1::CopyOperation;

    use super::*;

    fn run(pattern: &str, name: &str, dirs: &[&str]) -> Result<Vec<Request>, String> {
        let root = tempfile::tempdir().unwrap();
        for dir in dirs {
            std::fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        let copy = CopyOperation {
            from: "@src/apps/{app}/**".into(),
            to: "@artifact/{app}/".into(),
            ..CopyOperation::default()
        };
        let output = OutputArtifact { name: name.into(), copy: vec![copy], ..OutputArtifact::default() };
        let spec = ArtifactGeneratorSpec {
            path_pattern: Some(pattern.to_owned()),
            output_artifacts: vec![output],
            ..ArtifactGeneratorSpec::default()
        };
        let sources = BTreeMap::from([("src".to_owned(), root.path().to_owned())]);
        expand(&spec, &sources).map_err(|error| error.to_string())
    }

    #[test]
    fn one_artifact_for_each_directory() {
        let requests = run("@src/apps/{app}", "x-{app}", &["apps/One/deep", "apps/two", "other"]).unwrap();
        let names: Vec<&str> = requests.iter().map(|request| request.output.name.as_str()).collect();
        assert_eq!(names, ["x-one", "x-two"]);
        // Paths keep their case, names and labels don't.
        assert_eq!(requests[0].output.copy[0].from, "@src/apps/One/**");
        assert_eq!(requests[0].output.copy[0].to, "@artifact/One/");
        assert_eq!(requests[0].labels, BTreeMap::from([("app".to_owned(), "one".to_owned())]));
        assert_eq!(run("@src/none/{app}", "{app}", &["apps/one"]).unwrap(), []);
        let two = run("@src/{app}-{env}/x", "{app}.{env}", &["a-dev/x", "b-prod/x", "c/x"]).unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two[1].output.name, "b.prod");
    }

    #[test]
    fn mistakes_are_explained() {
        let dirs = &["apps/One", "apps/one"][..];
        for (pattern, name, error) in [
            (
                "@src/apps/{app}",
                "{app}",
                "directories \"apps/One\" and \"apps/one\" both resolve to artifact name \"one\"",
            ),
            ("@none/{app}", "{app}", "source alias none not found"),
            ("@src/{app", "x", "invalid capture starting at offset 0: missing closing brace"),
            ("@src/a}", "x", "invalid capture ending at offset 1: missing opening brace"),
            ("@src/{}", "x", "empty capture variable"),
            ("@src/{a-b}", "x", "must be a valid capture name"),
            ("@src/{a}/{a}", "x", "duplicate capture variable \"a\""),
            ("@src/{_a}", "x", "is not a valid Kubernetes label key"),
            ("@src/{app}", "{env}", "capture variable \"env\" is not defined by pathPattern"),
            ("@src/apps/{app}", "-{app}", "is not a valid Kubernetes object name"),
        ] {
            let text = run(pattern, name, dirs).unwrap_err();
            assert!(text.contains(error), "{pattern} {name}: {text}");
        }
        let text = run("@src/{app}", "{app}", &["-x"]).unwrap_err();
        assert!(text.contains("is not a valid Kubernetes label value"), "{text}");
    }
}
