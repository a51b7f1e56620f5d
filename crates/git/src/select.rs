//! From a reference to the objects that it means, by what the remote lists. No I/O.

use sluice_semver::{Constraints, Version};

use crate::Error;
use crate::client::RemoteRef;
use crate::reference::check_name;

/// A commit that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Hash of the object that the reference names: a commit, or a tag that leads to one.
    pub object: String,
    /// Hash of the commit.
    pub commit: String,
    /// What precedes `@` in the revision text.
    pub label: Option<String>,
    /// Full name of the reference.
    pub reference: Option<String>,
}

impl Target {
    fn of(reference: &RemoteRef, label: &str) -> Self {
        Self {
            object: reference.sha.clone(),
            commit: reference.peeled.clone().unwrap_or_else(|| reference.sha.clone()),
            label: Some(label.to_owned()),
            reference: Some(reference.name.clone()),
        }
    }
}

/// A reference by its full name, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Full name as the remote lists it.
    pub name: String,
    /// What precedes `@` in the revision text.
    pub label: String,
}

impl Wanted {
    /// A branch by its short name.
    pub fn branch(name: &str) -> Result<Self, Error> {
        Self::checked(format!("refs/heads/{name}"), name)
    }

    /// A tag by its short name.
    pub fn tag(name: &str) -> Result<Self, Error> {
        Self::checked(format!("refs/tags/{name}"), name)
    }

    /// A reference by its full name. `^{}` at its end, which asks for a tag's commit, is understood
    /// though the commit is what is fetched anyway.
    pub fn name(name: &str) -> Result<Self, Error> {
        Self::checked(name.strip_suffix("^{}").unwrap_or(name).to_owned(), name)
    }

    fn checked(name: String, label: &str) -> Result<Self, Error> {
        check_name(&name)?;
        Ok(Self { name, label: label.to_owned() })
    }

    /// Finds it in a listing.
    pub fn find(&self, references: &[RemoteRef]) -> Option<Target> {
        references
            .iter()
            .find(|reference| reference.name == self.name)
            .map(|reference| Target::of(reference, &self.label))
    }
}

/// The tags with the highest version that satisfies a constraint: more than one when they differ
/// only in what precedence ignores, such as build metadata. Sorted by name.
pub fn highest(constraint: &str, references: &[RemoteRef]) -> Result<Vec<Target>, Error> {
    let constraints =
        Constraints::parse(constraint).map_err(|err| Error::InvalidConstraint(err.to_string()))?;
    let mut best: Option<Version> = None;
    let mut targets = Vec::new();
    for reference in references {
        let Some(tag) = reference.name.strip_prefix("refs/tags/") else { continue };
        let Ok(version) = Version::parse_tag(tag) else { continue };
        if !constraints.matches(&version) || best.as_ref().is_some_and(|best| version < *best) {
            continue;
        }
        if best.as_ref().is_none_or(|best| version > *best) {
            targets.clear();
            best = Some(version);
        }
        targets.push(Target::of(reference, tag));
    }
    if targets.is_empty() {
        return Err(Error::NoSemverMatch(constraint.to_owned()));
    }
    targets.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<RemoteRef> {
        names
            .iter()
            .map(|name| RemoteRef { name: format!("refs/tags/{name}"), sha: "a".repeat(40), peeled: None })
            .collect()
    }

    fn best(constraint: &str, names: &[&str]) -> Vec<String> {
        highest(constraint, &tags(names)).unwrap().into_iter().filter_map(|target| target.label).collect()
    }

    #[test]
    fn picks_the_highest_match() {
        assert_eq!(best("1.x", &["v1.2.0", "1.10.0", "2.0.0", "1.9", "nonsense"]), ["1.10.0"]);
        assert_eq!(best(">=1.0.0", &["1.0.0", "2.0.0-rc.1"]), ["1.0.0"]);
        assert_eq!(best(">=1.0.0-0", &["1.0.0", "2.0.0-rc.1"]), ["2.0.0-rc.1"]);
        assert_eq!(best("*", &["0.01.0", "0.0.9"]), ["0.01.0"]);
    }

    #[test]
    fn keeps_ties_for_the_commit_time_to_decide() {
        assert_eq!(
            best("1.0.0", &["1.0.0+b", "0.9.0", "1.0.0+a", "v1.0.0"]),
            ["1.0.0+a", "1.0.0+b", "v1.0.0"]
        );
    }

    #[test]
    fn explains_failure() {
        assert_eq!(
            highest("9.x", &tags(&["1.0.0"])).unwrap_err().to_string(),
            "no match found for semver: 9.x"
        );
        assert!(matches!(highest("not a range", &[]), Err(Error::InvalidConstraint(_))));
    }
}
