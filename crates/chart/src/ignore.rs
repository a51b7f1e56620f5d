//! `.helmignore`: one pattern a line, the first that matches decides.

use crate::path_match::path_match;

/// The rules of a `.helmignore` file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: String,
    /// What does not match is ignored.
    negated: bool,
    /// Holds for directories only.
    directory: bool,
    /// Whether the whole path must match, not the last part alone.
    whole_path: bool,
}

impl Rules {
    /// Reads the rules of a file.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rules = Self::default();
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            rules.add(line)?;
        }
        Ok(rules)
    }

    /// Adds what holds for every chart: no hidden files among the templates.
    pub(crate) fn add_defaults(&mut self) {
        // The pattern is a good one.
        let _ = self.add("templates/.?*");
    }

    fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err("double-star (**) syntax is not supported");
        }
        path_match(rule, "abc").map_err(|_| "syntax error in pattern")?;
        let (negated, rule) = rule.strip_prefix('!').map_or((false, rule), |rest| (true, rest));
        let (directory, rule) = rule.strip_suffix('/').map_or((false, rule), |rest| (true, rest));
        let (rooted, rule) = rule.strip_prefix('/').map_or((false, rule), |rest| (true, rest));
        let whole_path = rooted || rule.contains('/');
        self.0.push(Rule { pattern: rule.to_owned(), negated, directory, whole_path });
        Ok(())
    }

    /// Whether a path below the chart is to be left out.
    pub(crate) fn ignores(&self, path: &str, is_directory: bool) -> bool {
        for rule in &self.0 {
            let name = if rule.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
            let matches = path_match(&rule.pattern, name).unwrap_or(false);
            if rule.negated {
                if (rule.directory && !is_directory) || !matches {
                    return true;
                }
                continue;
            }
            if matches && (is_directory || !rule.directory) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helms_rules() {
        let rules = Rules::parse("# comment\n*.bak\n/README.md\ndocs/\ncharts/*/x\n[a-c].txt\n").unwrap();
        for (path, directory) in [
            ("x.bak", false),
            ("templates/y.bak", false),
            ("README.md", false),
            ("a/docs", true),
            ("charts/b/x", false),
            ("sub/b.txt", false),
        ] {
            assert!(rules.ignores(path, directory), "{path}");
        }
        for path in ["sub/README.md", "docs", "charts/x", "d.txt", "bak"] {
            assert!(!rules.ignores(path, false), "{path}");
        }
    }

    #[test]
    fn a_negated_rule_ignores_what_it_does_not_match() {
        let rules = Rules::parse("!*.yaml").unwrap();
        assert!(rules.ignores("a.txt", false));
        assert!(!rules.ignores("a.yaml", false));
    }

    #[test]
    fn bad_patterns_are_errors() {
        assert!(Rules::parse("a/**/b").is_err());
        assert!(Rules::parse("[").is_err());
    }

    #[test]
    fn hidden_templates_are_ignored() {
        let mut rules = Rules::default();
        rules.add_defaults();
        assert!(rules.ignores("templates/.hidden", false));
        assert!(!rules.ignores("templates/a.yaml", false));
    }
}
