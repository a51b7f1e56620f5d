//! JSON Web Tokens (RFC 7519): who signed one, and for whom and how long.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{Algorithm, Key};

/// How far the clock of an issuer may be ahead, where a token says when it begins. In seconds.
const CLOCK_SKEW: f64 = 300.0;

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// It is not three parts of base64 with JSON.
    #[error("token is not a JWT")]
    Form,
    /// The algorithm is not one that is accepted: `none` and shared keys never are.
    #[error("unsupported signature algorithm \"{0}\"")]
    Algorithm(String),
    /// No key of the issuer made the signature.
    #[error("failed to verify signature")]
    Signature,
    /// It is for somebody else.
    #[error("expected audience \"{expected}\", got {found}")]
    Audience {
        /// Who we are.
        expected: String,
        /// For whom it is.
        found: Value,
    },
    /// It is over, or says nothing of its end.
    #[error("token is expired")]
    Expired,
    /// It has not begun.
    #[error("token is not valid yet")]
    Early,
}

/// A token, taken apart but not verified.
pub struct Token<'a> {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The issuer's name of the key.
    pub key_id: Option<String>,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub fn parse(token: &'a str) -> Result<Self, JwtError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Form)?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Form);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Form)?;
        let claims: Value = serde_json::from_slice(&decode(claims)?).map_err(|_| JwtError::Form)?;
        let algorithm = Algorithm::named(&header.alg).ok_or(JwtError::Algorithm(header.alg))?;
        if !claims.is_object() {
            return Err(JwtError::Form);
        }
        Ok(Self { algorithm, key_id: header.kid, claims, signed, signature: decode(signature)? })
    }

    /// Who issued it, as it says itself.
    pub fn unverified_issuer(&self) -> &str {
        self.claims.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether one of the keys made the signature.
    pub fn is_signed_by<'k>(&self, mut keys: impl Iterator<Item = &'k Key>) -> bool {
        keys.any(|key| {
            key.may_be(self.key_id.as_deref())
                && key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)
        })
    }

    /// The claims of a token whose signature was verified, if it is for us and valid now.
    pub fn into_claims(self, audience: &str) -> Result<Value, JwtError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.claims_at(audience, now.as_secs_f64())
    }

    fn claims_at(self, audience: &str, now: f64) -> Result<Value, JwtError> {
        let for_us = match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        };
        if !for_us {
            let found = self.claims.get("aud").cloned().unwrap_or_default();
            return Err(JwtError::Audience { expected: audience.to_owned(), found });
        }
        let time = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        if time("exp").is_none_or(|end| now > end) {
            return Err(JwtError::Expired);
        }
        if time("nbf").is_some_and(|begin| now + CLOCK_SKEW < begin) {
            return Err(JwtError::Early);
        }
        Ok(self.claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.AA", part(header), part(claims))
    }

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn claims(claims: Value) -> Result<Value, JwtError> {
        Token::parse(&token(&json!({"alg": "RS256"}), &claims)).unwrap().claims_at("us", 1000.0)
    }

    #[test]
    fn tokens_are_for_us_and_for_now() {
        assert!(claims(json!({"aud": "us", "exp": 1001})).is_ok());
        assert!(claims(json!({"aud": ["x", "us"], "exp": 1001, "nbf": 1200})).is_ok());
        assert!(matches!(claims(json!({"aud": "them", "exp": 1001})), Err(JwtError::Audience { .. })));
        assert!(matches!(claims(json!({"exp": 1001})), Err(JwtError::Audience { .. })));
        assert!(matches!(claims(json!({"aud": "us", "exp": 999})), Err(JwtError::Expired)));
        assert!(matches!(claims(json!({"aud": "us"})), Err(JwtError::Expired)));
        assert!(matches!(claims(json!({"aud": "us", "exp": 2000, "nbf": 1301})), Err(JwtError::Early)));
    }

    #[test]
    fn unsigned_and_shared_key_tokens_are_refused() {
        for alg in ["none", "None", "HS256", ""] {
            let token = token(&json!({"alg": alg}), &json!({}));
            assert!(matches!(Token::parse(&token), Err(JwtError::Algorithm(_))), "{alg}");
        }
        for text in ["", "a.b", "a.b.c", "....", "e30.e30.e30"] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
        assert!(Token::parse(&token(&json!({"alg": "RS256"}), &json!([]))).is_err());
    }
}
