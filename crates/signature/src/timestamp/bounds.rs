//! Bounds of DER that strangers wrote, looked at before it is decoded.
//!
//! The elements of a `SET OF` are sorted while they are decoded, in a time that grows with the square of their count.

use super::bad;
use crate::Error;

/// Most elements of a set.
const MAX_ELEMENTS: usize = 64;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// Whether a set may stand behind a tag: one that says so, or one of a field that replaces the tag.
fn may_be_set(tag: u8) -> bool {
    tag == 0x31 || tag & 0xe0 == 0xa0
}

/// Checks that no set has too many elements.
pub(super) fn check(der: &[u8]) -> Result<(), Error> {
    elements(der, 0).map(|_| ())
}

/// Looks at all elements; how many there are.
fn elements(mut der: &[u8], depth: usize) -> Result<usize, Error> {
    if depth > MAX_DEPTH {
        return Err(bad(format!("it is nested more than {MAX_DEPTH} deep")));
    }
    let mut count = 0;
    while !der.is_empty() {
        let Element { tag, content, rest } = split(der)?;
        count += 1;
        if tag & 0x20 != 0 {
            let inside = elements(content, depth + 1)?;
            if may_be_set(tag) && inside > MAX_ELEMENTS {
                return Err(bad(format!("it has a set of more than {MAX_ELEMENTS} elements")));
            }
        }
        der = rest;
    }
    Ok(count)
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    /// What follows it.
    rest: &'a [u8],
}

/// The first element.
fn split(der: &[u8]) -> Result<Element<'_>, Error> {
    let not_der = || bad("it is not DER");
    let (&tag, rest) = der.split_first().ok_or_else(not_der)?;
    let (&length, rest) = rest.split_first().ok_or_else(not_der)?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // Open lengths are BER. Lengths of more than three bytes would not fit in here.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f)).ok_or_else(not_der)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return Err(not_der()),
    };
    // Tags of more than one byte stand in nothing that we read.
    if tag & 0x1f == 0x1f {
        return Err(not_der());
    }
    let (content, rest) = rest.split_at_checked(length).ok_or_else(not_der)?;
    Ok(Element { tag, content, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(der: &[u8]) -> String {
        check(der).unwrap_err().to_string()
    }

    #[test]
    fn sets_are_bounded_and_sequences_are_not() {
        let of = |tag: u8, count: usize| {
            let content = [0x05, 0x00].repeat(count);
            [&[tag, 0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes(), &content].concat()
        };
        for tag in [0x31, 0xa0, 0xa1] {
            assert!(check(&of(tag, MAX_ELEMENTS)).is_ok());
            assert!(error(&of(tag, MAX_ELEMENTS + 1)).contains("a set of more than 64"));
        }
        assert!(check(&of(0x30, 1000)).is_ok());
        // What is primitive is not looked into.
        assert!(check(&of(0x04, 1000)).is_ok());
    }

    #[test]
    fn what_is_no_der_is_told() {
        let deep =
            (0..40).fold(Vec::new(), |inner: Vec<u8>, _| [&[0x30, inner.len() as u8][..], &inner].concat());
        assert!(error(&deep).contains("nested more than 32"));
        for der in [
            &[0x30][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 1],
            &[0x30, 0x82, 1],
            &[0x3f, 0x81, 0, 0],
            &[0x30, 0x84],
        ] {
            assert!(error(der).contains("it is not DER"), "{der:?}");
        }
        assert!(check(&[]).is_ok());
    }
}
