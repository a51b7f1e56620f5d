//! Envelopes in CBOR: `COSE_Sign1` (RFC 9052) with certificates (RFC 9360) and claims of the Notary project.

use jiff::Timestamp;

use super::algorithm::Algorithm;
use super::cbor::{self, Item};
use super::claims::{AUTHENTIC_SIGNING_TIME, Claims, EXPIRY, SIGNING_SCHEME, SIGNING_TIME, TIMESTAMP};
use super::envelope::Parts;
use crate::Error;

/// The tag of a `COSE_Sign1`.
const SIGN1: u64 = 18;
/// The tag of a time in seconds.
const EPOCH: u64 = 1;

/// Labels of headers (RFC 9052, section 3.1; RFC 9360).
const ALGORITHM: Item<'static> = Item::Unsigned(1);
const CRITICAL: Item<'static> = Item::Unsigned(2);
const CONTENT_TYPE: Item<'static> = Item::Unsigned(3);
const X5CHAIN: Item<'static> = Item::Unsigned(33);

/// Takes an envelope apart.
pub(super) fn read(bytes: &[u8]) -> Result<Parts, Error> {
    let Item::Tag(SIGN1, message) = cbor::read(bytes).map_err(Error::new)? else {
        return Err(Error::new("it is not a COSE_Sign1 with its tag"));
    };
    let Item::Array(parts) = *message else { return Err(Error::new("a COSE_Sign1 is an array")) };
    let [Item::Bytes(protected_bytes), Item::Map(unprotected), payload, Item::Bytes(signature)] = &parts[..]
    else {
        return Err(Error::new("a COSE_Sign1 has two headers, a payload and a signature"));
    };
    let Item::Bytes(payload) = payload else { return Err(Error::new("its payload is not in it")) };
    let Item::Map(protected) = cbor::read(protected_bytes).map_err(Error::new)? else {
        return Err(Error::new("the protected header is not a map"));
    };
    let headers = Headers { protected: &protected, unprotected };
    headers.check()?;
    Ok(Parts {
        claims: headers.claims()?,
        payload: payload.to_vec(),
        chain: headers.chain()?,
        signed: sig_structure(protected_bytes, payload),
        signature: signature.to_vec(),
        token: headers.token()?,
    })
}

/// What the signature of a `COSE_Sign1` is of (RFC 9052, section 4.4): there are no data from elsewhere.
fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    const CONTEXT: &[u8] = b"Signature1";
    let mut out = Vec::with_capacity(CONTEXT.len() + protected.len() + payload.len() + 32);
    cbor::write_head(&mut out, 4, 4);
    cbor::write_head(&mut out, 3, CONTEXT.len());
    out.extend(CONTEXT);
    for part in [protected, &[], payload] {
        cbor::write_head(&mut out, 2, part.len());
        out.extend(part);
    }
    out
}

type Map<'a> = [(Item<'a>, Item<'a>)];

struct Headers<'a> {
    protected: &'a Map<'a>,
    unprotected: &'a Map<'a>,
}

fn find<'a>(map: &'a Map<'a>, label: &Item<'_>) -> Option<&'a Item<'a>> {
    map.iter().find(|(key, _)| key == label).map(|(_, value)| value)
}

/// A label as messages name it.
fn name(label: &Item<'_>) -> Option<String> {
    match label {
        Item::Text(text) => Some((*text).to_owned()),
        Item::Unsigned(number) => Some(number.to_string()),
        Item::Negative(number) => Some((-1 - i128::from(*number)).to_string()),
        _ => None,
    }
}

impl Headers<'_> {
    /// Checks what holds for all headers: each is there once, and what is critical is signed.
    fn check(&self) -> Result<(), Error> {
        for (label, _) in self.protected.iter().chain(self.unprotected) {
            if name(label).is_none() {
                return Err(Error::new("a header is neither a number nor a text"));
            }
        }
        if find(self.unprotected, &CRITICAL).is_some() {
            return Err(Error::new("the list of critical headers is not protected"));
        }
        let twice = self.unprotected.iter().find(|(label, _)| find(self.protected, label).is_some());
        match twice.and_then(|(label, _)| name(label)) {
            Some(label) => Err(Error::new(format!("the header {label:?} is both protected and not"))),
            None => Ok(()),
        }
    }

    fn claims(&self) -> Result<Claims, Error> {
        Ok(Claims {
            algorithm: self.algorithm()?,
            content_type: match find(self.protected, &CONTENT_TYPE) {
                Some(Item::Text(text)) => (*text).to_owned(),
                Some(_) => return Err(Error::new("the content type is not a text")),
                None => return Err(Error::new("the content type is missing")),
            },
            critical: self.critical()?,
            signing_scheme: match find(self.protected, &Item::Text(SIGNING_SCHEME)) {
                Some(Item::Text(text)) => (*text).to_owned(),
                Some(_) => return Err(Error::new("the signing scheme is not a text")),
                None => return Err(Error::new("the signing scheme is missing")),
            },
            signing_time: self.time(SIGNING_TIME)?,
            authentic_signing_time: self.time(AUTHENTIC_SIGNING_TIME)?,
            expiry: self.time(EXPIRY)?,
        })
    }

    fn algorithm(&self) -> Result<Algorithm, Error> {
        let label = find(self.protected, &ALGORITHM);
        let label = label.ok_or_else(|| Error::new("the signature algorithm is missing"))?;
        let number = match label {
            Item::Negative(number) => i64::try_from(*number).ok().map(|number| -1 - number),
            _ => None,
        };
        number.and_then(Algorithm::numbered).ok_or_else(|| {
            let named = name(label).unwrap_or_default();
            Error::new(format!("signature algorithm {named:?} is not supported"))
        })
    }

    fn critical(&self) -> Result<Vec<String>, Error> {
        let labels = match find(self.protected, &CRITICAL) {
            Some(Item::Array(labels)) if !labels.is_empty() => labels,
            Some(_) => return Err(Error::new("the list of critical headers is empty or not a list")),
            None => return Err(Error::new("the list of critical headers is missing")),
        };
        // What all implementations understand does not belong there, so a number is never one that we know.
        let labels = labels.iter().map(|label| {
            name(label).ok_or_else(|| Error::new("a critical header is neither a number nor a text"))
        });
        labels.collect()
    }

    /// A time in seconds, or none.
    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Error> {
        let Some(item) = find(self.protected, &Item::Text(claim)) else { return Ok(None) };
        let time = match item {
            Item::Tag(EPOCH, time) => match &**time {
                Item::Unsigned(seconds) => i64::try_from(*seconds).ok(),
                Item::Negative(seconds) => i64::try_from(*seconds).ok().map(|seconds| -1 - seconds),
                // Parts of seconds are allowed and of no use. What is no number of seconds is out of bounds.
                Item::Float(seconds) if seconds.is_finite() => Some(seconds.floor() as i64),
                _ => None,
            },
            _ => None,
        };
        let time = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.map(Some).ok_or_else(|| Error::new(format!("the claim {claim:?} is not a time in seconds")))
    }

    /// What nobody but the time-stamping authority signed.
    fn token(&self) -> Result<Option<Vec<u8>>, Error> {
        match find(self.unprotected, &Item::Text(TIMESTAMP)) {
            Some(Item::Bytes(token)) => Ok(Some(token.to_vec())),
            Some(_) => Err(Error::new("the countersignature is not a byte string")),
            None => Ok(None),
        }
    }

    fn chain(&self) -> Result<Vec<Vec<u8>>, Error> {
        let chain = find(self.unprotected, &X5CHAIN).or_else(|| find(self.protected, &X5CHAIN));
        let certificates = match chain {
            // A single one needs no list.
            Some(Item::Bytes(der)) => return Ok(vec![der.to_vec()]),
            Some(Item::Array(certificates)) => certificates,
            Some(_) => return Err(Error::new("the chain of certificates is not a list")),
            None => return Ok(Vec::new()),
        };
        let certificates = certificates.iter().map(|certificate| match certificate {
            Item::Bytes(der) => Ok(der.to_vec()),
            _ => Err(Error::new("a certificate of the chain is not a byte string")),
        });
        certificates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_structure_is_that_of_the_standard() {
        // From the example of RFC 9052, appendix C.2.1.
        let signed = sig_structure(&hex::decode("a10126").unwrap(), b"This is the content.");
        assert_eq!(
            hex::encode(signed),
            "846a5369676e61747572653143a101264054546869732069732074686520636f6e74656e742e"
        );
    }

    fn error(bytes: &str) -> String {
        read(&hex::decode(bytes).unwrap()).err().unwrap().to_string()
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (bytes, text) in [
            ("", "the CBOR ends too early"),
            ("80", "it is not a COSE_Sign1 with its tag"),
            ("d28443a10126a0f640", "its payload is not in it"),
            ("d2a0", "a COSE_Sign1 is an array"),
            ("d28343a10126a040", "a COSE_Sign1 has two headers, a payload and a signature"),
            // The tag of COSE_Mac0.
            ("d18443a10126a04040", "it is not a COSE_Sign1 with its tag"),
            ("d28440a04040", "the CBOR ends too early"),
            ("d2844180a04040", "the protected header is not a map"),
            ("d28443a10126a101264040", "the header \"1\" is both protected and not"),
            ("d28443a10126a102804040", "the list of critical headers is not protected"),
            ("d28443a10126a1f6f64040", "a header is neither a number nor a text"),
            ("d28441a0a04040", "the signature algorithm is missing"),
            // HMAC 256/256, EdDSA, and a name.
            ("d28443a10105a04040", "signature algorithm \"5\" is not supported"),
            ("d28443a10127a04040", "signature algorithm \"-8\" is not supported"),
            ("d28444a1016178a04040", "signature algorithm \"x\" is not supported"),
            ("d28443a10126a04040", "the content type is missing"),
            ("d28445a201260300a04040", "the content type is not a text"),
            ("d28446a20126036178a04040", "the list of critical headers is missing"),
            ("d28448a3012603617802 80a04040", "the list of critical headers is empty or not a list"),
            ("d2844aa301260361780281 6178a04040", "the signing scheme is missing"),
        ] {
            assert_eq!(error(&bytes.replace(' ', "")), text, "{bytes}");
        }
    }
}
