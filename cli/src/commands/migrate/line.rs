//! Lines of manifests that name an old version.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use super::versions::Latest;

/// A version to put in the place of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upgrade {
    /// Counted from 0.
    pub(super) line: usize,
    /// Where the old version is in the line.
    pub(super) place: Range<usize>,
    kind: String,
    old: String,
    pub(super) new: &'static str,
}

impl Display for Upgrade {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} -> {}", self.line + 1, self.kind, self.old, self.new)
    }
}

/// What a line names with a key that may stand anywhere in it: up to the next space, with its place.
///
/// Manifests may be templates, comments or indented texts: they are not parsed.
fn value<'a>(line: &'a str, key: &str) -> Option<(usize, &'a str)> {
    let rest = &line[line.find(key)? + key.len()..];
    let text = rest.trim_start();
    let start = line.len() - text.len();
    Some((start, text.trim_end().split(' ').next().unwrap_or_default()))
}

/// The upgrade of a line that is followed by that of the kind.
///
/// # Errors
///
/// If the version has more than one slash.
pub(super) fn upgrade(
    number: usize,
    line: &str,
    next: &str,
    latest: Latest,
) -> Result<Option<Upgrade>, String> {
    let Some((start, api_version)) = value(line, "apiVersion: ") else { return Ok(None) };
    if api_version.matches('/').count() > 1 {
        return Err(format!("unexpected GroupVersion string: {api_version}"));
    }
    // Without a group, or without a version, it is none of Flux's.
    let Some((group, old)) = api_version.split_once('/').filter(|(_, version)| !version.is_empty()) else {
        return Ok(None);
    };
    let Some((_, kind)) = value(next, "kind: ") else { return Ok(None) };
    let Some(new) = latest(group, kind).filter(|new| *new != old) else { return Ok(None) };
    let start = start + group.len() + 1;
    let place = start..start + old.len();
    Ok(Some(Upgrade { line: number, place, kind: kind.to_owned(), old: old.to_owned(), new }))
}

#[cfg(test)]
mod tests {
    use super::super::versions;
    use super::*;

    fn upgraded(line: &str, next: &str) -> Result<Option<String>, String> {
        let upgrade = upgrade(6, line, next, versions::latest(None).unwrap())?;
        Ok(upgrade.map(|upgrade| {
            let mut line = line.to_owned();
            line.replace_range(upgrade.place.clone(), upgrade.new);
            format!("{line}|{upgrade}")
        }))
    }

    #[test]
    fn lines_are_found_wherever_they_stand() {
        let git = "source.toolkit.fluxcd.io";
        for before in ["", "# ", "  - ", "    "] {
            let line = format!("{before}apiVersion: {git}/v1beta2 # old");
            let expected = format!("{before}apiVersion: {git}/v1 # old|7: GitRepository v1beta2 -> v1");
            assert_eq!(upgraded(&line, &format!("{before}kind: GitRepository\r")), Ok(Some(expected)));
        }
        let line = "apiVersion: notification.toolkit.fluxcd.io/v1";
        let expected = "apiVersion: notification.toolkit.fluxcd.io/v1beta3|7: Alert v1 -> v1beta3";
        assert_eq!(upgraded(line, "kind: Alert"), Ok(Some(expected.to_owned())));
    }

    #[test]
    fn what_is_not_flux_s_or_not_old_stays() {
        let old = "apiVersion: source.toolkit.fluxcd.io/v1beta2";
        for (line, next) in [
            ("apiVersion: source.toolkit.fluxcd.io/v1", "kind: GitRepository"),
            ("apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization"),
            ("apiVersion: source.toolkit.fluxcd.io/", "kind: GitRepository"),
            ("apiVersion: v1", "kind: Secret"),
            ("kind: GitRepository", old),
            (old, "metadata:"),
            (old, "kind: Unknown"),
        ] {
            assert_eq!(upgraded(line, next), Ok(None), "{line}");
        }
        let error = upgraded("apiVersion: a/b/c", "kind: GitRepository").unwrap_err();
        assert_eq!(error, "unexpected GroupVersion string: a/b/c");
    }
}
