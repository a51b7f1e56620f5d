//! From an encrypted file to a plain one.

use serde_json::Value as Json;

use crate::cipher::{self, Plain};
use crate::datakey::DataKey;
use crate::error::Error;
use crate::format::Format;
use crate::metadata::Metadata;
use crate::store;
use crate::tree::{Comment, Entry, Item, Value};

/// An encrypted file: one tree for each of its documents, and what it says about itself.
#[derive(Clone, Debug)]
pub struct Encrypted {
    format: Format,
    documents: Vec<Vec<Entry>>,
    metadata: Metadata,
}

impl Encrypted {
    /// Reads an encrypted file.
    pub fn parse(text: &[u8], format: Format) -> Result<Self, Error> {
        let load = |cause: String| Error::Load { format, cause };
        if text.len() > crate::MAX_FILE {
            let (size, limit) = (text.len(), crate::MAX_FILE);
            return Err(load(format!(
                "cannot decrypt file with size ({size} bytes) exceeding limit ({limit})"
            )));
        }
        let (documents, metadata) = store::load(text, format).map_err(load)?;
        let metadata = Metadata::read(&metadata).map_err(load)?;
        Ok(Self { format, documents, metadata })
    }

    /// Reads an encrypted object: one with metadata below the key `sops`.
    pub fn from_object(object: &Json) -> Result<Self, Error> {
        let load = |cause: String| Error::Load { format: Format::Json, cause };
        let (documents, metadata) = store::load_object(object).map_err(load)?;
        let metadata = Metadata::read(&metadata).map_err(load)?;
        Ok(Self { format: Format::Json, documents, metadata })
    }

    /// What the file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Decrypts the values and writes the file in a format, which may be another one.
    pub fn decrypt(self, key: &DataKey, format: Format) -> Result<Vec<u8>, Error> {
        let from = self.format;
        let documents = self.decrypted(key)?;
        store::emit(&documents, format).map_err(|cause| Error::Emit { from, to: format, cause })
    }

    fn decrypted(self, key: &DataKey) -> Result<Vec<Vec<Entry>>, Error> {
        let mut documents = self.documents;
        for entries in &mut documents {
            Walk { key, metadata: &self.metadata, path: Vec::new(), comments: Vec::new() }
                .entries(entries)?;
        }
        Ok(documents)
    }
}

/// Whether SOPS encrypted the object, as a whole or in part.
pub fn is_encrypted_object(object: &Json) -> bool {
    object["sops"].get("mac").is_some_and(|mac| !mac.is_null() && mac != "")
}

/// Decrypts an object; the key `sops` is taken out.
pub fn decrypt_object(encrypted: Encrypted, key: &DataKey) -> Result<Json, Error> {
    let documents = encrypted.decrypted(key)?;
    Ok(store::to_object(documents.first().map_or(&[][..], Vec::as_slice)))
}

/// A walk down a tree.
struct Walk<'a> {
    key: &'a DataKey,
    metadata: &'a Metadata,
    /// The keys above.
    path: Vec<String>,
    /// For each collection above, the comments since its last value.
    comments: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn entries(&mut self, entries: &mut [Entry]) -> Result<(), Error> {
        self.comments.push(Vec::new());
        for entry in entries {
            match entry {
                Entry::Comment(comment) => self.comment(comment),
                Entry::Pair(key, value) => {
                    self.path.push(key.clone());
                    if let Some(comment) = self.value(value)? {
                        *value = Value::Text(comment);
                    }
                    self.path.pop();
                    self.clear();
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn items(&mut self, items: &mut [Item]) -> Result<(), Error> {
        self.comments.push(Vec::new());
        for item in items {
            match item {
                Item::Comment(comment) => self.comment(comment),
                Item::Value(value) => {
                    // An encrypted comment stands in a list as a value.
                    if let Some(text) = self.value(value)? {
                        *item = Item::Comment(Comment { text, inline: false });
                    }
                    self.clear();
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    /// Decrypts a value; returns the text if it turns out to be a comment.
    fn value(&mut self, value: &mut Value) -> Result<Option<String>, Error> {
        match value {
            Value::Null => Ok(None),
            Value::Map(entries) => self.entries(entries).map(|()| None),
            Value::List(items) => self.items(items).map(|()| None),
            leaf => self.leaf(leaf),
        }
    }

    fn leaf(&self, value: &mut Value) -> Result<Option<String>, Error> {
        if !self.is_encrypted(false) {
            return Ok(None);
        }
        let fail = |cause: String| Error::Tree { path: self.path.join("."), cause };
        let Value::Text(text) = value else {
            return Err(fail(format!("Expected encrypted value as string, but got {}", value.kind())));
        };
        match cipher::decrypt(text, self.key, &self.context()) {
            Ok(Plain::Value(plain)) => *value = plain,
            Ok(Plain::Comment(plain)) => return Ok(Some(plain)),
            Err(error) => return Err(fail(error.to_string())),
        }
        Ok(None)
    }

    /// Decrypts a comment. Older releases left comments plain: what can't be decrypted stays.
    fn comment(&mut self, comment: &mut Comment) {
        if let Some(last) = self.comments.last_mut() {
            last.push(comment.text.clone());
        }
        if !self.is_encrypted(true) {
            return;
        }
        match cipher::decrypt(&comment.text, self.key, &self.context()) {
            // As SOPS does it, a decrypted comment stands on a line of its own.
            Ok(Plain::Comment(text)) => *comment = Comment { text, inline: false },
            Ok(Plain::Value(Value::Text(text))) => comment.text = text,
            _ => {}
        }
    }

    fn is_encrypted(&self, is_comment: bool) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.metadata.rule.covers(&path, &self.comments, is_comment)
    }

    /// What a value is bound to: its path.
    fn context(&self) -> String {
        format!("{}:", self.path.join(":"))
    }

    fn clear(&mut self) {
        if let Some(last) = self.comments.last_mut() {
            last.clear();
        }
    }
}
