//! How kustomize spells repositories: `https://host/owner/repo//directory?ref=v1`, `git@host:owner/repo`,
//! `ssh://`, `file://`, `github.com/owner/repo`, Azure's `_git/`.

use std::path::{Component, Path};
use std::time::Duration;

/// A directory in a Git repository at a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The text that was parsed.
    pub text: String,
    /// Scheme, user and host with what ends it: `https://github.com/`, `git@github.com:`, `file://`.
    pub host: String,
    /// Where the repository is on the host.
    pub path: String,
    /// The directory in the repository; empty for its root.
    pub directory: String,
    /// Branch, tag, full reference or commit; empty for the repository's own default.
    pub reference: String,
    /// Whether to fetch submodules too.
    pub submodules: bool,
    /// How long fetching may take.
    pub timeout: Duration,
    /// Whether it had the prefix `git::`, which means nothing any more.
    pub forced: bool,
}

/// Why a text names no repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARepository {
    /// It is an absolute path.
    #[error("uri looks like abs path")]
    AbsolutePath,
    /// It has no scheme, and neither a user nor GitHub's host makes up for it.
    #[error("failed to parse scheme")]
    Scheme,
    /// It has no host.
    #[error("failed to parse host segment")]
    Host,
    /// It has no repository.
    #[error("failed to parse repo path segment")]
    Path,
    /// Its directory leads out of the repository.
    #[error("url path exits repo")]
    Outside,
}

const FILE: &str = "file://";
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", FILE];
/// What fetching may take where the text doesn't say.
const TIMEOUT: Duration = Duration::from_secs(27);

impl Repository {
    /// Parses by kustomize's rules. A text that is no repository is the path of a directory.
    pub fn parse(text: &str) -> Result<Self, NotARepository> {
        if Path::new(text).is_absolute() {
            return Err(NotARepository::AbsolutePath);
        }
        // By RFC 3986 there is a query behind the first `?`, and nowhere else.
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let unforced = strip_prefix(location, "git::");
        let (host, rest) = split_host(unforced.unwrap_or(location))?;
        let (path, directory) = split_path(rest, host == FILE).ok_or(NotARepository::Path)?;
        if path.is_empty() {
            return Err(NotARepository::Path);
        }
        let directory = directory.strip_prefix('/').unwrap_or(&directory).to_owned();
        if leaves(&directory) {
            return Err(NotARepository::Outside);
        }
        let (reference, timeout, submodules) = parse_query(query);
        let (text, forced) = (text.to_owned(), unforced.is_some());
        Ok(Self { text, host, path, directory, reference, submodules, timeout, forced })
    }

    /// What `git clone` takes.
    pub fn address(&self) -> String {
        format!("{}{}", self.host, self.path)
    }

    /// The address without user and password, for messages.
    pub fn shown(&self) -> String {
        super::redact(&self.address())
    }
}

/// Scheme, user and host as one text, and what follows.
fn split_host(text: &str) -> Result<(String, &str), NotARepository> {
    let found = SCHEMES.iter().find_map(|scheme| Some((*scheme, strip_prefix(text, scheme)?)));
    let (scheme, rest) = found.unwrap_or(("", text));
    if scheme == FILE {
        return Ok((FILE.to_owned(), rest));
    }
    let (user, rest) = split_user(rest);
    let is_github = strip_prefix(rest, "github.com/").or_else(|| strip_prefix(rest, "github.com:")).is_some();
    // `user@host:path`, as scp has it.
    let is_scp = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !is_scp {
        return Err(NotARepository::Scheme);
    }
    let slash = rest.find('/');
    let end = match rest.find(':').filter(|_| is_scp) {
        // A colon ends the host only before any slash.
        Some(colon) if slash.is_none_or(|slash| colon > 0 && colon < slash) => Some(colon),
        _ => slash,
    };
    let (host, path) = end.and_then(|end| rest.split_at_checked(end + 1)).unwrap_or((rest, ""));
    if host.is_empty() {
        return Err(NotARepository::Host);
    }
    if is_github {
        let by_ssh = scheme == "ssh://" || !user.is_empty();
        return Ok((
            if by_ssh { format!("{user}github.com:") } else { "https://github.com/".to_owned() },
            path,
        ));
    }
    Ok((format!("{scheme}{user}{host}"), path))
}

/// `user@` and what follows.
fn split_user(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let is_user = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.get(end..).is_some_and(|rest| rest.starts_with('@'));
    if is_user { text.split_at_checked(end + 1).unwrap_or(("", text)) } else { ("", text) }
}

/// The repository and the directory in it.
fn split_path(text: &str, is_file: bool) -> Option<(String, String)> {
    if let Some(at) = text.find("_git/") {
        // Azure: the next part is the repository.
        let (before, rest) = text.split_at_checked(at + "_git/".len())?;
        let (name, directory) = rest.split_once('/').unwrap_or((rest, ""));
        return Some((format!("{before}{name}"), directory.to_owned()));
    }
    if let Some((path, directory)) = text.split_once("//") {
        return Some((path.to_owned(), directory.to_owned()));
    }
    if let Some(at) = text.find(".git") {
        let (path, directory) = text.split_at_checked(at + ".git".len())?;
        return Some((path.to_owned(), directory.to_owned()));
    }
    if is_file {
        return Some((text.to_owned(), String::new()));
    }
    // GitHub's way: owner and repository.
    let (owner, rest) = text.split_once('/')?;
    let (name, directory) = rest.split_once('/').unwrap_or((rest, ""));
    Some((format!("{owner}/{name}"), directory.to_owned()))
}

fn leaves(directory: &str) -> bool {
    matches!(crate::fs::clean(Path::new(directory)).components().next(), Some(Component::ParentDir))
}

/// The text behind a prefix of any case.
fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Reference, timeout and submodules. What is malformed counts as absent.
fn parse_query(query: &str) -> (String, Duration, bool) {
    let Some(pairs) = pairs(query) else { return (String::new(), TIMEOUT, true) };
    // Of several values the first counts.
    let get = |name: &str| {
        let first = pairs.iter().find(|(key, _)| key == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let reference = get("ref").or_else(|| get("version")).unwrap_or_default().to_owned();
    let timeout = get("timeout").and_then(duration).filter(|timeout| !timeout.is_zero());
    let submodules = !matches!(get("submodules"), Some("0" | "f" | "F" | "false" | "FALSE" | "False"));
    (reference, timeout.unwrap_or(TIMEOUT), submodules)
}

/// The pairs of a query; nothing if one of them is malformed.
fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if pair.contains(';') { None } else { Some((unescape(key)?, unescape(value)?)) }
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// `61`, `61s`, `1m1s`, `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling() {
        // Text, address, directory, reference.
        for (text, address, directory, reference) in [
            ("https://github.com/o/r", "https://github.com/o/r", "", ""),
            ("http://github.com/o/r/d", "https://github.com/o/r", "d", ""),
            ("hTTps://GitHub.com/o/r?ref=v1", "https://github.com/o/r", "", "v1"),
            ("github.com/o/r/a/b?ref=feature/x", "https://github.com/o/r", "a/b", "feature/x"),
            ("github.com:o/r", "https://github.com/o/r", "", ""),
            ("git@github.com:o/r.git/d", "git@github.com:o/r.git", "d", ""),
            ("git@github.com/o/r/d", "git@github.com:o/r", "d", ""),
            ("git::git@github.com:o/r", "git@github.com:o/r", "", ""),
            ("ssh://git@github.com/o/r//a/b?ref=v1", "git@github.com:o/r", "a/b", "v1"),
            ("org-1@github.com:o/r", "org-1@github.com:o/r", "", ""),
            ("ssh://git@ssh.github.com:443/o/r.git", "ssh://git@ssh.github.com:443/o/r.git", "", ""),
            ("git::https://gitlab.com/o/r", "https://gitlab.com/o/r", "", ""),
            ("https://example.org/a/b/r//x/y", "https://example.org/a/b/r", "x/y", ""),
            ("https://example.org/a/b/r.git/x/y", "https://example.org/a/b/r.git", "x/y", ""),
            ("https://example.org/o/r/?ref=has_git/it", "https://example.org/o/r", "", "has_git/it"),
            ("https://example.org/o/r/%-x", "https://example.org/o/r", "%-x", ""),
            ("https://me@dev.azure.com/o/p/_git/r//d", "https://me@dev.azure.com/o/p/_git/r", "d", ""),
            (
                "https://o.visualstudio.com/p/_git/r/d/e?version=main",
                "https://o.visualstudio.com/p/_git/r",
                "d/e",
                "main",
            ),
            ("git@bitbucket.org:c/p.git//d?ref=b", "git@bitbucket.org:c/p.git", "d", "b"),
            ("git@bitbucket.org/c/p.git//d", "git@bitbucket.org/c/p.git", "d", ""),
            ("git@gitlab.com/u:n/r.git/d", "git@gitlab.com/u:n/r.git", "d", ""),
            ("git@gist.github.com:bc79.git", "git@gist.github.com:bc79.git", "", ""),
            ("ssh://me@example.com:7999/a/r//d", "ssh://me@example.com:7999/a/r", "d", ""),
            ("file:///a/b/r?ref=b", "file:///a/b/r", "", "b"),
            ("file:///a/b/r//d", "file:///a/b/r", "d", ""),
            ("file://git@home/r.git//d", "file://git@home/r.git", "d", ""),
            ("file:///", "file:///", "", ""),
        ] {
            let parsed = Repository::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let got = (parsed.address(), parsed.directory.trim_end_matches('/').to_owned(), parsed.reference);
            assert_eq!(got, (address.to_owned(), directory.to_owned(), reference.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        use NotARepository as Not;
        for (text, why) in [
            ("/tmp", Not::AbsolutePath),
            ("../../tmp", Not::Scheme),
            ("src/github.com/o/r/d", Not::Scheme),
            ("base", Not::Scheme),
            ("htxxp://github.com/", Not::Scheme),
            ("git::___", Not::Scheme),
            ("gh:o/r", Not::Scheme),
            ("github.com!o/r.git//d", Not::Scheme),
            ("https://", Not::Host),
            ("https://host?ref=a/b", Not::Path),
            ("ssh://git.example.com", Not::Path),
            ("https://github.com/only.yaml", Not::Path),
            ("file:////tmp//d", Not::Path),
            ("git@ssh://github.com/o/r.git//d", Not::Path),
            ("https://github.com/o/r.git//d/../../out", Not::Outside),
        ] {
            assert_eq!(Repository::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn queries() {
        let (v1, default) = ("v1".to_owned(), TIMEOUT);
        let minute = Duration::from_secs(61);
        for (query, want) in [
            ("", (String::new(), default, true)),
            ("version=v2&ref=v1", (v1.clone(), default, true)),
            ("ref=v1&submodules=maybe&timeout=jiffy", (v1.clone(), default, true)),
            ("ref=v1&submodules=false&timeout=61", (v1.clone(), minute, false)),
            ("ref=v1&timeout=1m1s", (v1.clone(), minute, true)),
            ("ref=v1&timeout=0s", (v1.clone(), default, true)),
            ("ref=%76%31", (v1, default, true)),
            ("ref=%zz", (String::new(), default, true)),
        ] {
            assert_eq!(parse_query(query), want, "{query}");
        }
    }
}
