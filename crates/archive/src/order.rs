//! The order of entries in an archive.

use std::cmp::Ordering;

/// Compares two slash-separated paths in the order of a lexical walk: a directory comes before its
/// content, and its whole content before the next sibling. This differs from comparing the paths as
/// text (`a/b` < `a.txt` here) and from git's order of tree entries.
pub fn walk_order(a: &[u8], b: &[u8]) -> Ordering {
    a.split(|c| *c == b'/').cmp(b.split(|c| *c == b'/'))
}
