//! Signed claims, as the token services check them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    RsaPublicKey,
    pkcs1v15::{Signature, VerifyingKey},
    sha2::Sha256,
    signature::Verifier,
};
use serde_json::Value;

/// The claims of a token that this key signed (RS256).
pub(super) fn verified(token: &str, key: RsaPublicKey) -> Option<Value> {
    let (text, signature) = token.rsplit_once('.')?;
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').next()?).ok()?).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let signature = Signature::try_from(signature.as_slice()).ok()?;
    VerifyingKey::<Sha256>::new(key).verify(text.as_bytes(), &signature).ok()?;
    (header["alg"] == "RS256").then(|| claims(token)).flatten()
}

/// The claims of a token, whoever signed it.
pub(super) fn claims(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

/// Whether a token is meant for somebody.
pub(super) fn is_for(claims: &Value, audience: &str) -> bool {
    let all = claims["aud"].as_array();
    all.map_or(claims["aud"] == audience, |all| all.iter().any(|one| one == audience))
}
