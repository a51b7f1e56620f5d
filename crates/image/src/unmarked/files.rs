//! Which files hold values of charts.

use sluice_archive::ignore::{self, Matcher};

/// Files with values of charts, by patterns as in a `.gitignore`: `values.yaml` is one of that name in any directory,
/// `charts/*/values.yaml` one at that path, and `!` before a pattern takes files back.
#[derive(Clone, Debug, Default)]
pub struct ValuesFiles(Option<Matcher>);

impl ValuesFiles {
    /// Reads the patterns; without any there is no such file.
    pub fn parse(patterns: &[String]) -> Self {
        let patterns = ignore::parse(&patterns.join("\n"), &[]);
        Self((!patterns.is_empty()).then(|| Matcher::new(patterns)))
    }

    /// Whether no file can be one.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a file is one, by its path from the directory that the patterns are for.
    pub fn has(&self, file: &str) -> bool {
        let Some(matcher) = &self.0 else { return false };
        // What the matcher would leave out is what we look for.
        matcher.excludes(&file.split('/').collect::<Vec<_>>(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        let files = |patterns: &[&str]| {
            ValuesFiles::parse(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
        };
        let named = files(&["values.yaml", "values-*.yaml", "!values-test.yaml"]);
        assert!(named.has("values.yaml") && named.has("charts/web/values.yaml"));
        assert!(named.has("charts/web/values-prod.yaml") && !named.has("charts/web/values-test.yaml"));
        assert!(!named.has("charts/web/Chart.yaml"));
        let paths = files(&["charts/*/values.yaml", "/top.yaml", "envs/**/image.yaml"]);
        assert!(paths.has("charts/web/values.yaml") && !paths.has("other/charts/web/values.yaml"));
        assert!(paths.has("top.yaml") && !paths.has("charts/top.yaml"));
        assert!(paths.has("envs/a/b/image.yaml"));
        assert!(files(&[]).is_empty() && !files(&[]).has("values.yaml"));
        assert!(files(&["", "  "]).is_empty());
    }
}
