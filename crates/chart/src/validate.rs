//! What a chart's metadata must look like.

use std::collections::HashSet;

use thiserror::Error;

use sluice_gotmpl::quote::is_print;

use crate::gotext::quote;
use crate::metadata::{Dependency, Metadata};

/// What is wrong with a chart's metadata.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("validation: {0}")]
pub struct ValidationError(String);

fn fail<T>(message: impl Into<String>) -> Result<T, ValidationError> {
    Err(ValidationError(message.into()))
}

impl Metadata {
    /// Checks the metadata, and takes what is invisible out of its texts.
    pub fn validate(&mut self) -> Result<(), ValidationError> {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            sanitize(text);
        }
        self.sources.iter_mut().chain(&mut self.keywords).for_each(sanitize);
        if self.api_version.is_empty() {
            return fail("chart.metadata.apiVersion is required");
        }
        validate_name(&self.name)?;
        if self.version.is_empty() {
            return fail("chart.metadata.version is required");
        }
        if sluice_semver::Version::parse(&self.version).is_err() {
            return fail(format!("chart.metadata.version {} is invalid", quote(&self.version)));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return fail("chart.metadata.type must be application or library");
        }
        if self.holes.maintainers {
            return fail("maintainers must not contain empty or null nodes");
        }
        for maintainer in &mut self.maintainers {
            [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url].into_iter().for_each(sanitize);
        }
        if self.holes.dependencies {
            return fail("dependencies must not contain empty or null nodes");
        }
        let mut names = HashSet::new();
        for dependency in &mut self.dependencies {
            dependency.validate()?;
            let name = dependency.effective_name();
            if !names.insert(name.to_owned()) {
                return fail(format!("more than one dependency with name or alias {}", quote(name)));
            }
        }
        Ok(())
    }
}

fn validate_name(name: &str) -> Result<(), ValidationError> {
    if name.is_empty() {
        return fail("chart.metadata.name is required");
    }
    if name == "." || name == ".." {
        return fail(format!("chart.metadata.name {} is not allowed", quote(name)));
    }
    if name.contains('/') {
        return fail(format!("chart.metadata.name {} is invalid", quote(name)));
    }
    Ok(())
}

impl Dependency {
    fn validate(&mut self) -> Result<(), ValidationError> {
        [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition]
            .into_iter()
            .chain(&mut self.tags)
            .for_each(sanitize);
        let is_clean = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.alias.chars().all(is_clean) {
            return fail(format!("dependency {} has disallowed characters in the alias", quote(&self.name)));
        }
        Ok(())
    }
}

/// Makes every kind of space a plain one and drops what can't be seen.
fn sanitize(text: &mut String) {
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return;
    }
    *text = text
        .chars()
        .filter_map(|c| if c.is_whitespace() { Some(' ') } else { Some(c).filter(|c| is_print(*c)) })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(yaml: &str) -> Result<Metadata, String> {
        let mut metadata = Metadata::default();
        metadata.read(yaml.as_bytes()).unwrap();
        metadata.validate().map_err(|error| error.to_string())?;
        Ok(metadata)
    }

    #[test]
    fn says_what_is_wrong() {
        for (yaml, message) in [
            ("name: a", "chart.metadata.apiVersion is required"),
            ("apiVersion: v2", "chart.metadata.name is required"),
            ("{apiVersion: v2, name: ..}", "chart.metadata.name \"..\" is not allowed"),
            ("{apiVersion: v2, name: ../a}", "chart.metadata.name \"../a\" is invalid"),
            ("{apiVersion: v2, name: a}", "chart.metadata.version is required"),
            ("{apiVersion: v2, name: a, version: x}", "chart.metadata.version \"x\" is invalid"),
            (
                "{apiVersion: v2, name: a, version: 1.0.0, type: app}",
                "chart.metadata.type must be application or library",
            ),
            (
                "{apiVersion: v2, name: a, version: 1.0.0, maintainers: [~]}",
                "maintainers must not contain empty or null nodes",
            ),
            (
                "{apiVersion: v2, name: a, version: 1.0.0, dependencies: [~]}",
                "dependencies must not contain empty or null nodes",
            ),
            (
                "{apiVersion: v2, name: a, version: 1.0.0, dependencies: [{name: b, alias: x.y}]}",
                "dependency \"b\" has disallowed characters in the alias",
            ),
            (
                "{apiVersion: v2, name: a, version: 1.0.0, dependencies: [{name: b}, {name: c, alias: b}]}",
                "more than one dependency with name or alias \"b\"",
            ),
        ] {
            assert_eq!(validated(yaml).unwrap_err(), format!("validation: {message}"), "{yaml}");
        }
    }

    #[test]
    fn texts_are_cleaned() {
        let metadata =
            validated("{apiVersion: v2, name: \"a\\u200b\", version: 1.0.0, description: \"b\\tc\"}")
                .unwrap();
        assert_eq!((metadata.name.as_str(), metadata.description.as_str()), ("a", "b c"));
    }
}
