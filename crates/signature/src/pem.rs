//! Textual encoding of keys and certificates (RFC 7468).

use crate::{Error, base64};

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What it is, such as `PUBLIC KEY`.
    pub(crate) label: String,
    /// Its content.
    pub(crate) data: Vec<u8>,
}

/// All blocks of a text; what is between them is passed over.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, Error> {
    const BEGIN: &str = "-----BEGIN ";
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let broken = || Error::new("a PEM block has no end");
        let (label, after) = after.split_once("-----").ok_or_else(broken)?;
        let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or_else(broken)?;
        let body: String = body.split_whitespace().collect();
        blocks.push(Block { label: label.to_owned(), data: base64(&body, "a PEM block")? });
        rest = after;
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = "# a\n-----BEGIN A-----\nYWJj\nZGVm\n-----END A-----\nx\n-----BEGIN B C-----\n-----END B C-----\n";
        let found = blocks(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label.as_str(), found[0].data.as_slice()), ("A", &b"abcdef"[..]));
        assert_eq!((found[1].label.as_str(), found[1].data.len()), ("B C", 0));
        assert!(blocks("-----BEGIN A-----\nYWJj\n").is_err());
        assert!(blocks("-----BEGIN A-----\n*\n-----END A-----\n").is_err());
    }
}
