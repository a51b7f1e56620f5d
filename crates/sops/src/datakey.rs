//! The key that encrypts a file's values, and how it is recovered.

use std::fmt;
use std::future::Future;

use zeroize::Zeroizing;

use crate::keys::{KeyGroup, MasterKey};
use crate::metadata::Metadata;
use crate::shamir;

/// The key that encrypts a file's values. It is wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct DataKey(Zeroizing<Vec<u8>>);

impl DataKey {
    /// A key of 32 bytes; `None` for any other length.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        (bytes.len() == 32).then_some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Whatever holds private keys or knows a service that does.
pub trait KeyService {
    /// Decrypts what one key encrypted; the error says why not, in one sentence without any secret.
    fn decrypt(&self, key: &MasterKey) -> impl Future<Output = Result<Vec<u8>, String>> + Send;

    /// The private keys and credentials there are, described for messages.
    fn known(&self) -> Vec<String>;
}

impl Metadata {
    /// Recovers the data key: one key of the group has to succeed, or one of each of as many groups as the threshold asks
    /// for.
    pub async fn data_key(&self, service: &impl KeyService) -> Result<DataKey, DataKeyError> {
        let mut parts = Vec::new();
        let mut groups = Vec::new();
        for group in &self.groups {
            let outcome = decrypt_group(group, service).await;
            groups.push(match outcome {
                Ok(part) => {
                    parts.push(part);
                    GroupOutcome::Recovered
                }
                Err(failures) => GroupOutcome::Failed(failures),
            });
        }
        let failed = |cause: Option<String>| DataKeyError {
            threshold: self.threshold,
            groups,
            recipients: self.recipients().map(ToString::to_string).collect(),
            known: service.known(),
            cause,
        };
        let bytes = if self.groups.len() > 1 {
            if parts.len() < self.threshold {
                return Err(failed(None));
            }
            match shamir::combine(&parts) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let text = format!("could not get data key from shamir parts: {error}");
                    return Err(failed(Some(text)));
                }
            }
        } else {
            match parts.pop() {
                Some(part) => part,
                None => return Err(failed(None)),
            }
        };
        let length = bytes.len();
        DataKey::new(bytes)
            .ok_or_else(|| failed(Some(format!("the data key has {length} bytes: 32 are needed"))))
    }
}

/// Tries the keys of a group until one succeeds.
async fn decrypt_group(group: &KeyGroup, service: &impl KeyService) -> Result<Vec<u8>, Vec<KeyFailure>> {
    let mut keys: Vec<&MasterKey> = group.0.iter().collect();
    keys.sort_by_key(|key| key.recipient.priority());
    let mut failures = Vec::new();
    for key in keys {
        match service.decrypt(key).await {
            Ok(part) => return Ok(part),
            Err(cause) => failures.push(KeyFailure { key: key.recipient.to_string(), cause }),
        }
    }
    Err(failures)
}

/// A key that did not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFailure {
    /// Whose key it is.
    pub key: String,
    /// Why it did not help.
    pub cause: String,
}

/// What became of a key group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// One of its keys decrypted its part.
    Recovered,
    /// None did.
    Failed(Vec<KeyFailure>),
}

/// Why there is no data key. The text is that of SOPS; [`DataKeyError::advice`] says what it leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyError {
    /// How many groups must succeed; 0 when there is but one.
    pub threshold: usize,
    /// What became of each group.
    pub groups: Vec<GroupOutcome>,
    /// Who can decrypt the file.
    pub recipients: Vec<String>,
    /// What was there to decrypt with.
    pub known: Vec<String>,
    /// What else is wrong, when the groups are not.
    pub cause: Option<String>,
}

impl std::error::Error for DataKeyError {}

impl DataKeyError {
    /// For whom the file is encrypted, what was tried, and what helps.
    pub fn advice(&self) -> String {
        let known = if self.known.is_empty() {
            "there are no keys to decrypt it with".to_owned()
        } else {
            format!("the keys tried are: {}", self.known.join(", "))
        };
        format!(
            "the file is encrypted for: {}; {known}; add the private key of one of these recipients to the decryption Secret, or encrypt the file for a key that is there (sops updatekeys)",
            self.recipients.join(", ")
        )
    }
}

impl fmt::Display for DataKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cause) = &self.cause {
            return f.write_str(cause);
        }
        f.write_str("Failed to get the data key required to decrypt the SOPS file.\n")?;
        for (index, group) in self.groups.iter().enumerate() {
            match group {
                GroupOutcome::Recovered => write!(f, "\nGroup {index}: SUCCESS\n")?,
                GroupOutcome::Failed(failures) => {
                    let keys: Vec<String> = failures.iter().map(describe).collect();
                    write!(f, "\nGroup {index}: FAILED\n{}\n", prefixed(&keys.join("\n\n"), "  "))?;
                }
            }
        }
        let recovered = self.groups.iter().filter(|group| **group == GroupOutcome::Recovered).count();
        let trailer = match self.threshold {
            0 => "Recovery failed because no master key was able to decrypt the file. In order for SOPS to recover the file, at least one key has to be successful, but none were.".to_owned(),
            threshold => format!(
                "Recovery failed because the file was encrypted with a Shamir threshold of {threshold}, but only {recovered} part(s) were successfully recovered, one for each successful key group. In order for SOPS to recover the file, at least {threshold} groups have to be successful. In order for a group to be successful, decryption has to succeed with any of the keys in that key group."
            ),
        };
        write!(f, "\n{}", wrapped(&trailer, 75))
    }
}

fn describe(failure: &KeyFailure) -> String {
    let cause = prefixed(&wrapped(&failure.cause, 60), "  | ").replacen("  |", "- |", 1);
    format!("{}: FAILED\n{}", failure.key, prefixed(&cause, "  "))
}

fn prefixed(text: &str, prefix: &str) -> String {
    text.split('\n').map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join("\n")
}

/// Breaks lines between words so that none is longer than the width, unless a word is.
fn wrapped(text: &str, width: usize) -> String {
    let wrap = |line: &str| {
        let (mut out, mut column) = (String::new(), 0);
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > width {
                out.push('\n');
                column = 0;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out
    };
    text.split('\n').map(wrap).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_sops() {
        let error = DataKeyError {
            threshold: 0,
            groups: vec![GroupOutcome::Failed(vec![KeyFailure {
                key: "age1xyz".to_owned(),
                cause: "failed to create reader for decrypting sops data key with age: identity did not match any of the recipients: incorrect identity for recipient block".to_owned(),
            }])],
            recipients: vec!["age1xyz".to_owned()],
            known: Vec::new(),
            cause: None,
        };
        let expected = "\
Failed to get the data key required to decrypt the SOPS file.

Group 0: FAILED
  age1xyz: FAILED
    - | failed to create reader for decrypting sops data key with
      | age: identity did not match any of the recipients: incorrect
      | identity for recipient block

Recovery failed because no master key was able to decrypt the file. In
order for SOPS to recover the file, at least one key has to be successful,
but none were.";
        assert_eq!(error.to_string(), expected);
        assert!(error.advice().starts_with("the file is encrypted for: age1xyz; there are no keys"));
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", DataKey::new(vec![65; 32])), "Some(DataKey(…))");
        assert!(DataKey::new(vec![0; 16]).is_none());
    }
}
