//! One line of an ignore file.

use super::glob::Glob;

/// A pattern, scoped to a directory.
#[derive(Debug, Clone)]
pub struct Pattern {
    domain: Vec<String>,
    includes: bool,
    dirs_only: bool,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    /// No slash: compared with each part of a path.
    Name(Glob),
    /// With a slash: compared with the path from the domain on.
    Path(Vec<Part>),
}

#[derive(Debug, Clone)]
enum Part {
    /// Between two slashes, or before a leading one.
    Empty,
    /// `**`: any number of directories.
    AnyDirs,
    /// `**` next to other characters, which never matches.
    Never,
    Glob(Glob),
}

impl Pattern {
    /// Parses a line that is neither blank nor a comment.
    pub fn parse(line: &str, domain: &[&str]) -> Self {
        let (includes, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (dirs_only, line) = match line.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let shape = if line.contains('/') {
            Shape::Path(line.split('/').map(Part::parse).collect())
        } else {
            Shape::Name(Glob::parse(line))
        };
        Self { domain: domain.iter().map(ToString::to_string).collect(), includes, dirs_only, shape }
    }

    /// Whether this pattern brings files back rather than leaving them out.
    pub fn includes(&self) -> bool {
        self.includes
    }

    /// Whether the pattern says anything about the path.
    pub fn matches(&self, path: &[&str], is_dir: bool) -> bool {
        let Some((scope, rest)) = path.split_at_checked(self.domain.len()) else { return false };
        if rest.is_empty() || scope.iter().ne(self.domain.iter()) {
            return false;
        }
        match &self.shape {
            Shape::Name(glob) => match rest.iter().position(|part| glob.matches(part)) {
                // Below a matching directory everything matches, but the last part may be a file.
                Some(at) => !self.dirs_only || is_dir || at + 1 < rest.len(),
                None => false,
            },
            Shape::Path(parts) => self.matches_path(parts, rest, is_dir),
        }
    }

    fn matches_path(&self, parts: &[Part], mut path: &[&str], is_dir: bool) -> bool {
        let mut matched = false;
        let mut any_dirs = false;
        for (i, part) in parts.iter().enumerate() {
            let glob = match part {
                Part::Empty => {
                    any_dirs = false;
                    continue;
                }
                Part::AnyDirs if i + 1 == parts.len() => break,
                Part::AnyDirs => {
                    any_dirs = true;
                    continue;
                }
                Part::Never => return false,
                Part::Glob(glob) => glob,
            };
            let Some((first, rest)) = path.split_first() else { return false };
            if any_dirs {
                any_dirs = false;
                // The first part that matches is taken, even if a later one would let the rest match too.
                let at = path.iter().position(|part| glob.matches(part));
                matched = at.is_some();
                path = at.and_then(|at| path.get(at + 1..)).unwrap_or_default();
            } else if glob.matches(first) {
                matched = true;
                path = rest;
            } else {
                return false;
            }
        }
        matched && (!self.dirs_only || is_dir || !path.is_empty())
    }
}

impl Part {
    fn parse(text: &str) -> Self {
        match text {
            "" => Self::Empty,
            "**" => Self::AnyDirs,
            text if text.contains("**") => Self::Never,
            text => Self::Glob(Glob::parse(text)),
        }
    }
}
