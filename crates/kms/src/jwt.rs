//! Signed claims with which programs show who they are (RFC 7523), signed with RSA and SHA-256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

/// Signs claims with a private key in PEM.
pub(crate) fn sign(header: &Value, claims: &Value, key: &str) -> Result<String, String> {
    let bad = || "the private key is not an RSA key in PEM".to_owned();
    let key = match PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| bad())? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(bad()),
    };
    let key = key.map_err(|_| bad())?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| "the private key does not sign".to_owned())?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Namespace and name of the service account whose token it is; the signature is another's business.
pub fn service_account(token: &str) -> Result<(String, String), String> {
    let claims =
        token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Value =
        claims.and_then(|claims| serde_json::from_slice(&claims).ok()).ok_or("it is not a JWT")?;
    let subject = claims["sub"].as_str().unwrap_or_default();
    match subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(format!("unexpected token subject '{subject}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_service_accounts() {
        let token = |subject: &str| {
            let claims = URL_SAFE_NO_PAD.encode(serde_json::json!({"sub": subject}).to_string());
            service_account(&format!("e30.{claims}.x"))
        };
        assert_eq!(token("system:serviceaccount:a:b"), Ok(("a".to_owned(), "b".to_owned())));
        assert!(token("someone").unwrap_err().contains("unexpected token subject 'someone'"));
        assert!(service_account("x").is_err());
    }
}
