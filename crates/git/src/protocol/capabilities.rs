//! What a remote says it can do.

/// Words such as `ofs-delta` or `object-format=sha1`.
#[derive(Debug, Default)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    /// Takes one word or line.
    pub fn add(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }

    /// Whether the word is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    }

    /// The text after `name=`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether the value of `name`, a list of words, has this word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.value(name).is_some_and(|value| value.split(' ').any(|candidate| candidate == word))
    }
}
