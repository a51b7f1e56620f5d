//! Names of releases.

use std::sync::Arc;

use sluice_gotmpl::value::{Scope, Value};
use sluice_gotmpl::{Budget, Limits, Set};
use thiserror::Error;

/// The longest name, in characters.
const MAX_NAME: usize = 53;

/// A text is no name for a release, in Helm's words.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidName {
    /// There is none.
    #[error("no name provided")]
    Missing,
    /// It is too long, or no DNS name.
    #[error(
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and \
         the length must not be longer than 53"
    )]
    Malformed,
}

/// Checks the name of a release: DNS labels divided by dots, 53 characters at most.
pub fn check_release_name(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Missing);
    }
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().copied().is_some_and(is_plain)
            && bytes.last().copied().is_some_and(is_plain)
            && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
    };
    if name.len() <= MAX_NAME && name.split('.').all(is_label) { Ok(()) } else { Err(InvalidName::Malformed) }
}

/// A name that `--name-template` makes: a template with sprig's functions and without data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct NameTemplateError(String);

/// Makes a name of a template with sprig's functions.
pub fn render_name(template: &str) -> Result<String, NameTemplateError> {
    const NAME: &str = "name-template";
    let _scope = Scope::enter();
    let mut set = Set::new(NAME, Arc::new(sluice_gotmpl::sprig::functions()));
    set.parse(NAME, template.as_bytes()).map_err(|error| NameTemplateError(error.to_string()))?;
    let output = Arc::new(set)
        .execute(NAME, Value::Nil, &Budget::new(Limits::default()), &())
        .map_err(|error| NameTemplateError(error.to_string()))?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_names() {
        for name in ["a", "a-1.b", &"a".repeat(53)] {
            assert_eq!(check_release_name(name), Ok(()), "{name}");
        }
        for name in ["A", "-a", "a-", "a..b", ".", "a_b", &"a".repeat(54)] {
            assert_eq!(check_release_name(name), Err(InvalidName::Malformed), "{name}");
        }
        assert_eq!(check_release_name(""), Err(InvalidName::Missing));
    }

    #[test]
    fn names_from_templates() {
        assert_eq!(render_name("{{ \"A\" | lower }}-{{ trunc 2 \"xyz\" }}").unwrap(), "a-xy");
        assert!(render_name("{{ nope }}").unwrap_err().to_string().contains("function \"nope\" not defined"));
    }
}
