//! The natural order of keys: `a2` before `a10`, anything else before letters.

use std::cmp::Ordering;

use crate::resolve::Version;

/// How Go's YAML encoders order two keys.
pub(super) fn compare(a: &str, b: &str, version: Version) -> Ordering {
    let mut split = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !a.is_char_boundary(split) {
        split -= 1;
    }
    let (Some((prefix, a_rest)), Some((_, b_rest))) = (a.split_at_checked(split), b.split_at_checked(split))
    else {
        return a.cmp(b);
    };
    let (Some(x), Some(y)) = (a_rest.chars().next(), b_rest.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        // Version 3 has it the other way round behind a digit.
        (true, false) | (false, true) => {
            let after_digit = version == Version::V3 && prefix.ends_with(|c: char| c.is_ascii_digit());
            return if after_digit {
                y.is_alphabetic().cmp(&x.is_alphabetic())
            } else {
                x.is_alphabetic().cmp(&y.is_alphabetic())
            };
        }
        (false, false) => {}
    }
    // A zero behind other digits counts by its place: `10` and `1-` differ in it.
    let run = prefix.bytes().rev().take_while(u8::is_ascii_digit);
    let start = i64::from((x == '0' || y == '0') && run.into_iter().any(|digit| digit != b'0'));
    let (a_value, a_digits) = digits(a_rest, start);
    let (b_value, b_digits) = digits(b_rest, start);
    a_value.cmp(&b_value).then(a_digits.cmp(&b_digits)).then(x.cmp(&y))
}

/// The value of the leading digits behind `start`, and their number. Wraps, as Go's does.
fn digits(text: &str, start: i64) -> (i64, usize) {
    let mut value = start;
    let mut count = 0;
    for digit in text.bytes().take_while(u8::is_ascii_digit) {
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
        count += 1;
    }
    (value, count)
}

/// Sorts by [`compare`]. That is no total order (`v10` < `v1alpha1` < `v2` < `v10`), which the standard sort may
/// answer with a panic: hence this merge sort. Go's result for such keys changes from run to run.
pub(super) fn sort<T>(items: Vec<T>, version: Version, key: impl Fn(&T) -> &str + Copy) -> Vec<T> {
    if items.is_sorted_by(|a, b| compare(key(a), key(b), version) != Ordering::Greater) {
        return items;
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let mut left = sort(left, version, key).into_iter().peekable();
    let mut right = sort(right, version, key).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if compare(key(b), key(a), version) == Ordering::Less => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some(item) => merged.push(item),
            None => return merged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value_and_letters_come_last() {
        let sorted = ["-", "1", "2", "10", "A", "B", "a", "a-b", "a1", "a01", "a2", "a10", "aB", "ab", "b"];
        let mut shuffled: Vec<&str> = sorted.to_vec();
        shuffled.reverse();
        shuffled.swap(2, 9);
        assert_eq!(sort(shuffled, Version::V2, |key| key), sorted);
    }

    #[test]
    fn keys_beyond_64_bits_do_not_panic() {
        let keys: Vec<String> =
            (0..200).map(|n| format!("{}{}", "9".repeat(n % 40), n * 7919 % 13)).collect();
        assert_eq!(sort(keys, Version::V2, |key| key).len(), 200);
    }
}
