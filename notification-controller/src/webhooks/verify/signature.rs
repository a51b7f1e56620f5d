//! Signatures by a shared key (HMAC, RFC 2104), compared in constant time.

use axum::body::Bytes;
use ring::hmac;

use crate::{server::Received, webhooks::media_type};

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("missing signature")]
    Missing,
    /// It is not `algorithm=hex`.
    #[error("it is not of the form algorithm=hex")]
    Form,
    /// The algorithm is not known.
    #[error("unknown algorithm \"{0}\": expected sha1, sha256 or sha512")]
    Algorithm(String),
    /// It is not of this body and key.
    #[error("payload signature check failed")]
    Mismatch,
    /// The body is no form.
    #[error("the body is no well-formed form")]
    Encoding,
    /// The body is of a type that is not signed.
    #[error("webhook request has unsupported Content-Type \"{0}\"")]
    ContentType(String),
}

/// Checks `algorithm=hex` over a body.
pub fn check(signature: &str, body: &[u8], key: &[u8]) -> Result<(), SignatureError> {
    if signature.is_empty() {
        return Err(SignatureError::Missing);
    }
    let (algorithm, digest) = signature.split_once('=').ok_or(SignatureError::Form)?;
    let algorithm = match algorithm {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha512" => hmac::HMAC_SHA512,
        other => return Err(SignatureError::Algorithm(other.to_owned())),
    };
    let digest = hex::decode(digest).map_err(|_| SignatureError::Form)?;
    hmac::verify(&hmac::Key::new(algorithm, key), body, &digest).map_err(|_| SignatureError::Mismatch)
}

/// The payload of a webhook that is signed as GitHub does, after the signature was checked.
///
/// `X-Hub-Signature-256` decides where both headers are there. The body is JSON, or a form with JSON in `payload`; it
/// is signed as it is. With an empty key only a signature that is
/// there is checked: whoever can send could sign as well.
pub fn payload(request: &Received, key: &[u8]) -> Result<Bytes, SignatureError> {
    let signature = match request.header("x-hub-signature-256") {
        "" => request.header("x-hub-signature"),
        signature => signature,
    };
    let content_type = request.header("content-type");
    let payload = match media_type::parse(content_type).as_deref() {
        Some("application/json") => request.body.clone(),
        Some("application/x-www-form-urlencoded") => {
            form_field(&request.body, "payload").ok_or(SignatureError::Encoding)?.into()
        }
        _ => return Err(SignatureError::ContentType(content_type.to_owned())),
    };
    if !key.is_empty() || !signature.is_empty() {
        check(signature, &request.body, key)?;
    }
    Ok(payload)
}

/// Checks Nexus' signature: the bare digest, in lower case.
pub fn check_nexus(request: &Received, key: &[u8]) -> Result<(), SignatureError> {
    let signature = request.header("x-nexus-webhook-signature");
    if signature.is_empty() {
        return Err(SignatureError::Missing);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let digest = hex::encode(hmac::sign(&key, &request.body));
    if same(signature.as_bytes(), digest.as_bytes()) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// Whether two texts are the same, in a time that tells nothing but whether their lengths differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    a.len() == b.len() && differences == 0
}

/// The first value of a field of a form, empty if there is none; `None` if it is no form.
fn form_field(form: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut found = None;
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pair.contains(&b';') {
            return None;
        }
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let key = unescape(parts.next().unwrap_or_default())?;
        let value = unescape(parts.next().unwrap_or_default())?;
        if key == name.as_bytes() && found.is_none() {
            found = Some(value);
        }
    }
    Some(found.unwrap_or_default())
}

/// Undoes the escapes of forms.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                out.extend(hex::decode(tail.get(..2)?).ok()?);
                rest = &tail[2..];
            }
            byte => out.push(*byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    /// From GitHub's documentation: the key and body of its example, and the signature that they must give.
    const KEY: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn signatures_are_of_body_and_key() {
        check(SIGNED, BODY, KEY).unwrap();
        assert!(matches!(check(SIGNED, b"Hello, World", KEY), Err(SignatureError::Mismatch)));
        assert!(matches!(check(SIGNED, BODY, b"other"), Err(SignatureError::Mismatch)));
        assert!(matches!(check("", BODY, KEY), Err(SignatureError::Missing)));
        assert!(matches!(check(&SIGNED[7..], BODY, KEY), Err(SignatureError::Form)));
        assert!(matches!(check("sha256=zz", BODY, KEY), Err(SignatureError::Form)));
        assert!(matches!(check("sha256=", BODY, KEY), Err(SignatureError::Mismatch)));
        assert!(matches!(
            check(&SIGNED.replace("sha256", "SHA256"), BODY, KEY),
            Err(SignatureError::Algorithm(_))
        ));
        assert!(matches!(check("md5=00", BODY, KEY), Err(SignatureError::Algorithm(_))));
    }

    #[test]
    fn forms_carry_json_in_a_field() {
        let payload = |form: &[u8]| form_field(form, "payload");
        assert_eq!(payload(b"a=1&payload=%7B%22a%22:+1%7D&payload=2").unwrap(), b"{\"a\": 1}");
        assert_eq!(payload(b"").unwrap(), b"");
        for bad in [&b"payload=%zz"[..], b"payload=1&a=%", b"payload=1;x", b"%4=1&payload=1"] {
            assert_eq!(payload(bad), None);
        }
    }

    #[test]
    fn only_json_and_forms_are_signed() {
        let request = |content_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", content_type.parse().unwrap());
            headers.insert("x-hub-signature-256", SIGNED.parse().unwrap());
            headers.insert("x-hub-signature", "sha1=00".parse().unwrap());
            Received { target: String::new(), headers, body: Bytes::from_static(BODY) }
        };
        assert_eq!(payload(&request("application/json; charset=utf-8"), KEY).unwrap(), BODY);
        assert!(payload(&request("application/json"), b"").is_err());
        for other in ["text/plain", "application/json; a"] {
            assert!(payload(&request(other), KEY).is_err());
        }
    }

    #[test]
    fn sameness_needs_the_same_length() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"ab") && !same(b"", b"a") && !same(b"abd", b"abc"));
    }
}
