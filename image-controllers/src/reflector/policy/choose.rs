//! Which tag is the latest.

use sluice_apis::image::v1::{ImagePolicySpec, Order as OrderWord};
use sluice_image::policy::{Filter, InvalidPolicy, NoneSelected, Order, Policy};

/// What a policy asks for.
pub(super) struct Choice {
    policy: Policy,
    filter: Option<Filter>,
}

impl Choice {
    /// Reads a spec; the error says why it can never select anything.
    pub(super) fn of(spec: &ImagePolicySpec) -> Result<Self, String> {
        let choice = &spec.policy;
        let policy = if let Some(semver) = &choice.semver {
            Policy::semver(&semver.range).map_err(|error| match error {
                InvalidPolicy::Range { range, reason } => {
                    format!("invalid policy: {reason} (spec.policy.semver.range is '{range}')")
                }
                InvalidPolicy::Pattern { .. } => format!("invalid policy: {error}"),
            })?
        } else if let Some(alphabetical) = &choice.alphabetical {
            Policy::Alphabetical(order(&alphabetical.order)?)
        } else if let Some(numerical) = &choice.numerical {
            Policy::Numerical(order(&numerical.order)?)
        } else {
            return Err("invalid policy: given ImagePolicyChoice object is invalid".to_owned());
        };
        let filter = spec.filter_tags.as_ref().map(|filter| {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            Filter::new(&text(&filter.pattern), &text(&filter.extract))
                .map_err(|error| format!("failed to filter tags: {error}"))
        });
        Ok(Self { policy, filter: filter.transpose()? })
    }

    /// The latest of the tags, which are sorted greatest first.
    pub(super) fn latest(&self, tags: &[String]) -> Result<String, NoneSelected> {
        self.policy.latest_tag(tags, self.filter.as_ref())
    }
}

fn order(word: &OrderWord) -> Result<Order, String> {
    match word {
        OrderWord::Ascending => Ok(Order::Ascending),
        OrderWord::Descending => Ok(Order::Descending),
        OrderWord::Other(word) => Err(format!(
            "invalid policy: invalid order argument provided: '{word}', must be one of: asc, desc"
        )),
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::{ImagePolicyChoice, NumericalPolicy, SemverPolicy, TagFilter};

    use super::*;

    fn spec(policy: ImagePolicyChoice) -> ImagePolicySpec {
        ImagePolicySpec { policy, ..ImagePolicySpec::default() }
    }

    #[test]
    fn bad_policies_are_named() {
        let error = |spec: &ImagePolicySpec| Choice::of(spec).err().unwrap_or_default();
        assert!(error(&spec(ImagePolicyChoice::default())).ends_with("ImagePolicyChoice object is invalid"));
        let range = |range: &str| ImagePolicyChoice {
            semver: Some(SemverPolicy { range: range.to_owned() }),
            ..ImagePolicyChoice::default()
        };
        assert!(error(&spec(range("*&"))).starts_with("invalid policy: improper constraint: \"*&\""));
        let mut filtered = spec(range("1.x"));
        filtered.filter_tags = Some(TagFilter { pattern: Some("(".to_owned()), extract: None });
        let found = error(&filtered);
        assert!(
            found.starts_with("failed to filter tags: invalid regular expression pattern '('"),
            "{found}"
        );
    }

    #[test]
    fn the_tag_is_told_and_not_what_was_compared() {
        let numerical = Some(NumericalPolicy::default());
        let mut spec = spec(ImagePolicyChoice { numerical, ..ImagePolicyChoice::default() });
        spec.filter_tags = Some(TagFilter {
            pattern: Some("^main-[a-f0-9]+-(?P<ts>[0-9]+)".to_owned()),
            extract: Some("$ts".to_owned()),
        });
        let tags = ["main-ab-20", "main-cd-100", "other"].map(str::to_owned);
        assert_eq!(Choice::of(&spec).unwrap().latest(&tags).unwrap(), "main-cd-100");
    }
}
