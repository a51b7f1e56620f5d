//! Entra ID, the machine's identity, Key Vault.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{Oaep, sha2::Sha256};
use serde_json::json;

use super::{Cloud, KeyRequest, KeyServices, Reply, jwt};

pub(super) const KEY: &str = "sops";
pub(super) const KEY_VERSION: &str = "5f8c1e0b7a9d4c3e8f2a6b1d0c9e8f7a";

const TENANT: &str = "c1b24f3a-5d0e-4a57-9b7e-2f6d8a1c0e11";
const CLIENT: &str = "6e0d9b52-7f3c-4c18-8a44-91d3b5e7f602";
const SECRET: &str = "Secret-Of~TheAzureClient";

impl KeyServices {
    /// The entry `sops.azure-kv` of a client with a secret.
    pub fn azure_client(&self) -> String {
        let authority = &self.cloud.plain;
        format!(
            "tenantId: {TENANT}\nclientId: {CLIENT}\nclientSecret: {SECRET}\nauthorityHost: {authority}\n"
        )
    }

    /// The secret in it: nothing that users see may hold it.
    pub fn azure_secret(&self) -> &'static str {
        SECRET
    }

    /// Tenant and client for workload identity.
    pub fn azure_workload(&self) -> (&'static str, &'static str) {
        (TENANT, CLIENT)
    }
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message}}))
}

impl Cloud {
    /// Client credentials: a secret, or the token of somebody who is trusted.
    pub(super) fn entra(&self, request: &KeyRequest) -> Reply {
        let fail = |error: &str, text: &str| {
            let description = format!("{text}\r\nTrace ID: 0\r\nTimestamp: 2026-01-02 03:04:05Z");
            Reply::json(401, &json!({"error": error, "error_description": description, "error_codes": [1]}))
        };
        if request.path != format!("/{TENANT}/oauth2/v2.0/token") || request.field("client_id") != CLIENT {
            return fail("unauthorized_client", "AADSTS700016: Application was not found in the directory.");
        }
        if request.field("grant_type") != "client_credentials"
            || !request.field("scope").ends_with("/.default")
        {
            return fail("invalid_request", "AADSTS900144: The request body must contain other parameters.");
        }
        let assertion = request.field("client_assertion");
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let federated = request.field("client_assertion_type") == kind
            && jwt::claims(&assertion)
                .is_some_and(|claims| jwt::is_for(&claims, "api://AzureADTokenExchange"));
        if request.field("client_secret") != SECRET && !federated {
            return fail("invalid_client", "AADSTS7000215: Invalid client secret provided.");
        }
        let token = self.issue(&request.field("scope"));
        let answer = json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token});
        Reply::json(200, &answer)
    }

    /// The instance metadata service.
    pub(super) fn azure_machine(&self, request: &KeyRequest) -> Reply {
        if request.header("metadata") != "true" || request.field("api-version") != "2018-02-01" {
            return Reply::json(
                400,
                &json!({"error": "invalid_request", "error_description": "Required metadata header not specified"}),
            );
        }
        let resource = request.field("resource");
        let token = self.issue(&format!("{resource}/.default"));
        // Numbers are texts here.
        let answer = json!({"access_token": token, "expires_in": "86399", "resource": resource, "token_type": "Bearer"});
        Reply::json(200, &answer)
    }

    /// `POST /keys/{name}/{version}/decrypt`
    pub(super) fn key_vault(&self, request: &KeyRequest) -> Reply {
        let resource = &self.vault;
        if self.good_for(request) != format!("{resource}/.default") {
            let (code, text) = ("Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.");
            let mut challenge = super::lock(&self.challenge).clone();
            if challenge.is_empty() {
                challenge =
                    format!("Bearer authorization=\"{}/{TENANT}\", resource=\"{resource}\"", self.plain);
            }
            return refused(401, code, text).header("www-authenticate", challenge);
        }
        if request.field_of_query("api-version") != "7.4" {
            return refused(400, "BadParameter", "The api-version is not supported");
        }
        if request.path != format!("/keys/{KEY}/{KEY_VERSION}/decrypt") {
            let key = request.path.trim_start_matches("/keys/").trim_end_matches("/decrypt");
            let text = format!("A key with (name/id) {key} was not found in this key vault.");
            return refused(404, "KeyNotFound", &text);
        }
        let body = request.json();
        let sealed = body["value"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        if body["alg"] != "RSA-OAEP-256" {
            return refused(400, "BadParameter", "The algorithm is not supported by the key");
        }
        match sealed.and_then(|sealed| self.rsa.decrypt(Oaep::new::<Sha256>(), &sealed).ok()) {
            Some(plain) => {
                let kid = format!("{resource}/keys/{KEY}/{KEY_VERSION}");
                Reply::json(200, &json!({"kid": kid, "value": URL_SAFE_NO_PAD.encode(plain)}))
            }
            None => refused(400, "BadParameter", "The parameter is incorrect."),
        }
    }
}

impl KeyRequest {
    /// A parameter of the query, whatever the body is.
    fn field_of_query(&self, name: &str) -> String {
        let query = Self { body: String::new(), ..self.clone() };
        query.field(name)
    }
}
