//! Which tags count, and which part of them.

use std::rc::Rc;

use sluice_goregex::Regex;

use super::InvalidPolicy;

/// A pattern that tags must match (RE2, anywhere in the tag), and what of them is compared.
#[derive(Clone, Debug)]
pub struct Filter {
    pattern: Rc<Regex>,
    extract: String,
}

impl Filter {
    /// `extract` is the template of the value, with `$1` and `${name}` for groups; empty for the whole tag.
    pub fn new(pattern: &str, extract: &str) -> Result<Self, InvalidPolicy> {
        let compiled = Regex::new(pattern.as_bytes());
        let pattern =
            compiled.map_err(|source| InvalidPolicy::Pattern { pattern: pattern.to_owned(), source })?;
        Ok(Self { pattern, extract: extract.to_owned() })
    }

    /// The values of the tags that match, each with its tag, in the order of the tags.
    pub fn apply<'t>(&self, tags: &'t [String]) -> Vec<(String, &'t str)> {
        tags.iter()
            .filter_map(|tag| {
                let value = if self.extract.is_empty() {
                    self.pattern.is_match(tag.as_bytes()).then(|| tag.clone())?
                } else {
                    let value = self.pattern.expand_first(tag.as_bytes(), self.extract.as_bytes())?;
                    String::from_utf8(value).ok()?
                };
                Some((value, tag.as_str()))
            })
            .collect()
    }
}
