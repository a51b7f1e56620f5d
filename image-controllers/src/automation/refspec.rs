//! Refspecs: which local references are pushed to which of the remote.

use std::collections::BTreeMap;

/// The references of a run by their full names, with their commits.
pub(super) type Local = BTreeMap<String, String>;

/// A refspec that was checked: `<source>:<destination>`, each perhaps with one `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refspec<'a> {
    source: &'a str,
    destination: &'a str,
}

/// Why a refspec is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidRefspec {
    #[error("push refspec must not specify a deletion")]
    Deletion,
    #[error("push refspec must not specify a force update")]
    Force,
    #[error("push refspec '{0}' is malformed: write '<source>:<destination>'")]
    Malformed(String),
}

impl<'a> Refspec<'a> {
    /// Reads a refspec; an empty text is none.
    pub(super) fn parse(text: &'a str) -> Result<Option<Self>, InvalidRefspec> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.starts_with('+') {
            return Err(InvalidRefspec::Force);
        }
        let (source, destination) = text.split_once(':').unwrap_or((text, text));
        if source.is_empty() {
            return Err(InvalidRefspec::Deletion);
        }
        let stars = |part: &str| part.matches('*').count();
        if destination.is_empty()
            || destination.contains(':')
            || stars(source) > 1
            || stars(source) != stars(destination)
        {
            return Err(InvalidRefspec::Malformed(text.to_owned()));
        }
        Ok(Some(Self { source, destination }))
    }

    /// The references of the remote and the commits for them.
    pub(super) fn resolve(&self, local: &Local) -> Vec<(String, String)> {
        if let (Some((before, after)), Some((new_before, new_after))) =
            (self.source.split_once('*'), self.destination.split_once('*'))
        {
            let star = |name: &str| {
                let middle = name.strip_prefix(before)?.strip_suffix(after)?;
                Some(format!("{new_before}{middle}{new_after}"))
            };
            return local.iter().filter_map(|(name, sha)| Some((star(name)?, sha.clone()))).collect();
        }
        // Short names are those of branches, as for git.
        let full = |name: &str| {
            if name.starts_with("refs/") || name == "HEAD" {
                name.to_owned()
            } else {
                format!("refs/heads/{name}")
            }
        };
        let commit = local.get(&full(self.source)).cloned();
        let commit = commit.or_else(|| local.values().find(|sha| *sha == self.source).cloned());
        let found = commit.filter(|_| self.destination != "HEAD");
        found.map(|sha| (full(self.destination), sha)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Local {
        [("HEAD", "b"), ("refs/heads/auto", "b"), ("refs/heads/main", "a")]
            .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
            .into()
    }

    fn resolved(text: &str) -> Vec<String> {
        let refspec = Refspec::parse(text).unwrap().unwrap();
        refspec.resolve(&local()).into_iter().map(|(name, sha)| format!("{name}={sha}")).collect()
    }

    #[test]
    fn sources_and_destinations() {
        assert_eq!(resolved("refs/heads/auto:refs/heads/x"), ["refs/heads/x=b"]);
        assert_eq!(resolved("main:y"), ["refs/heads/y=a"]);
        assert_eq!(resolved("HEAD:refs/for/main"), ["refs/for/main=b"]);
        assert_eq!(resolved("a:refs/tags/v1"), ["refs/tags/v1=a"]);
        assert_eq!(resolved("refs/heads/*:refs/x/*-y"), ["refs/x/auto-y=b", "refs/x/main-y=a"]);
        assert!(resolved("refs/heads/none:refs/heads/x").is_empty());
    }

    #[test]
    fn neither_force_nor_deletion() {
        assert_eq!(Refspec::parse(""), Ok(None));
        assert_eq!(Refspec::parse(":refs/heads/x"), Err(InvalidRefspec::Deletion));
        assert_eq!(Refspec::parse("+a:b"), Err(InvalidRefspec::Force));
        for text in ["a:", "a:b:c", "a/*:b", "*/*:*/*"] {
            assert!(matches!(Refspec::parse(text), Err(InvalidRefspec::Malformed(_))), "{text}");
        }
    }
}
