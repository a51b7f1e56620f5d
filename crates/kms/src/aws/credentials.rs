//! Where credentials come from.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::sign::{Request, signed};
use super::{endpoint, message};
use crate::entry::{self, Target};
use crate::http::{client, post_form, send, send_json};
use crate::identity::{Identity, ServiceAccount, read_file, variable};

/// The annotation that names a service account's role.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// How long before they expire credentials are no longer used.
const MARGIN: Duration = Duration::from_mins(5);

/// How long credentials are used at most, those that don't expire by themselves too: somebody may exchange them.
const LONGEST: Duration = Duration::from_hours(1);

/// Credentials, wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Zeroizing<String>,
    pub(crate) session_token: Option<Zeroizing<String>>,
    pub(crate) expires: Option<Timestamp>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Credentials that don't expire by themselves.
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Zeroizing::new(secret_access_key.to_owned()),
            session_token: session_token
                .filter(|token| !token.is_empty())
                .map(|token| Zeroizing::new(token.to_owned())),
            expires: None,
        }
    }
}

/// Reads the YAML of a decryption Secret's `sops.aws-kms`.
pub fn static_credentials(text: &[u8]) -> Result<Credentials, String> {
    const TARGET: Target = Target {
        whole: r#"struct { AccessKeyID string "json:\"aws_access_key_id\""; SecretAccessKey string "json:\"aws_secret_access_key\""; SessionToken string "json:\"aws_session_token\"" }"#,
        prefix: "",
    };
    let [id, secret, session] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    let fields = entry::read(text, &TARGET, &[id, secret, session], &[])
        .map_err(|error| format!("failed to unmarshal AWS credentials file: {error}"))?;
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(Credentials::new(field(id), field(secret), Some(field(session))))
}

/// The credentials of an identity, and how long they can be used.
pub async fn credentials(
    identity: &Identity<Credentials>,
    region: &str,
) -> Result<(Credentials, Duration), String> {
    let found = resolve(identity, region).await?;
    let left = lifetime(&found);
    Ok((found, left))
}

/// How long credentials are used that were just given: a clock that is behind must not make them live for days.
pub(super) fn lifetime(credentials: &Credentials) -> Duration {
    credentials.expires.map_or(LONGEST, |expires| {
        let left = expires.as_second() - Timestamp::now().as_second();
        Duration::from_secs(left.max(0).unsigned_abs()).min(LONGEST)
    })
}

/// The credentials of an identity.
pub(crate) async fn resolve(identity: &Identity<Credentials>, region: &str) -> Result<Credentials, String> {
    match identity {
        Identity::Given(credentials) => Ok(credentials.clone()),
        Identity::ServiceAccount(account) => of_service_account(account.as_ref(), region).await,
        Identity::Surroundings => {
            // Until when they are used is counted by a clock that nobody sets.
            static KNOWN: Mutex<Option<(Credentials, Instant)>> = Mutex::new(None);
            let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((known, _)) = known.filter(|(_, ends)| Instant::now() < *ends) {
                return Ok(known);
            }
            let found = of_surroundings(region).await?;
            if found.expires.is_some() {
                let ends = Instant::now() + lifetime(&found).saturating_sub(MARGIN);
                *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some((found.clone(), ends));
            }
            Ok(found)
        }
    }
}

async fn of_service_account(account: &dyn ServiceAccount, region: &str) -> Result<Credentials, String> {
    account.check()?;
    let role =
        account.annotation(ROLE_ANNOTATION).filter(|role| role.starts_with("arn:aws")).ok_or_else(|| {
            format!(
                "invalid {ROLE_ANNOTATION} annotation on service account '{}': it must be the ARN of a role",
                account.name()
            )
        })?;
    let token = account.token(&["sts.amazonaws.com".to_owned()]).await?;
    let name = account.name().replace('/', ".");
    web_identity(&role, &token, &format!("{name}.{region}"), region).await
}

/// In the order of the vendor's own tools: variables, a projected token, the container's agent, the machine.
async fn of_surroundings(region: &str) -> Result<Credentials, String> {
    if let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        return Ok(Credentials::new(&id, &secret, variable("AWS_SESSION_TOKEN").as_deref()));
    }
    if let (Some(role), Some(file)) = (variable("AWS_ROLE_ARN"), variable("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "sluice".to_owned());
        let region = variable("AWS_REGION").unwrap_or_else(|| region.to_owned());
        return web_identity(&role, &read_file(&file)?, &session, &region).await;
    }
    if let Some(url) = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        let mut request = client()?.get(url);
        if let Some(file) = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            request = request.header("Authorization", read_file(&file)?);
        } else if let Some(token) = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            request = request.header("Authorization", token);
        }
        let answer: Value = send_json(request, message).await?;
        return read_json(&answer).ok_or_else(|| "the container's agent gave no credentials".to_owned());
    }
    of_machine().await.map_err(|error| {
        format!("no AWS credentials: neither variables, nor a web identity, nor a container's agent, nor those of the machine ({error})")
    })
}

async fn of_machine() -> Result<Credentials, String> {
    let base =
        variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "http://169.254.169.254".to_owned());
    let base = base.trim_end_matches('/').to_owned();
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err("AWS_EC2_METADATA_DISABLED is set".to_owned());
    }
    let text = |body: Vec<u8>| String::from_utf8_lossy(&body).trim().to_owned();
    let ask = |request| async move {
        match send(request).await? {
            Ok(body) => Ok(body),
            Err(refused) => Err(refused.describe(message)),
        }
    };
    let ttl = ("X-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = text(ask(client()?.put(format!("{base}/latest/api/token")).header(ttl.0, ttl.1)).await?);
    let get = |path: String| -> Result<_, String> {
        Ok(client()?.get(format!("{base}{path}")).header("X-aws-ec2-metadata-token", &token))
    };
    let path = "/latest/meta-data/iam/security-credentials/";
    let role = text(ask(get(path.to_owned())?).await?);
    let role = role.lines().next().unwrap_or_default();
    let answer = ask(get(format!("{path}{role}"))?).await?;
    let answer: Value =
        serde_json::from_slice(&answer).map_err(|_| "the machine's metadata are no JSON".to_owned())?;
    read_json(&answer).ok_or_else(|| "the machine has no role".to_owned())
}

fn read_json(answer: &Value) -> Option<Credentials> {
    let text = |name: &str| answer[name].as_str();
    let mut credentials = Credentials::new(text("AccessKeyId")?, text("SecretAccessKey")?, text("Token"));
    credentials.expires = text("Expiration").and_then(|time| time.parse().ok());
    Some(credentials)
}

async fn web_identity(role: &str, token: &str, session: &str, region: &str) -> Result<Credentials, String> {
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", &session_name(session)),
        ("WebIdentityToken", token),
    ];
    sts(send(post_form(endpoint("sts", region), form)?).await?, "AssumeRoleWithWebIdentity")
}

/// The credentials of another role.
pub(crate) async fn assume_role(
    credentials: &Credentials,
    role: &str,
    region: &str,
) -> Result<Credentials, String> {
    let host = variable("HOSTNAME").unwrap_or_default();
    let form = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", &session_name(&format!("sops@{host}"))),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let endpoint = endpoint("sts", region);
    let request = Request {
        method: "POST",
        url: &endpoint,
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: body.into_bytes(),
    };
    let request = signed(&client()?, request, "sts", region, credentials)?;
    sts(send(request).await?, "AssumeRole")
}

/// At most 64 of the characters that names of sessions may have.
fn session_name(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "+=,.@-_".contains(*c)).take(64).collect()
}

/// Reads the XML of the token service, whose elements hold no markup.
fn sts(answer: Result<Vec<u8>, crate::http::Refused>, action: &str) -> Result<Credentials, String> {
    let body = match answer {
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(refused) => {
            let told = element(&refused.body, "Message")
                .map(|text| format!("{}: {text}", element(&refused.body, "Code").unwrap_or_default()));
            return Err(format!("{action}: {}", told.unwrap_or_else(|| refused.describe(message))));
        }
    };
    let get = |name: &str| element(&body, name);
    match (get("AccessKeyId"), get("SecretAccessKey"), get("SessionToken")) {
        (Some(id), Some(secret), token) => {
            let mut credentials = Credentials::new(id, secret, token);
            credentials.expires = get("Expiration").and_then(|time| time.parse().ok());
            Ok(credentials)
        }
        _ => Err(format!("{action}: the answer holds no credentials")),
    }
}

fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_answers_are_read() {
        let file = b"aws_access_key_id: AKIA\naws_secret_access_key: s3cret\n";
        let credentials = static_credentials(file).unwrap();
        assert_eq!(credentials.access_key_id, "AKIA");
        assert!(credentials.session_token.is_none());
        assert_eq!(format!("{credentials:?}"), "Credentials(…)");
        assert!(!static_credentials(b"- s3cret: [").unwrap_err().contains("s3cret"));
        let xml = "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey><SessionToken>C</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></R>";
        let credentials = sts(Ok(xml.into()), "AssumeRole").unwrap();
        assert!(credentials.expires.is_some() && lifetime(&credentials) > MARGIN);
        assert_eq!(session_name("ns/name: x"), "nsnamex");
    }
}
