//! The tags of a repository: which count, their order, and the revision of the list.

use sluice_archive::Algorithm;
use sluice_goregex::{Regex, RegexError};

/// How many tags a status shows.
const SHOWN: usize = 10;

/// Drops the tags that match one of the patterns anywhere (RE2), and sorts the others by bytes, greatest first.
pub fn keep(mut tags: Vec<String>, excluded: &[String]) -> Result<Vec<String>, RegexError> {
    for pattern in excluded {
        let regex = Regex::new(pattern.as_bytes())?;
        tags.retain(|tag| !regex.is_match(tag.as_bytes()));
    }
    tags.sort_unstable_by(|a, b| b.cmp(a));
    tags.dedup();
    Ok(tags)
}

/// The first of the list, for people to see.
pub fn latest(tags: &[String]) -> Vec<String> {
    tags.iter().take(SHOWN).cloned().collect()
}

/// The revision of a sorted list: the Adler-32 checksum (RFC 1950) of its JSON, in decimal.
pub fn revision(tags: &[String]) -> String {
    let mut sum = Adler32::default();
    sum.add(b"[");
    for (index, tag) in tags.iter().enumerate() {
        if index > 0 {
            sum.add(b",");
        }
        sum.add(serde_json::Value::from(tag.as_str()).to_string().as_bytes());
    }
    sum.add(b"]");
    sum.value().to_string()
}

/// The revision of a sorted list that is kept as a file: the digest of its lines.
pub fn file_revision(tags: &[String]) -> String {
    let mut hasher = Algorithm::Sha256.hasher();
    for tag in tags {
        hasher.update(tag.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finish().to_string()
}

struct Adler32 {
    low: u32,
    high: u32,
}

impl Default for Adler32 {
    fn default() -> Self {
        Self { low: 1, high: 0 }
    }
}

impl Adler32 {
    const MODULUS: u32 = 65_521;

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.low = (self.low + u32::from(*byte)) % Self::MODULUS;
            self.high = (self.high + self.low) % Self::MODULUS;
        }
    }

    fn value(&self) -> u32 {
        self.high << 16 | self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn revisions_are_those_of_the_go_controller() {
        assert_eq!(revision(&[]), "18153657");
        assert_eq!(revision(&owned(&["1.0.0"])), "160432618");
        assert_eq!(revision(&owned(&["latest", "1.0.1", "1.0.0"])), "1611925061");
    }

    #[test]
    fn excluded_tags_go_and_the_rest_is_sorted() {
        let tags = owned(&["1.0.0", "latest", "sha256-aa.sig", "1.10.0", "1.2.0"]);
        assert_eq!(
            keep(tags.clone(), &owned(&[r"^.*\.sig$"])).unwrap(),
            ["latest", "1.2.0", "1.10.0", "1.0.0"]
        );
        assert_eq!(keep(tags.clone(), &owned(&["lat", r"\.0$"])).unwrap(), ["sha256-aa.sig"]);
        assert!(keep(tags, &owned(&["("])).is_err());
    }
}
