//! Names of releases.

use sluice_apis::helm::v2::HelmReleaseSpec;
use sluice_archive::Algorithm;

/// The longest name that Helm takes.
const LONGEST: usize = 53;
/// How much of a longer name stays.
const KEPT: usize = 40;
/// How many digits of the digest follow it.
const DIGITS: usize = 12;

/// The name of a release before it is shortened: as given, else the target namespace and the object's name.
pub fn release_name(spec: &HelmReleaseSpec, name: &str) -> String {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (given(&spec.release_name), given(&spec.target_namespace)) {
        (Some(release), _) => release,
        (None, Some(target)) => format!("{target}-{name}"),
        (None, None) => name.to_owned(),
    }
}

/// Shortens a name that Helm would not take: its beginning, and the beginning of its SHA-256 digest.
pub fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let mut hasher = Algorithm::Sha256.hasher();
    hasher.update(name.as_bytes());
    let digest = hasher.finish().hex();
    let kept = name.char_indices().map(|(at, _)| at).take_while(|at| *at <= KEPT).last().unwrap_or_default();
    format!("{}-{}", &name[..kept], &digest[..DIGITS])
}

/// Why a name is none that a release may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is none.
    #[error("no name provided")]
    Empty,
    /// It is none of DNS, or too long.
    #[error(
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    )]
    Invalid,
}

/// Whether Helm takes the name: parts of lower-case letters, digits and dashes, divided by dots.
pub fn validate(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    let is_end = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        is_end(bytes.first())
            && is_end(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    };
    if name.len() > LONGEST || !name.split('.').all(is_part) { Err(InvalidName::Invalid) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_by_their_digest() {
        let exact = "a-name-that-is-exactly-fifty-three-characters-long-ab";
        assert_eq!(shorten(exact), exact);
        assert_eq!(
            shorten("this-is-a-very-long-target-namespace-and-a-very-long-release-name"),
            "this-is-a-very-long-target-namespace-and-907a4a730584"
        );
    }

    #[test]
    fn names_come_from_the_spec() {
        let spec = |release: Option<&str>, target: Option<&str>| HelmReleaseSpec {
            release_name: release.map(ToOwned::to_owned),
            target_namespace: target.map(ToOwned::to_owned),
            ..HelmReleaseSpec::default()
        };
        assert_eq!(release_name(&spec(Some("a"), Some("b")), "c"), "a");
        assert_eq!(release_name(&spec(None, Some("b")), "c"), "b-c");
        assert_eq!(release_name(&spec(None, None), "c"), "c");
    }

    #[test]
    fn names_are_checked_as_helm_checks_them() {
        for name in ["a", "a-b.c0", "0"] {
            assert_eq!(validate(name), Ok(()), "{name}");
        }
        for name in ["A", "-a", "a-", "a..b", "a_b", "a.", &"a".repeat(54)] {
            assert_eq!(validate(name), Err(InvalidName::Invalid), "{name}");
        }
        assert_eq!(validate(""), Err(InvalidName::Empty));
    }
}
