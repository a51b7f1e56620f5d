//! Keys and certificates.

use std::any::Any;
use std::net::IpAddr;

use super::args::{Outcome, any, int, text};
use super::encoding::decode_base64;
use super::pki::{Algorithm, Issuer, Key, Request, parse_certificate, pem};
use super::print::strval;
use crate::function::{Call, FuncError, Function};
use crate::gotime::{Duration, Time};
use crate::value::{List, Named, Object, Str, Type, Value};

const TEXT: Type = Type::String;
const LIST: Type = Type::ANYS;
const INT: Type = Type::INT;
const CERTIFICATE: Type = Type::Named(&CERTIFICATE_TYPE);
static CERTIFICATE_TYPE: Named = Named { name: "sprig.certificate", underlying: Type::Struct, methods: &[] };

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("genPrivateKey", &[TEXT], generate_key),
    Function::new("buildCustomCert", &[TEXT, TEXT], build),
    Function::new("genCA", &[TEXT, INT], |call, args| authority(args, new_key(call)?)),
    Function::new("genCAWithKey", &[TEXT, INT, TEXT], |_, args| authority(args, given_key(args, 2)?)),
    Function::new("genSelfSignedCert", &[TEXT, LIST, LIST, INT], |call, args| {
        self_signed(args, new_key(call)?)
    }),
    Function::new("genSelfSignedCertWithKey", &[TEXT, LIST, LIST, INT, TEXT], |_, args| {
        self_signed(args, given_key(args, 4)?)
    }),
    Function::new("genSignedCert", &[TEXT, LIST, LIST, INT, CERTIFICATE], |call, args| {
        signed(args, new_key(call)?)
    }),
    Function::new("genSignedCertWithKey", &[TEXT, LIST, LIST, INT, CERTIFICATE, TEXT], |_, args| {
        signed(args, given_key(args, 5)?)
    }),
];

/// A certificate with its key, both as PEM.
struct Pair {
    cert: Str,
    key: Str,
}

impl Object for Pair {
    fn ty(&self) -> Type {
        CERTIFICATE
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", self.cert.clone().into()), ("Key", self.key.clone().into())]
    }
}

/// What making a key costs of the step limit: about as long as that many nodes take.
const KEY_STEPS: u64 = 5_000_000;

fn generate_key(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let kind = text(args, 0);
    let algorithm = match &kind[..] {
        b"" | b"rsa" => Algorithm::Rsa(4096),
        b"dsa" => Algorithm::Dsa,
        b"ecdsa" => Algorithm::Ecdsa,
        b"ed25519" => Algorithm::Ed25519,
        _ => return Ok(Value::str([b"Unknown type ", &kind[..]].concat())),
    };
    call.spend(KEY_STEPS)?;
    let key = Key::generate(algorithm).and_then(|key| key.to_pem());
    Ok(key.unwrap_or_else(|error| format!("failed to generate private key: {error}")).into())
}

fn new_key(call: &mut Call<'_>) -> Result<Key, FuncError> {
    call.spend(KEY_STEPS)?;
    Key::generate(Algorithm::Rsa(2048)).map_err(|error| format!("error generating rsa key: {error}").into())
}

fn given_key(args: &[Value], index: usize) -> Result<Key, FuncError> {
    Key::from_pem(&text(args, index)).map_err(|error| format!("parsing private key: {error}").into())
}

/// A pair of what the caller has, checked.
fn build(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let cert = decode_base64(&text(args, 0)).map_err(|_| "unable to decode base64 certificate")?;
    let key = decode_base64(&text(args, 1)).map_err(|_| "unable to decode base64 private key")?;
    let block = pem::decode(&cert).ok_or("unable to decode certificate")?;
    parse_certificate(&block.bytes).map_err(unparsed)?;
    Key::from_pem(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(Value::object(Pair { cert: cert.into(), key: key.into() }))
}

fn unparsed(error: String) -> FuncError {
    FuncError::new(format!("error parsing certificate: decodedCert.Bytes: {error}"))
}

fn authority(args: &[Value], key: Key) -> Outcome {
    let mut request = request(args, &Value::Nil, &Value::Nil, 1)?;
    request.is_ca = true;
    issue(&request, &key, &Issuer::Itself)
}

fn self_signed(args: &[Value], key: Key) -> Outcome {
    issue(&request(args, any(args, 1), any(args, 2), 3)?, &key, &Issuer::Itself)
}

fn signed(args: &[Value], key: Key) -> Outcome {
    let signer = any(args, 4).downcast::<Pair>().ok_or(super::args::NIL_POINTER)?;
    let block = pem::decode(&signer.cert).ok_or("unable to decode certificate")?;
    let certificate = parse_certificate(&block.bytes)
        .map_err(|error| format!("error parsing certificate: decodedSignerCert.Bytes: {error}"))?;
    let signer = Key::from_pem(&signer.key).map_err(|error| format!("error parsing private key: {error}"))?;
    let request = request(args, any(args, 1), any(args, 2), 3)?;
    issue(&request, &key, &Issuer::Other(&certificate, &signer))
}

fn issue(request: &Request, key: &Key, issuer: &Issuer<'_>) -> Outcome {
    let cert = request.issue(key, issuer).map_err(|error| format!("error creating certificate: {error}"))?;
    let key = key.to_pem().map_err(|error| format!("error pem-encoding key: {error}"))?;
    Ok(Value::object(Pair { cert: cert.into(), key: key.into() }))
}

/// Nanoseconds.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// The name is the first argument, the number of days the one at `days`.
fn request(args: &[Value], addresses: &Value, names: &Value, days: usize) -> Result<Request, FuncError> {
    let items = |value: &Value| value.as_list().map(List::to_vec).unwrap_or_default();
    let addresses = items(addresses).iter().map(address).collect::<Result<_, _>>()?;
    let names = items(names)
        .iter()
        .map(|name| match name {
            Value::Str(name) => Ok(name.to_vec()),
            _ => Err(format!("error processing alternate dns name: {} is not a string", strval(name))),
        })
        .collect::<Result<_, _>>()?;
    let now = Time::now();
    let validity = Duration(DAY.wrapping_mul(int(args, days)));
    Ok(Request {
        common_name: text(args, 0).to_vec(),
        addresses,
        names,
        not_after: now.plus(validity),
        not_before: now,
        is_ca: false,
    })
}

/// An address without a zone.
fn address(value: &Value) -> Result<IpAddr, String> {
    let Value::Str(text) = value else {
        return Err(format!("error parsing ip: {} is not a string", strval(value)));
    };
    let address = text.as_utf8().and_then(|text| text.parse().ok());
    address.ok_or_else(|| format!("error parsing ip: {text}"))
}
