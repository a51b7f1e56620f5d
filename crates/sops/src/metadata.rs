//! What an encrypted file says about itself.

use std::collections::BTreeMap;

use regex::Regex;

use crate::keys::{KeyGroup, MasterKey, Recipient};
use crate::rule::Rule;
use crate::tree::{Entry, Item, Value, get};

/// The key below which the metadata stand.
pub(crate) const KEY: &str = "sops";

/// How many keys one file may name.
const MAX_KEYS: usize = 1000;

/// What an encrypted file says about itself.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Which values are encrypted.
    pub rule: Rule,
    /// Who can decrypt the data key: one group, or several that each hold a part of it.
    pub groups: Vec<KeyGroup>,
    /// How many groups must succeed, if there are several.
    pub threshold: usize,
    /// The release of SOPS that wrote the file.
    pub version: String,
}

impl Metadata {
    /// All who can decrypt the data key, or a part of it.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.groups.iter().flat_map(|group| &group.0).map(|key| &key.recipient)
    }

    /// Reads the mapping below the key `sops`.
    pub(crate) fn read(entries: &[Entry]) -> Result<Self, String> {
        let number = |name: &str| match get(entries, name) {
            Some(Value::Int(number)) => usize::try_from(*number).unwrap_or(0),
            Some(Value::Text(text)) => text.parse().unwrap_or(0),
            _ => 0,
        };
        let mut groups = vec![group(entries)?];
        if groups.iter().all(|group| group.0.is_empty()) {
            groups = list(entries, "key_groups").map(group).collect::<Result<_, _>>()?;
        }
        if groups.iter().all(|group| group.0.is_empty()) {
            return Err("No keys found in file".to_owned());
        }
        let keys = groups.iter().map(|group| group.0.len()).sum::<usize>();
        if keys > MAX_KEYS {
            return Err(format!("{keys} keys: at most {MAX_KEYS} are read"));
        }
        Ok(Self {
            rule: rule(entries)?,
            threshold: if groups.len() > 1 { number("shamir_threshold") } else { 0 },
            groups,
            version: text(entries, "version"),
        })
    }
}

fn rule(entries: &[Entry]) -> Result<Rule, String> {
    let regex = |name: &str, pattern: String| {
        Regex::new(&pattern).map_err(|_| format!("{name}: '{pattern}' is not a regular expression"))
    };
    let mut rules = Vec::new();
    for name in [
        "unencrypted_suffix",
        "encrypted_suffix",
        "unencrypted_regex",
        "encrypted_regex",
        "unencrypted_comment_regex",
        "encrypted_comment_regex",
    ] {
        let pattern = text(entries, name);
        if pattern.is_empty() {
            continue;
        }
        rules.push(match name {
            "unencrypted_suffix" => Rule::UnencryptedSuffix(pattern),
            "encrypted_suffix" => Rule::EncryptedSuffix(pattern),
            "unencrypted_regex" => Rule::UnencryptedRegex(regex(name, pattern)?),
            "encrypted_regex" => Rule::EncryptedRegex(regex(name, pattern)?),
            "unencrypted_comment_regex" => Rule::UnencryptedCommentRegex(regex(name, pattern)?),
            _ => Rule::EncryptedCommentRegex(regex(name, pattern)?),
        });
    }
    if rules.len() > 1 {
        return Err("Cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex in the same file".to_owned());
    }
    Ok(rules.pop().unwrap_or_default())
}

/// The keys of a group, in the order in which SOPS collects them.
fn group(entries: &[Entry]) -> Result<KeyGroup, String> {
    let mut keys = Vec::new();
    for (service, read) in SERVICES {
        for key in list(entries, service) {
            keys.push(MasterKey { recipient: read(key)?, encrypted: text(key, "enc") });
        }
    }
    Ok(KeyGroup(keys))
}

type Read = fn(&[Entry]) -> Result<Recipient, String>;

const SERVICES: [(&str, Read); 7] = [
    ("kms", |key| {
        let some = |name: &str| Some(text(key, name)).filter(|text| !text.is_empty());
        let context = match get(key, "context") {
            Some(Value::Map(pairs)) => pairs_of(pairs),
            _ => BTreeMap::new(),
        };
        Ok(Recipient::AwsKms {
            arn: text(key, "arn"),
            role: some("role"),
            context,
            profile: some("aws_profile"),
        })
    }),
    ("gcp_kms", |key| Ok(Recipient::GcpKms(text(key, "resource_id")))),
    ("hckms", |key| Ok(Recipient::Other { service: "hckms", key: text(key, "key_id") })),
    ("azure_kv", |key| {
        Ok(Recipient::AzureKeyVault {
            url: text(key, "vault_url"),
            name: text(key, "name"),
            version: text(key, "version"),
        })
    }),
    ("hc_vault", |key| {
        Ok(Recipient::Vault {
            address: text(key, "vault_address"),
            engine: text(key, "engine_path"),
            key: text(key, "key_name"),
        })
    }),
    ("pgp", |key| Ok(Recipient::Pgp(text(key, "fp")))),
    ("age", |key| Ok(Recipient::Age(text(key, "recipient")))),
];

/// The mappings of a list.
fn list<'t>(entries: &'t [Entry], name: &str) -> impl Iterator<Item = &'t [Entry]> {
    let items = match get(entries, name) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match item {
        Item::Value(Value::Map(entries)) => Some(entries.as_slice()),
        _ => None,
    })
}

fn pairs_of(entries: &[Entry]) -> BTreeMap<String, String> {
    let pair = |entry: &Entry| match entry {
        Entry::Pair(key, Value::Text(value)) => Some((key.clone(), value.clone())),
        _ => None,
    };
    entries.iter().filter_map(pair).collect()
}

fn text(entries: &[Entry], name: &str) -> String {
    match get(entries, name) {
        Some(Value::Text(text) | Value::Time(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        _ => String::new(),
    }
}
