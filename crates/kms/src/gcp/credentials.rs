//! Access tokens.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::message;
use crate::http::{client, post_form, send, send_json};
use crate::identity::{Identity, ServiceAccount, read_file, variable};
use crate::jwt;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The annotation with the account that a service account stands for.
const EMAIL: &str = "iam.gke.io/gcp-service-account";

/// The annotation with the provider that trusts the cluster's tokens, outside of Google's own clusters.
const PROVIDER: &str = "gcp.auth.fluxcd.io/workload-identity-provider";

/// How long before they expire tokens are no longer used.
const MARGIN: Duration = Duration::from_mins(5);

/// The key of a service account or of a user, wiped from memory when dropped and never printed.
#[derive(Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Key {
    ServiceAccount {
        client_email: String,
        #[serde(deserialize_with = "wiped")]
        private_key: Zeroizing<String>,
        #[serde(default)]
        private_key_id: String,
        #[serde(default)]
        token_uri: String,
    },
    AuthorizedUser {
        client_id: String,
        #[serde(deserialize_with = "wiped")]
        client_secret: Zeroizing<String>,
        #[serde(deserialize_with = "wiped")]
        refresh_token: Zeroizing<String>,
    },
    ExternalAccount {
        audience: String,
        subject_token_type: String,
        #[serde(default)]
        token_url: String,
        credential_source: Source,
        #[serde(default)]
        service_account_impersonation_url: String,
    },
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

#[derive(Clone, Deserialize)]
struct Source {
    #[serde(default)]
    file: String,
}

/// Credentials that a file holds.
#[derive(Clone)]
pub struct Credentials(Key);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Reads the JSON of a decryption Secret's `sops.gcp-kms`. What makes the process read files or ask servers that the
/// Secret names is refused.
pub fn static_credentials(text: &[u8]) -> Result<Credentials, String> {
    let bad = "it is neither the JSON key of a service account nor that of a user";
    match serde_json::from_slice(text).map_err(|_| bad.to_owned())? {
        Key::ExternalAccount { .. } => {
            Err("external accounts are not supported in Secrets: use a service account".to_owned())
        }
        key => Ok(Credentials(key)),
    }
}

/// A token and when it ends.
#[derive(Clone)]
struct Token {
    text: Zeroizing<String>,
    ends: Instant,
}

/// A token of an identity.
pub(crate) async fn token(identity: &Identity<Credentials>) -> Result<Zeroizing<String>, String> {
    access_token(identity).await.map(|(token, _)| token)
}

/// A token of an identity for all of Google's services, and how long it can be used.
pub async fn access_token(identity: &Identity<Credentials>) -> Result<(Zeroizing<String>, Duration), String> {
    let token = match identity {
        Identity::Given(Credentials(key)) => of_key(key).await?,
        Identity::ServiceAccount(account) => of_service_account(account.as_ref()).await?,
        Identity::Surroundings => {
            static KNOWN: Mutex<Option<Token>> = Mutex::new(None);
            let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(token) = known.filter(|token| token.ends > Instant::now() + MARGIN) {
                token
            } else {
                let token = of_surroundings().await?;
                *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                token
            }
        }
    };
    let left = token.ends.saturating_duration_since(Instant::now());
    Ok((token.text, left))
}

async fn of_surroundings() -> Result<Token, String> {
    if let Some(file) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
        let key: Key = serde_json::from_str(&read_file(&file)?)
            .map_err(|_| format!("GOOGLE_APPLICATION_CREDENTIALS: {file} holds no credentials"))?;
        return of_key(&key).await;
    }
    let url = format!("{}/instance/service-accounts/default/token", metadata());
    let answer: Value = send_json(client()?.get(url).header("Metadata-Flavor", "Google"), message)
        .await
        .map_err(|error| {
            format!("no Google credentials: neither GOOGLE_APPLICATION_CREDENTIALS nor those of the machine ({error})")
        })?;
    read(&answer)
}

fn metadata() -> String {
    let host = variable("GCE_METADATA_HOST").unwrap_or_else(|| "169.254.169.254".to_owned());
    format!("http://{host}/computeMetadata/v1")
}

async fn of_key(key: &Key) -> Result<Token, String> {
    const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
    match key {
        Key::ServiceAccount { client_email, private_key, private_key_id, token_uri } => {
            let uri = if token_uri.is_empty() { TOKEN_URI } else { token_uri };
            let now = Timestamp::now().as_second();
            let header = json!({"alg": "RS256", "typ": "JWT", "kid": private_key_id});
            let claims =
                json!({"iss": client_email, "scope": SCOPE, "aud": uri, "iat": now, "exp": now + 3600});
            let assertion = jwt::sign(&header, &claims, private_key)?;
            let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            exchange(uri, &[("grant_type", grant), ("assertion", &assertion)]).await
        }
        Key::AuthorizedUser { client_id, client_secret, refresh_token } => {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret),
                ("refresh_token", refresh_token),
            ];
            exchange(TOKEN_URI, &form).await
        }
        Key::ExternalAccount {
            audience,
            subject_token_type,
            token_url,
            credential_source,
            service_account_impersonation_url,
        } => {
            let subject = read_file(&credential_source.file)?;
            let token = federate(audience, subject_token_type, token_url, &subject).await?;
            impersonate(token, service_account_impersonation_url).await
        }
    }
}

async fn of_service_account(account: &dyn ServiceAccount) -> Result<Token, String> {
    account.check()?;
    let provider = account.annotation(PROVIDER);
    let (audience, subject_audience) = if let Some(provider) = provider {
        let audience = format!("//iam.googleapis.com/{}", provider.trim_start_matches('/'));
        (audience.clone(), audience)
    } else {
        let pool = of_cluster().await?;
        (pool.audience, pool.pool)
    };
    let subject = account.token(&[subject_audience]).await?;
    let kind = "urn:ietf:params:oauth:token-type:jwt";
    let token = federate(&audience, kind, "", &subject).await?;
    let url = account.annotation(EMAIL).map(|email| {
        let base = variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS")
            .unwrap_or_else(|| "https://iamcredentials.googleapis.com/".to_owned());
        format!("{}/v1/projects/-/serviceAccounts/{email}:generateAccessToken", base.trim_end_matches('/'))
    });
    impersonate(token, &url.unwrap_or_default()).await
}

/// The identity pool of the cluster that this program runs in.
struct Pool {
    pool: String,
    audience: String,
}

async fn of_cluster() -> Result<Pool, String> {
    let mut values = Vec::new();
    for path in
        ["project/project-id", "instance/attributes/cluster-location", "instance/attributes/cluster-name"]
    {
        let request = client()?.get(format!("{}/{path}", metadata())).header("Metadata-Flavor", "Google");
        let fail = |error: String| format!("failed to get GKE cluster metadata {path}: {error}");
        match send(request).await.map_err(fail)? {
            Ok(body) => values.push(String::from_utf8_lossy(&body).trim().to_owned()),
            Err(refused) => return Err(fail(refused.describe(message))),
        }
    }
    let [project, location, name] = values.as_slice() else { return Err("no metadata".to_owned()) };
    let pool = format!("{project}.svc.id.goog");
    let cluster = format!(
        "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
    );
    Ok(Pool { audience: format!("identitynamespace:{pool}:{cluster}"), pool })
}

async fn federate(audience: &str, kind: &str, url: &str, subject: &str) -> Result<Token, String> {
    let own = variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS")
        .unwrap_or_else(|| "https://sts.googleapis.com/".to_owned());
    let default = format!("{}/v1/token", own.trim_end_matches('/'));
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", audience),
        ("scope", SCOPE),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token_type", kind),
        ("subject_token", subject),
    ];
    exchange(if url.is_empty() { &default } else { url }, &form).await
}

async fn impersonate(token: Token, url: &str) -> Result<Token, String> {
    if url.is_empty() {
        return Ok(token);
    }
    let request = client()?.post(url).bearer_auth(token.text.as_str()).json(&json!({"scope": [SCOPE]}));
    let answer: Value = send_json(request, message).await?;
    let text = answer["accessToken"].as_str().ok_or("the answer holds no token")?;
    // An hour is what was asked for, however long a clock that is behind makes it.
    let ends = answer["expireTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let left = ends.map_or(300, |ends| ends.as_second() - Timestamp::now().as_second()).clamp(0, 3_600);
    let ends = Instant::now() + Duration::from_secs(left.unsigned_abs());
    Ok(Token { text: Zeroizing::new(text.to_owned()), ends })
}

async fn exchange(url: &str, form: &[(&str, &str)]) -> Result<Token, String> {
    read(&send_json(post_form(url, form.iter().copied())?, message).await?)
}

fn read(answer: &Value) -> Result<Token, String> {
    let text = answer["access_token"].as_str().ok_or("the answer holds no token")?;
    let seconds = answer["expires_in"].as_u64().unwrap_or(300).min(86_400);
    Ok(Token { text: Zeroizing::new(text.to_owned()), ends: Instant::now() + Duration::from_secs(seconds) })
}
