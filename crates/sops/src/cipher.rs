//! Encrypted values: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use aes_gcm::{Aes256Gcm, AesGcm, Key, aes::Aes256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::datakey::DataKey;
use crate::tree::Value;

/// What a value decrypts to.
#[derive(Debug, PartialEq)]
pub(crate) enum Plain {
    Value(Value),
    Comment(String),
}

/// Why a value can't be decrypted, without the value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CipherError {
    #[error("Could not decrypt value: Input string <redacted> does not match sops' data format")]
    NotEncrypted,
    #[error("Could not decrypt value: Error base64-decoding {0}")]
    Base64(&'static str),
    #[error(
        "Could not decrypt value: Could not decrypt with AES_GCM: cipher: message authentication failed: the value, or the keys above it, changed after it was encrypted"
    )]
    Authentication,
    #[error("Could not decrypt value: the initialization vector has {0} bytes")]
    Nonce(usize),
    #[error("Could not decrypt value: it is not the {0} that it says")]
    Type(&'static str),
    #[error("Could not decrypt value: Unknown datatype: {0}")]
    UnknownType(String),
}

/// Decrypts one value. `context` is its path: keys, each followed by `:`.
pub(crate) fn decrypt(text: &str, key: &DataKey, context: &str) -> Result<Plain, CipherError> {
    if text.is_empty() {
        return Ok(Plain::Value(Value::Text(String::new())));
    }
    let parts = Parts::parse(text).ok_or(CipherError::NotEncrypted)?;
    let decode =
        |field: &str, name: &'static str| STANDARD.decode(field).map_err(|_| CipherError::Base64(name));
    let mut sealed = decode(parts.data, "data")?;
    let nonce = decode(parts.iv, "iv")?;
    sealed.extend(decode(parts.tag, "tag")?);
    let bytes = open(&sealed, &nonce, key, context)?;
    typed(bytes, parts.kind)
}

struct Parts<'t> {
    data: &'t str,
    iv: &'t str,
    tag: &'t str,
    kind: &'t str,
}

impl<'t> Parts<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let inside = text.strip_prefix("ENC[AES256_GCM,data:")?;
        let (inside, _) = inside.rsplit_once(']')?;
        let (data, rest) = inside.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let parts = Self { data, iv, tag, kind };
        (![data, iv, tag, kind].contains(&"")).then_some(parts)
    }
}

fn open(sealed: &[u8], nonce: &[u8], key: &DataKey, context: &str) -> Result<Vec<u8>, CipherError> {
    let payload = || Payload { msg: sealed, aad: context.as_bytes() };
    let key = Key::<Aes256Gcm>::from_slice(key.bytes());
    let opened = match nonce.len() {
        32 => {
            let cipher = AesGcm::<Aes256, U32>::new(key);
            cipher.decrypt(Nonce::<AesGcm<Aes256, U32>>::from_slice(nonce), payload())
        }
        12 => {
            let cipher = AesGcm::<Aes256, U12>::new(key);
            cipher.decrypt(Nonce::<AesGcm<Aes256, U12>>::from_slice(nonce), payload())
        }
        16 => {
            let cipher = AesGcm::<Aes256, U16>::new(key);
            cipher.decrypt(Nonce::<AesGcm<Aes256, U16>>::from_slice(nonce), payload())
        }
        other => return Err(CipherError::Nonce(other)),
    };
    opened.map_err(|_| CipherError::Authentication)
}

fn typed(bytes: Vec<u8>, kind: &str) -> Result<Plain, CipherError> {
    if kind == "bytes" {
        return Ok(Plain::Value(Value::Bytes(bytes)));
    }
    // A binary file is a value of text, whatever its bytes are.
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if kind == "str" => return Ok(Plain::Value(Value::Bytes(error.into_bytes()))),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(Plain::Value(match kind {
        "str" => Value::Text(text),
        "int" => Value::Int(text.parse().map_err(|_| CipherError::Type("int"))?),
        "float" => Value::Float(text.parse().map_err(|_| CipherError::Type("float"))?),
        "bool" => Value::Bool(boolean(&text).ok_or(CipherError::Type("bool"))?),
        "time" => Value::Time(text),
        "comment" => return Ok(Plain::Comment(text)),
        other => return Err(CipherError::UnknownType(other.chars().take(20).collect())),
    }))
}

/// The texts that Go takes for a boolean.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(plain: &[u8], kind: &str, context: &str, key: &DataKey) -> String {
        let cipher = AesGcm::<Aes256, U32>::new(Key::<Aes256Gcm>::from_slice(key.bytes()));
        let nonce = [7; 32];
        let nonce = Nonce::<AesGcm<Aes256, U32>>::from_slice(&nonce);
        let sealed = cipher.encrypt(nonce, Payload { msg: plain, aad: context.as_bytes() }).unwrap();
        let (data, tag) = sealed.split_at(plain.len());
        let [data, iv, tag] = [data, &nonce[..], tag].map(|bytes| STANDARD.encode(bytes));
        format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]")
    }

    #[test]
    fn values_have_types_and_a_place() {
        let key = DataKey::new(vec![1; 32]).unwrap();
        for (plain, kind, expected) in [
            ("text", "str", Value::Text("text".into())),
            ("42", "int", Value::Int(42)),
            ("1.5", "float", Value::Float(1.5)),
            ("True", "bool", Value::Bool(true)),
            ("2024-01-02T03:04:05Z", "time", Value::Time("2024-01-02T03:04:05Z".into())),
        ] {
            let sealed = seal(plain.as_bytes(), kind, "a:b:", &key);
            assert_eq!(decrypt(&sealed, &key, "a:b:"), Ok(Plain::Value(expected)));
            assert_eq!(decrypt(&sealed, &key, "a:c:"), Err(CipherError::Authentication));
        }
        let comment = seal(b" note", "comment", "", &key);
        assert_eq!(decrypt(&comment, &key, ""), Ok(Plain::Comment(" note".into())));
        assert_eq!(decrypt("plain", &key, ""), Err(CipherError::NotEncrypted));
        assert_eq!(decrypt(&seal(b"x", "int", "", &key), &key, ""), Err(CipherError::Type("int")));
        let other = DataKey::new(vec![2; 32]).unwrap();
        assert_eq!(decrypt(&comment, &other, ""), Err(CipherError::Authentication));
    }
}
