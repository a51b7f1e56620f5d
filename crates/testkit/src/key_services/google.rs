//! Google's token services and its KMS.

use base64::{Engine, engine::general_purpose::STANDARD};
use rsa::pkcs8::EncodePrivateKey;
use serde_json::json;

use super::{Cloud, KeyRequest, KeyServices, Reply, encrypt, jwt};

pub(super) const KEY: &str = "projects/example/locations/global/keyRings/flux/cryptoKeys/sops";

const EMAIL: &str = "decryptor@example.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What tokens of the account are good for, and what those of federated identities are that must act for it.
const ACCOUNT: &str = "google";
const FEDERATED: &str = "google, federated";

impl KeyServices {
    /// The entry `sops.gcp-kms`: a service account's key in JSON.
    pub fn google_account(&self) -> anyhow::Result<String> {
        let der = self.cloud.rsa.to_pkcs8_der()?;
        let text = STANDARD.encode(der.as_bytes());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        let key = json!({
            "type": "service_account", "project_id": "example", "private_key_id": "key-1", "private_key": pem,
            "client_email": EMAIL, "client_id": "1", "token_uri": format!("{}/token", self.cloud.plain),
        });
        Ok(key.to_string())
    }

    /// The account that workloads act for.
    pub fn google_email(&self) -> &'static str {
        EMAIL
    }
}

fn refused(code: u16, status: &str, message: &str) -> Reply {
    Reply::json(code, &json!({"error": {"code": code, "message": message, "status": status}}))
}

impl Cloud {
    fn google_bearer(&self, good_for: &str) -> Reply {
        let token = self.issue(good_for);
        Reply::json(200, &json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    }

    /// An account's own assertion (RFC 7523).
    pub(super) fn google_token(&self, request: &KeyRequest) -> Reply {
        let fail =
            |text: &str| Reply::json(400, &json!({"error": "invalid_grant", "error_description": text}));
        if request.field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return fail("Invalid grant type");
        }
        let Some(claims) = jwt::verified(&request.field("assertion"), self.rsa.to_public_key()) else {
            return fail("Invalid JWT Signature.");
        };
        let life = claims["exp"].as_i64().unwrap_or_default() - claims["iat"].as_i64().unwrap_or_default();
        if claims["iss"] != EMAIL
            || claims["scope"] != SCOPE
            || !jwt::is_for(&claims, &format!("{}/token", self.plain))
            || !(1..=3600).contains(&life)
        {
            return fail("Invalid JWT: the claims are not those of the account.");
        }
        self.google_bearer(ACCOUNT)
    }

    /// The security token service (RFC 8693).
    pub(super) fn google_federation(&self, request: &KeyRequest) -> Reply {
        let audience = request.field("audience");
        let trusted = jwt::claims(&request.field("subject_token"))
            .is_some_and(|claims| jwt::is_for(&claims, &audience))
            && request.field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
            && request.field("subject_token_type") == "urn:ietf:params:oauth:token-type:jwt"
            && request.field("scope") == SCOPE;
        if !trusted {
            let text = "The audience in ID Token does not match the expected audience.";
            return Reply::json(400, &json!({"error": "invalid_grant", "error_description": text}));
        }
        self.google_bearer(FEDERATED)
    }

    /// `POST /v1/projects/-/serviceAccounts/{email}:generateAccessToken`
    pub(super) fn google_impersonation(&self, request: &KeyRequest) -> Reply {
        let own = format!("/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken");
        if request.path != own || self.good_for(request) != FEDERATED {
            return refused(
                403,
                "PERMISSION_DENIED",
                "Permission 'iam.serviceAccounts.getAccessToken' denied.",
            );
        }
        let token = self.issue(ACCOUNT);
        Reply::json(200, &json!({"accessToken": token, "expireTime": "2099-01-01T00:00:00Z"}))
    }

    pub(super) fn google_machine(&self, request: &KeyRequest) -> Reply {
        if request.header("metadata-flavor") != "Google" {
            return Reply {
                status: 403,
                headers: Vec::new(),
                body: "Missing Metadata-Flavor:Google header.".to_owned(),
            };
        }
        self.google_bearer(ACCOUNT)
    }

    /// `POST /v1/projects/…/cryptoKeys/…:decrypt`
    pub(super) fn google_kms(&self, request: &KeyRequest) -> Reply {
        if self.good_for(request) != ACCOUNT {
            let text = "Request had invalid authentication credentials.";
            return refused(401, "UNAUTHENTICATED", text);
        }
        let Some(key) = request.path.strip_prefix("/v1/").and_then(|path| path.strip_suffix(":decrypt"))
        else {
            return refused(404, "NOT_FOUND", "No such method.");
        };
        if key != KEY {
            return refused(404, "NOT_FOUND", &format!("CryptoKey {key} not found."));
        }
        let body = request.json();
        let sealed = body["ciphertext"].as_str().and_then(|text| STANDARD.decode(text).ok());
        match sealed.and_then(|sealed| encrypt::open(&self.aes, &sealed, key)) {
            Some(plain) => {
                let plain = STANDARD.encode(plain);
                Reply::json(
                    200,
                    &json!({"plaintext": plain, "usedPrimary": true, "protectionLevel": "SOFTWARE"}),
                )
            }
            None => refused(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid."),
        }
    }
}
