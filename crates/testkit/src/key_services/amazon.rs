//! Amazon's token service and its KMS; signatures are checked.

use std::{collections::BTreeMap, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Cloud, KeyRequest, KeyServices, Reply, encrypt, jwt};

pub(super) const KEY: &str = "arn:aws:kms:eu-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const REGION: &str = "eu-west-2";
const ROLE: &str = "arn:aws:iam::111122223333:role/decryptor";
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "SecretAccessKeyOfTheTest+Of/Forty/Letters";

/// What the keys of a session are good for, by its token.
const SESSION: &str = "amazon";

impl KeyServices {
    /// The entry `sops.aws-kms`.
    pub fn amazon_keys(&self) -> String {
        format!("aws_access_key_id: {ID}\naws_secret_access_key: {SECRET}\n")
    }

    /// The key id and the secret.
    pub fn amazon_pair(&self) -> (&'static str, &'static str) {
        (ID, SECRET)
    }

    /// The role that may be assumed.
    pub fn amazon_role(&self) -> &'static str {
        ROLE
    }
}

fn refused(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"__type": kind, "message": message}))
}

impl Cloud {
    /// `TrentService.Decrypt`
    pub(super) fn amazon_kms(&self, request: &KeyRequest) -> Reply {
        if let Err(kind) = self.signed(request, "kms") {
            return refused(400, kind, "The security token included in the request is invalid.");
        }
        if request.header("x-amz-target") != "TrentService.Decrypt" {
            return refused(400, "UnknownOperationException", "");
        }
        let body = request.json();
        if body["KeyId"] != KEY {
            let text = format!("Key '{}' does not exist", body["KeyId"].as_str().unwrap_or_default());
            return refused(400, "NotFoundException", &text);
        }
        let context: BTreeMap<String, String> =
            serde_json::from_value(body["EncryptionContext"].clone()).unwrap_or_default();
        let sealed = body["CiphertextBlob"].as_str().and_then(|text| STANDARD.decode(text).ok());
        match sealed.and_then(|sealed| encrypt::open(&self.aes, &sealed, &bound(&context))) {
            Some(plain) => {
                let plain = STANDARD.encode(plain);
                let answer =
                    json!({"KeyId": KEY, "Plaintext": plain, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"});
                Reply::json(200, &answer)
            }
            None => Reply::json(400, &json!({"__type": "InvalidCiphertextException"})),
        }
    }

    /// `AssumeRole` and `AssumeRoleWithWebIdentity`
    pub(super) fn amazon_sts(&self, request: &KeyRequest) -> Reply {
        let action = request.field("Action");
        let trusted = match action.as_str() {
            "AssumeRole" => self.signed(request, "sts").is_ok(),
            "AssumeRoleWithWebIdentity" => jwt::claims(&request.field("WebIdentityToken"))
                .is_some_and(|claims| jwt::is_for(&claims, "sts.amazonaws.com")),
            _ => false,
        };
        if !trusted || request.field("RoleArn") != ROLE || request.field("RoleSessionName").is_empty() {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:{action}</Message></Error></ErrorResponse>"
            );
            return Reply { status: 403, headers: Vec::new(), body };
        }
        let token = self.issue(SESSION);
        let body = format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>{ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{action}Result></{action}Response>"
        );
        Reply { status: 200, headers: Vec::new(), body }
    }

    /// The instance metadata service, version 2.
    pub(super) fn amazon_machine(&self, request: &KeyRequest) -> Reply {
        let text = |status, body: String| Reply { status, headers: Vec::new(), body };
        let path = "/latest/meta-data/iam/security-credentials/";
        if request.path == "/latest/api/token" {
            return text(200, self.issue("machine"));
        }
        let token = request.header("x-aws-ec2-metadata-token");
        if super::lock(&self.tokens).get(token).is_none_or(|good_for| good_for != "machine") {
            return text(401, String::new());
        }
        match request.path.strip_prefix(path) {
            Some("") => text(200, "decryptor".to_owned()),
            Some("decryptor") => {
                let token = self.issue(SESSION);
                Reply::json(
                    200,
                    &json!({"Code": "Success", "AccessKeyId": ID, "SecretAccessKey": SECRET, "Token": token,
                            "Expiration": "2099-01-01T00:00:00Z"}),
                )
            }
            _ => text(404, String::new()),
        }
    }

    /// Checks a signature of version 4 over what was received.
    fn signed(&self, request: &KeyRequest, service: &str) -> Result<(), &'static str> {
        let session = request.header("x-amz-security-token");
        if !session.is_empty() && super::lock(&self.tokens).get(session).is_none_or(|of| of != SESSION) {
            return Err("UnrecognizedClientException");
        }
        let text = request.header("authorization");
        let part = |name: &str| {
            let (_, rest) = text.split_once(&format!("{name}="))?;
            Some(rest.split(',').next().unwrap_or_default().trim())
        };
        let parts = (part("Credential"), part("SignedHeaders"), part("Signature"));
        let (Some(credential), Some(names), Some(signature)) = parts else {
            return Err("MissingAuthenticationTokenException");
        };
        let time = request.header("x-amz-date");
        let date = time.get(..8).unwrap_or_default();
        let scope = format!("{date}/{REGION}/{service}/aws4_request");
        if credential != format!("{ID}/{scope}") {
            return Err("UnrecognizedClientException");
        }
        let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
        for name in names.split(';') {
            let _ = writeln!(canonical, "{name}:{}", request.header(name));
        }
        let _ = write!(canonical, "\n{names}\n{}", hex::encode(Sha256::digest(&request.body)));
        let digest = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let steps = [date, REGION, service, "aws4_request", &text];
        let key = steps.iter().try_fold(format!("AWS4{SECRET}").into_bytes(), |key, step| mac(&key, step));
        if key.map(hex::encode).as_deref() == Some(signature) {
            Ok(())
        } else {
            Err("InvalidSignatureException")
        }
    }
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// What a ciphertext is bound to: key and context.
pub(super) fn bound(context: &BTreeMap<String, String>) -> String {
    format!("{KEY} {}", Value::from_iter(context.clone()))
}
