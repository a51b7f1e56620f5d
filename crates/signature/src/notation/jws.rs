//! Envelopes in JSON: JWS (RFC 7515) with certificates and claims of the Notary project.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use super::algorithm::Algorithm;
use super::claims::Claims;
use super::envelope::Parts;
use crate::{Error, base64};

#[derive(Deserialize)]
struct Jws {
    payload: String,
    protected: String,
    header: Header,
    signature: String,
}

#[derive(Deserialize)]
struct Header {
    x5c: Vec<String>,
    #[serde(rename = "io.cncf.notary.timestampSignature")]
    token: Option<String>,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    cty: String,
    #[serde(default)]
    crit: Vec<String>,
    #[serde(rename = "io.cncf.notary.signingScheme")]
    signing_scheme: String,
    #[serde(rename = "io.cncf.notary.signingTime")]
    signing_time: Option<Timestamp>,
    #[serde(rename = "io.cncf.notary.authenticSigningTime")]
    authentic_signing_time: Option<Timestamp>,
    #[serde(rename = "io.cncf.notary.expiry")]
    expiry: Option<Timestamp>,
}

/// Takes an envelope apart.
pub(super) fn read(json: &[u8]) -> Result<Parts, Error> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(Error::new);
    let jws: Jws = serde_json::from_slice(json).map_err(Error::new)?;
    let protected: Protected = serde_json::from_slice(&decode(&jws.protected)?).map_err(Error::new)?;
    let algorithm = Algorithm::named(&protected.alg);
    let claims = Claims {
        algorithm: algorithm
            .ok_or_else(|| Error::new(format!("signature algorithm {:?} is not supported", protected.alg)))?,
        content_type: protected.cty,
        critical: protected.crit,
        signing_scheme: protected.signing_scheme,
        signing_time: protected.signing_time,
        authentic_signing_time: protected.authentic_signing_time,
        expiry: protected.expiry,
    };
    let chain = jws.header.x5c.iter().map(|der| base64(der, "a certificate"));
    Ok(Parts {
        claims,
        payload: decode(&jws.payload)?,
        chain: chain.collect::<Result<_, _>>()?,
        signed: format!("{}.{}", jws.protected, jws.payload).into_bytes(),
        signature: decode(&jws.signature)?,
        token: jws.header.token.map(|token| base64(&token, "the countersignature")).transpose()?,
    })
}
