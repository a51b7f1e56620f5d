//! What the operators behind a name do to its value.

use super::glob;

/// What stands behind the name in `${name…}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// Nothing: the value as it is. Also for two different casing marks (`,^`).
    Value,
    /// Any of the default operators.
    Default,
    /// `#` before the name.
    Length,
    /// `,`
    LowerFirst,
    /// `,,`
    Lower,
    /// `^`
    UpperFirst,
    /// `^^`
    Upper,
    /// `:off` and `:off:len`
    Slice,
    /// `#`
    TrimShortestPrefix,
    /// `##`
    TrimLongestPrefix,
    /// `%`
    TrimShortestSuffix,
    /// `%%`
    TrimLongestSuffix,
    /// `/`
    ReplaceFirst,
    /// `//`
    ReplaceAll,
    /// `/#`
    ReplacePrefix,
    /// `/%`
    ReplaceSuffix,
}

impl Operator {
    /// The result for `value`; `None` where a slice is not valid UTF-8.
    pub(super) fn apply(self, value: &str, arguments: &[String]) -> Option<String> {
        let argument = |n: usize| arguments.get(n).map_or("", String::as_str);
        Some(match self {
            Self::Value => value.to_owned(),
            Self::Default if value.is_empty() => arguments.concat(),
            Self::Default => value.to_owned(),
            Self::Length => value.len().to_string(),
            Self::Lower => value.to_lowercase(),
            Self::Upper => value.to_uppercase(),
            Self::LowerFirst => map_first(value, |c| c.to_lowercase().collect()),
            Self::UpperFirst => map_first(value, |c| c.to_uppercase().collect()),
            Self::Slice => return slice(value, argument(0), arguments.get(1).map(String::as_str)),
            Self::TrimShortestPrefix => glob::trim_shortest_prefix(value, argument(0)),
            Self::TrimLongestPrefix => glob::trim_longest_prefix(value, argument(0)),
            Self::TrimShortestSuffix => {
                reverse(&glob::trim_shortest_prefix(&reverse(value), &reverse(argument(0))))
            }
            Self::TrimLongestSuffix => {
                reverse(&glob::trim_longest_prefix(&reverse(value), &reverse(argument(0))))
            }
            Self::ReplaceFirst => value.replacen(argument(0), argument(1), 1),
            Self::ReplaceAll => value.replace(argument(0), argument(1)),
            // Without a replacement (`${v/#a/}`) these two leave the value alone.
            Self::ReplacePrefix if arguments.len() == 2 => match value.strip_prefix(argument(0)) {
                Some(rest) => format!("{}{rest}", argument(1)),
                None => value.to_owned(),
            },
            Self::ReplaceSuffix if arguments.len() == 2 => match value.strip_suffix(argument(0)) {
                Some(rest) => format!("{rest}{}", argument(1)),
                None => value.to_owned(),
            },
            Self::ReplacePrefix | Self::ReplaceSuffix => value.to_owned(),
        })
    }
}

fn map_first(value: &str, f: impl Fn(char) -> String) -> String {
    let mut chars = value.chars();
    match chars.next() {
        Some(first) => f(first) + chars.as_str(),
        None => String::new(),
    }
}

/// A slice by byte offset and length. A number that can't be read leaves the value whole.
fn slice(value: &str, offset: &str, length: Option<&str>) -> Option<String> {
    let size = value.len() as i64;
    let Ok(offset) = offset.parse::<i64>() else { return Some(value.to_owned()) };
    let start = if offset < 0 { size.saturating_add(offset).max(0) } else { offset.min(size) };
    let end = match length.map(str::parse::<i64>) {
        None => size,
        Some(Err(_)) => return Some(value.to_owned()),
        Some(Ok(length)) if length < 0 => size.saturating_add(length),
        Some(Ok(length)) => start.saturating_add(length).min(size),
    };
    if end <= start {
        return Some(String::new());
    }
    value.get(start as usize..end as usize).map(ToOwned::to_owned)
}

fn reverse(s: &str) -> String {
    s.chars().rev().collect()
}
