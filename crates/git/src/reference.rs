//! Which commit is wanted.

use std::fmt;

use crate::Error;

/// The branch that is meant when nothing is said.
pub const DEFAULT_BRANCH: &str = "master";

/// What to look up in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Head of a branch, by its short name.
    Branch(String),
    /// A tag, by its short name; annotated tags are peeled to their commit.
    Tag(String),
    /// The highest tag that satisfies a constraint.
    SemVer(String),
    /// A full reference name, such as `refs/pull/7/head`.
    Name(String),
    /// One commit.
    Commit {
        /// 40 hexadecimal digits.
        sha: String,
        /// The branch that the revision text shows and that must exist, by its short name. Its
        /// history is searched when the server does not hand out single commits.
        branch: Option<String>,
        /// The full reference name that the revision text shows instead of the branch.
        name: Option<String>,
    },
}

/// The fields of `spec.ref`, all optional; an empty string counts as absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceFields<'a> {
    /// `branch`
    pub branch: &'a str,
    /// `tag`
    pub tag: &'a str,
    /// `semver`
    pub semver: &'a str,
    /// `name`
    pub name: &'a str,
    /// `commit`
    pub commit: &'a str,
}

impl Reference {
    /// Picks the field that counts: commit, then name, tag, semver, branch; `master` when all are empty.
    pub fn from_spec(fields: ReferenceFields<'_>) -> Self {
        let ReferenceFields { branch, tag, semver, name, commit } = fields;
        if !commit.is_empty() {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Self::Commit { sha: commit.to_owned(), branch: some(branch), name: some(name) }
        } else if !name.is_empty() {
            Self::Name(name.to_owned())
        } else if !tag.is_empty() {
            Self::Tag(tag.to_owned())
        } else if !semver.is_empty() {
            Self::SemVer(semver.to_owned())
        } else if !branch.is_empty() {
            Self::Branch(branch.to_owned())
        } else {
            Self::Branch(DEFAULT_BRANCH.to_owned())
        }
    }

    /// Whether [`crate::resolve`] can answer without transferring objects: true for branch, tag and name.
    pub fn is_listable(&self) -> bool {
        matches!(self, Self::Branch(_) | Self::Tag(_) | Self::Name(_))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "branch {name}"),
            Self::Tag(name) => write!(f, "tag {name}"),
            Self::SemVer(constraint) => write!(f, "semver {constraint}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Commit { sha, .. } => write!(f, "commit {sha}"),
        }
    }
}

/// Refuses what git-check-ref-format(1) refuses, so that no reference can smuggle protocol syntax.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let invalid = |reason| Err(Error::InvalidName { name: name.escape_debug().to_string(), reason });
    if name.starts_with('/') || name.ends_with('/') {
        return invalid("Git refs cannot begin or end with a slash '/'");
    }
    if name.is_empty() || name.len() > 1024 {
        return invalid("Git refs have between 1 and 1024 bytes");
    }
    if name.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b"~^:?*[\\".contains(&byte)) {
        return invalid("Git refs cannot contain blanks, control characters or any of ~^:?*[\\");
    }
    if name.contains("..") || name.contains("@{") || name.ends_with('.') || name == "@" {
        return invalid("Git refs cannot contain '..' or '@{', end with a dot, or be '@'");
    }
    // Git looks for this suffix by its bytes, whatever the file system.
    #[allow(clippy::case_sensitive_file_extension_comparisons)]
    if name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock")) {
        return invalid("no part of a Git ref may be empty, begin with a dot or end with '.lock'");
    }
    Ok(())
}

/// The revision text that Flux writes: `main@sha1:…`, `refs/heads/main@sha1:…` or `sha1:…`.
pub(crate) fn revision(label: Option<&str>, sha: &str) -> String {
    let algorithm = if sha.len() == 64 { "sha256" } else { "sha1" };
    match label {
        Some(label) => format!("{label}@{algorithm}:{sha}"),
        None => format!("{algorithm}:{sha}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_field_counts() {
        let all = ReferenceFields { branch: "b", tag: "t", semver: "1.x", name: "refs/heads/n", commit: "c" };
        let expect = |fields, reference| assert_eq!(Reference::from_spec(fields), reference);
        expect(
            all,
            Reference::Commit {
                sha: "c".into(),
                branch: Some("b".into()),
                name: Some("refs/heads/n".into()),
            },
        );
        expect(ReferenceFields { commit: "", ..all }, Reference::Name("refs/heads/n".into()));
        expect(ReferenceFields { commit: "", name: "", ..all }, Reference::Tag("t".into()));
        expect(ReferenceFields { commit: "", name: "", tag: "", ..all }, Reference::SemVer("1.x".into()));
        expect(ReferenceFields { branch: "b", ..ReferenceFields::default() }, Reference::Branch("b".into()));
        expect(ReferenceFields::default(), Reference::Branch("master".into()));
    }

    #[test]
    fn revisions_keep_what_precedes_the_hash() {
        let sha = "0123456789012345678901234567890123456789";
        assert_eq!(revision(Some("main"), sha), format!("main@sha1:{sha}"));
        assert_eq!(revision(None, sha), format!("sha1:{sha}"));
    }

    #[test]
    fn refuses_names_that_git_refuses() {
        for name in [
            "", "/a", "a/", "a//b", "a b", "a\n", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", ".a",
            "a/.b", "a.lock", "a.", "a@{b", "@",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in [
            "refs/heads/main",
            "refs/pull/7/head",
            "HEAD",
            "refs/heads/feature/ünï",
            "refs/heads/-x",
            "refs/heads/a@b",
        ] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }
}
