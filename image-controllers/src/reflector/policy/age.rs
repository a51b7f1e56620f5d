//! Tags that are taken only after they have been known for a while (`spec.policy.minAge`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sluice_apis::meta::format_duration;
use sluice_image::policy::NoneSelected;

use super::super::store::Seen;
use super::choose::Choice;

/// How old tags must be.
pub(super) struct MinAge {
    pub(super) age: Duration,
    pub(super) seen: Seen,
    pub(super) now: Timestamp,
    /// The tag that is selected already: it counts whatever its age, so that lost times take nothing back.
    pub(super) selected: Option<String>,
}

/// A selected tag, and what may come after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) tag: String,
    pub(super) next: Option<Next>,
}

/// A tag that is too young.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// What would be selected if all tags were old enough, if anything.
    pub(super) tag: Option<String>,
    /// When the first of those that are too young is old enough.
    pub(super) at: Timestamp,
}

/// Why no tag was selected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoneOldEnough {
    /// For another reason than age.
    Other(NoneSelected),
    /// There will be one.
    Young(Next),
}

impl From<NoneSelected> for NoneOldEnough {
    fn from(error: NoneSelected) -> Self {
        Self::Other(error)
    }
}

impl MinAge {
    /// Selects among the tags that are old enough.
    pub(super) fn select(&self, choice: &Choice, tags: &[String]) -> Result<Selected, NoneOldEnough> {
        let mut old = Vec::new();
        let mut first: Option<Timestamp> = None;
        for tag in tags {
            let ripe = self.ripe(tag);
            if ripe <= self.now || self.selected.as_ref() == Some(tag) {
                old.push(tag.clone());
            } else {
                first = Some(first.map_or(ripe, |first| first.min(ripe)));
            }
        }
        let Some(at) = first else {
            return Ok(Selected { tag: choice.latest(tags)?, next: None });
        };
        match (choice.latest(&old), choice.latest(tags)) {
            // None of those that are too young would be selected.
            (Ok(tag), Ok(best)) if best == tag => Ok(Selected { tag, next: None }),
            (Ok(tag), best) => Ok(Selected { tag, next: Some(Next { tag: best.ok(), at }) }),
            (Err(_), Ok(best)) => Err(NoneOldEnough::Young(Next { tag: Some(best), at })),
            (Err(_), Err(error)) => Err(error.into()),
        }
    }

    /// When a tag is old enough. A clock that was set back does not put it off by more than the age.
    fn ripe(&self, tag: &str) -> Timestamp {
        let seen = self.seen.of(tag).min(self.now);
        let age = SignedDuration::try_from(self.age).unwrap_or(SignedDuration::MAX);
        seen.checked_add(age).unwrap_or(Timestamp::MAX)
    }

    /// What people are told of a tag that is too young.
    pub(super) fn describe(&self, next: &Next) -> Option<String> {
        let tag = next.tag.as_ref()?;
        let at = Timestamp::from_second(self.ripe(tag).as_second()).unwrap_or(next.at);
        Some(format!(
            "{tag} is taken when it has been known for {}, at {at} or later",
            format_duration(self.age)
        ))
    }
}

impl Next {
    /// The time until then.
    pub(super) fn after(&self, now: Timestamp) -> Duration {
        // Not a moment too early: times are compared in milliseconds.
        let rest = Duration::try_from(self.at.duration_since(now)).unwrap_or_default();
        rest.max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::{ImagePolicyChoice, ImagePolicySpec, SemverPolicy};

    use super::*;

    fn choice(range: &str) -> Choice {
        let semver = Some(SemverPolicy { range: range.to_owned() });
        let policy = ImagePolicyChoice { semver, ..ImagePolicyChoice::default() };
        Choice::of(&ImagePolicySpec { policy, ..ImagePolicySpec::default() }).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Tags that are first seen when the seconds say so, and must be 100 s old at second 1,000.
    fn rule(tags: &[(&str, i64)], selected: Option<&str>) -> (MinAge, Vec<String>) {
        let mut list: Vec<String> = tags.iter().map(|(tag, _)| (*tag).to_owned()).collect();
        list.sort_unstable_by(|a, b| b.cmp(a));
        let lines = tags.iter().map(|(tag, second)| format!("{} {tag}\n", second * 1000));
        let text: String = std::iter::once("0\n".to_owned()).chain(lines).collect();
        let rule = MinAge {
            age: Duration::from_secs(100),
            seen: Seen::parse(&text).unwrap(),
            now: at(1000),
            selected: selected.map(str::to_owned),
        };
        (rule, list)
    }

    fn select(range: &str, tags: &[(&str, i64)], selected: Option<&str>) -> Result<Selected, NoneOldEnough> {
        let (rule, list) = rule(tags, selected);
        rule.select(&choice(range), &list)
    }

    #[allow(clippy::unnecessary_wraps, reason = "what selections give")]
    fn is(tag: &str, next: Option<(&str, i64)>) -> Result<Selected, NoneOldEnough> {
        let next = next.map(|(tag, second)| Next { tag: Some(tag.to_owned()), at: at(second) });
        Ok(Selected { tag: tag.to_owned(), next })
    }

    #[test]
    fn a_tag_is_taken_when_it_is_old_enough() {
        assert_eq!(select("1.x", &[("1.0.0", 10), ("1.1.0", 901)], None), is("1.0.0", Some(("1.1.0", 1001))));
        assert_eq!(select("1.x", &[("1.0.0", 10), ("1.1.0", 900)], None), is("1.1.0", None));
        // The first that changes anything is awaited, even if it is not the last.
        let three = [("1.0.0", 10), ("1.1.0", 950), ("1.2.0", 990)];
        assert_eq!(select("1.x", &three, None), is("1.0.0", Some(("1.2.0", 1050))));
        // What the policy would not take is not waited for.
        assert_eq!(select("1.x", &[("1.0.0", 10), ("2.0.0", 990)], None), is("1.0.0", None));
    }

    #[test]
    fn what_is_selected_stays() {
        assert_eq!(
            select("1.x", &[("1.0.0", 990), ("1.1.0", 990)], Some("1.0.0")),
            is("1.0.0", Some(("1.1.0", 1090)))
        );
    }

    #[test]
    fn none_is_old_enough() {
        let young = Next { tag: Some("1.0.0".to_owned()), at: at(1090) };
        assert_eq!(select("1.x", &[("1.0.0", 990)], None), Err(NoneOldEnough::Young(young)));
        // A clock that was set back counts as no age, not as less.
        let young = Next { tag: Some("1.0.0".to_owned()), at: at(1100) };
        assert_eq!(select("1.x", &[("1.0.0", 5000)], None), Err(NoneOldEnough::Young(young)));
        assert_eq!(select("3.x", &[("1.0.0", 990)], None), Err(NoneOldEnough::Other(NoneSelected::NoMatch)));
    }

    #[test]
    fn people_are_told_when() {
        let (rule, list) = rule(&[("1.0.0", 10), ("1.1.0", 950)], None);
        let next = rule.select(&choice("1.x"), &list).unwrap().next.unwrap();
        assert_eq!(
            rule.describe(&next).unwrap(),
            "1.1.0 is taken when it has been known for 1m40s, at 1970-01-01T00:17:30Z or later"
        );
        assert_eq!(next.after(rule.now), Duration::from_secs(50));
    }
}
