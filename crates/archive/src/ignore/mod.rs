//! Which files of a source are left out of its archive.
//!
//! The rules look like a `.gitignore`, but follow the go-git library, whose users depend on its
//! differences from git: every path is judged on its own, so `!` brings a file back even below an
//! excluded directory, and a pattern that matches a directory's path matches everything below it.

mod glob;
mod pattern;

pub use pattern::Pattern;

/// Name of the files that hold patterns, in any directory of a source.
pub const IGNORE_FILE: &str = ".sourceignore";

/// Files of version control, excluded unless a pattern includes them again.
const VCS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// What is excluded besides [`VCS`] as long as a source brings no pattern of its own.
const DEFAULTS: [&str; 20] = [
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// Reads the patterns of a text, one a line. They apply below the directory `domain`, given as its path's
/// parts from the root of the source.
pub fn parse(text: &str, domain: &[&str]) -> Vec<Pattern> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| Pattern::parse(line, domain))
        .collect()
}

/// Decides about paths; of several patterns that match, the last one wins.
#[derive(Debug, Clone)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

impl Matcher {
    /// A matcher of exactly these patterns.
    pub fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns }
    }

    /// The matcher of a source that brings `patterns`: files of version control are excluded in any case,
    /// and media, archives and CI files only if there is no pattern at all.
    pub fn for_source(patterns: Vec<Pattern>) -> Self {
        let defaults = if patterns.is_empty() { &DEFAULTS[..] } else { &[] };
        let lowest = VCS.iter().chain(defaults).map(|line| Pattern::parse(line, &[]));
        Self { patterns: lowest.chain(patterns).collect() }
    }

    /// Whether the path, given as its parts from the root of the source, is excluded.
    pub fn excludes(&self, path: &[&str], is_dir: bool) -> bool {
        self.patterns
            .iter()
            .rev()
            .find(|pattern| pattern.matches(path, is_dir))
            .is_some_and(|pattern| !pattern.includes())
    }
}
