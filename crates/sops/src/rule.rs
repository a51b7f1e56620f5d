//! Which values of a file are encrypted.

use regex::Regex;

/// Which values are encrypted. A file has one rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// All but those below a key that ends so.
    UnencryptedSuffix(String),
    /// Those below a key that ends so.
    EncryptedSuffix(String),
    /// All but those below a key that matches.
    UnencryptedRegex(Regex),
    /// Those below a key that matches.
    EncryptedRegex(Regex),
    /// All but those behind a comment that matches.
    UnencryptedCommentRegex(Regex),
    /// Those behind a comment that matches.
    EncryptedCommentRegex(Regex),
}

impl Default for Rule {
    fn default() -> Self {
        Self::UnencryptedSuffix("_unencrypted".to_owned())
    }
}

impl Rule {
    /// Whether the value at that path is encrypted. `comments` holds, for each collection on the way down, the comments
    /// since its last value; `is_comment` says that the value is a comment itself, the last one of them.
    pub(crate) fn covers(&self, path: &[&str], comments: &[Vec<String>], is_comment: bool) -> bool {
        let ends = |suffix: &str| !suffix.is_empty() && path.iter().any(|key| key.ends_with(suffix));
        let matches = |regex: &Regex| path.iter().any(|key| regex.is_match(key));
        match self {
            Self::UnencryptedSuffix(suffix) => !ends(suffix),
            Self::EncryptedSuffix(suffix) => ends(suffix),
            Self::UnencryptedRegex(regex) => !matches(regex),
            Self::EncryptedRegex(regex) => matches(regex),
            Self::UnencryptedCommentRegex(regex) => !comments.iter().flatten().any(|c| regex.is_match(c)),
            Self::EncryptedCommentRegex(regex) => {
                // The comment that switches encryption on is itself plain.
                let all = comments.iter().map(Vec::len).sum::<usize>();
                let own = usize::from(is_comment && comments.last().is_some_and(|last| !last.is_empty()));
                comments.iter().flatten().take(all - own).any(|c| regex.is_match(c))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_comments_decide() {
        let suffix = Rule::default();
        assert!(suffix.covers(&["a", "b"], &[], false));
        assert!(!suffix.covers(&["a_unencrypted", "b"], &[], false));
        let regex = Rule::EncryptedRegex(Regex::new("^(data|stringData)$").unwrap());
        assert!(regex.covers(&["data", "key"], &[], false));
        assert!(!regex.covers(&["metadata", "name"], &[], false));
        let comment = Rule::EncryptedCommentRegex(Regex::new("sops:enc").unwrap());
        let stack = [vec![], vec![" sops:enc".to_owned()]];
        assert!(comment.covers(&["a"], &stack, false));
        assert!(!comment.covers(&["a"], &stack, true));
        let comment = Rule::UnencryptedCommentRegex(Regex::new("plain").unwrap());
        assert!(!comment.covers(&["a"], &[vec!["plain".to_owned()], vec![]], false));
    }
}
