//! Encrypted objects, and encrypted values of Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use sluice_sops::{Encrypted, Format, KeyService, decrypt_object, is_encrypted_object};

use super::{CONCURRENT, Error, plain};
use crate::{describe, is_exempt_from_decryption};

/// Objects after decryption.
#[derive(Default)]
pub struct Decrypted {
    /// All objects, in their order.
    pub objects: Vec<Value>,
    /// Values that were decrypted: not for messages or logs.
    pub secrets: Vec<String>,
}

/// Decrypts the objects that SOPS encrypted, and the values of Secrets that are encrypted files. Others stay as they are.
pub async fn objects(manifests: Vec<Value>, keys: &(impl KeyService + Sync)) -> Result<Decrypted, Error> {
    let decrypted = manifests.into_iter().map(|manifest| object(manifest, keys));
    let decrypted: Vec<(Value, bool)> = stream::iter(decrypted).buffered(CONCURRENT).try_collect().await?;
    let mut all = Decrypted::default();
    for (object, was_encrypted) in decrypted {
        if was_encrypted {
            secret_values(&object, &mut all.secrets);
        }
        all.objects.push(object);
    }
    Ok(all)
}

/// Decrypts one object; tells whether anything was encrypted.
async fn object(mut object: Value, keys: &impl KeyService) -> Result<(Value, bool), Error> {
    if is_exempt_from_decryption(&object) {
        return Ok((object, false));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, kind) = (text(&object["metadata"]["name"]), text(&object["kind"]));
    let subject = format!("'{}/{name}'", text(&object["metadata"]["namespace"]));
    if is_encrypted_object(&object) {
        let fail = |source| Error::Object {
            object: describe(&object),
            place: format!("failed to decrypt and format {subject} {kind} data"),
            source: Box::new(source),
        };
        let encrypted = Encrypted::from_object(&object).map_err(fail)?;
        let key = encrypted.metadata().data_key(keys).await.map_err(|error| fail(error.into()))?;
        return Ok((decrypt_object(encrypted, &key).map_err(fail)?, true));
    }
    if kind != "Secret" {
        return Ok((object, false));
    }
    let described = describe(&object);
    let mut was_encrypted = false;
    for (name, value) in object.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten() {
        // What is no base64 is the API server's to refuse. Kustomize breaks long values into lines.
        let encoded: String = value.as_str().unwrap_or_default().split_ascii_whitespace().collect();
        let Ok(bytes) = STANDARD.decode(encoded) else { continue };
        let Some(format) = Format::detect(&bytes) else { continue };
        let fail = |source| Error::Object {
            object: described.clone(),
            place: format!("failed to decrypt and format {subject} Secret field '{name}'"),
            source: Box::new(source),
        };
        let encrypted = Encrypted::parse(&bytes, format).map_err(fail)?;
        let bytes = plain(encrypted, Format::of_path(name), keys).await.map_err(fail)?;
        *value = Value::String(STANDARD.encode(bytes));
        was_encrypted = true;
    }
    Ok((object, was_encrypted))
}

/// The values of a Secret that are texts.
fn secret_values(object: &Value, values: &mut Vec<String>) {
    if object["kind"] != "Secret" {
        return;
    }
    let texts = |field: &str| object[field].as_object().into_iter().flat_map(|map| map.values());
    let decode = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok();
    values.extend(texts("data").filter_map(decode));
    values.extend(texts("stringData").filter_map(Value::as_str).map(ToOwned::to_owned));
}
