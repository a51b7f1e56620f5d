//! The latest of a list of tags.

mod filter;

pub use filter::Filter;

use sluice_goregex::RegexError;
use sluice_semver::{Constraints, Version};

/// How tags are ordered.
#[derive(Clone, Debug)]
pub enum Policy {
    /// The highest version in a range.
    Semver(Constraints),
    /// The greatest by bytes (`Ascending`), or the smallest.
    Alphabetical(Order),
    /// The greatest number (`Ascending`), or the smallest.
    Numerical(Order),
}

/// Which end of the ordered list is the latest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last in ascending order.
    #[default]
    Ascending,
    /// The last in descending order.
    Descending,
}

impl Order {
    /// Whether `candidate` comes after `latest`.
    fn after<T: PartialOrd>(self, latest: &T, candidate: &T) -> bool {
        match self {
            Self::Ascending => latest < candidate,
            Self::Descending => latest > candidate,
        }
    }
}

/// Why a policy can't be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// The range is none.
    #[error("invalid range '{range}' of the semver policy: {reason}")]
    Range {
        /// The text.
        range: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The pattern of the filter is none.
    #[error("invalid regular expression pattern '{pattern}': {source}")]
    Pattern {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        source: RegexError,
    },
}

/// Why no tag was selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoneSelected {
    /// The filter left nothing.
    #[error("version list argument cannot be empty")]
    Empty,
    /// No tag is a version of the range.
    #[error("unable to determine latest version from provided list")]
    NoMatch,
    /// A tag that the filter left is no number.
    #[error("failed to parse invalid numeric value '{0}'")]
    NotNumeric(String),
}

impl Policy {
    /// A policy by version. The empty range is an error: `*` means any release.
    pub fn semver(range: &str) -> Result<Self, InvalidPolicy> {
        let invalid = |reason: String| InvalidPolicy::Range { range: range.to_owned(), reason };
        if range.is_empty() {
            return Err(invalid("it is empty; '*' takes any release".to_owned()));
        }
        Constraints::parse(range).map(Self::Semver).map_err(|error| invalid(error.to_string()))
    }

    /// The latest of these values; of equal ones the first, but of equal numbers the last.
    pub fn latest<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> Result<&'v str, NoneSelected> {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Err(NoneSelected::Empty);
        }
        match self {
            Self::Semver(range) => last(
                values.filter_map(|value| {
                    let version = Version::parse_tag(value).ok()?;
                    range.matches(&version).then_some((version, value))
                }),
                Order::Ascending,
            )
            .ok_or(NoneSelected::NoMatch),
            Self::Alphabetical(order) => {
                last(values.map(|value| (value, value)), *order).ok_or(NoneSelected::Empty)
            }
            Self::Numerical(order) => {
                let numbers = values.map(|value| match sluice_gotmpl::sprig::parse_float(value.as_bytes()) {
                    Some(number) => Ok((number, value)),
                    None => Err(NoneSelected::NotNumeric(value.to_owned())),
                });
                let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
                last_number(&numbers, *order).ok_or(NoneSelected::Empty)
            }
        }
    }

    /// The latest of these tags by what the filter makes of them.
    pub fn latest_tag(&self, tags: &[String], filter: Option<&Filter>) -> Result<String, NoneSelected> {
        let Some(filter) = filter else {
            return self.latest(tags.iter().map(String::as_str)).map(ToOwned::to_owned);
        };
        let values = filter.apply(tags);
        let latest = self.latest(values.iter().map(|(value, _)| value.as_str()))?;
        // Of tags with the same value the last one counts, as in the Go controller.
        let tag = values.iter().rev().find(|(value, _)| value == latest);
        tag.map(|(_, tag)| (*tag).to_owned()).ok_or(NoneSelected::NoMatch)
    }
}

/// The value whose key comes last in an order; of equal ones the first.
fn last<'v, K: PartialOrd>(keyed: impl Iterator<Item = (K, &'v str)>, order: Order) -> Option<&'v str> {
    let mut latest: Option<(K, &str)> = None;
    for (key, value) in keyed {
        if latest.as_ref().is_none_or(|(best, _)| order.after(best, &key)) {
            latest = Some((key, value));
        }
    }
    latest.map(|(_, value)| value)
}

/// The number that comes last in an order, as the Go controller goes through them: of equal ones the last, and one that
/// is not a number is neither before nor after another.
fn last_number<'v>(numbers: &[(f64, &'v str)], order: Order) -> Option<&'v str> {
    let mut latest: Option<(f64, &str)> = None;
    for &(number, value) in numbers {
        let is_before = latest.is_some_and(|(best, _)| match order {
            Order::Ascending => number < best,
            Order::Descending => number > best,
        });
        if !is_before {
            latest = Some((number, value));
        }
    }
    latest.map(|(_, value)| value)
}
