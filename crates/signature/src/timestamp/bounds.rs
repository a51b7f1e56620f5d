//! Bounds of what strangers wrote, looked at before it is decoded.
//!
//! The elements of a `SET OF` are sorted while they are decoded, in a time that grows with the square of their count.
//! Lengths may take more bytes than they need, which BER allows and DER does not.

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

/// Checks that no set has too many elements; the same with lengths as DER wants them.
pub(super) fn check(ber: &[u8]) -> Result<Vec<u8>, Error> {
    let mut der = Vec::with_capacity(ber.len());
    elements(ber, 0, &mut der)?;
    Ok(der)
}

/// Looks at all elements and writes them; how many there are.
fn elements(mut ber: &[u8], depth: usize, der: &mut Vec<u8>) -> Result<usize, Error> {
    if depth > MAX_DEPTH {
        return Err(bad(format!("it is nested more than {MAX_DEPTH} deep")));
    }
    let mut count = 0;
    while !ber.is_empty() {
        let Element { tag, content, rest } = split(ber)?;
        count += 1;
        if tag & 0x20 == 0 {
            write(tag, content, der);
        } else {
            let mut written = Vec::with_capacity(content.len());
            let inside = elements(content, depth + 1, &mut written)?;
            if may_be_set(tag) && inside > MAX_ELEMENTS {
                return Err(bad(format!("it has a set of more than {MAX_ELEMENTS} elements")));
            }
            write(tag, &written, der);
        }
        ber = rest;
    }
    Ok(count)
}

/// Writes an element with as short a length as can be.
fn write(tag: u8, content: &[u8], der: &mut Vec<u8>) {
    der.push(tag);
    let bytes = content.len().to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    match bytes.get(zeros..).unwrap_or_default() {
        [] => der.push(0),
        [length @ ..0x80] => der.push(*length),
        length => {
            // Eight at most.
            der.push(0x80 | length.len() as u8);
            der.extend_from_slice(length);
        }
    }
    der.extend_from_slice(content);
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
        // Lengths that are left open are in no token. More than four bytes would not fit in here.
        0x81..=0x84 => {
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
            &[0x30, 0x85, 0, 0, 0, 0, 0],
        ] {
            assert!(error(der).contains("it is not DER"), "{der:?}");
        }
        assert!(check(&[]).is_ok());
    }

    #[test]
    fn lengths_become_as_short_as_can_be() {
        let long = [&[0x30, 0x84, 0, 0, 0, 9][..], &[0x04, 0x81, 1, 7], &[0x31, 0x83, 0, 0, 0]].concat();
        assert_eq!(check(&long).unwrap(), [0x30, 5, 0x04, 1, 7, 0x31, 0]);
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000] {
            let mut der = Vec::new();
            write(0x04, &vec![1; length], &mut der);
            assert_eq!(check(&der).unwrap(), der, "{length}");
        }
    }
}
