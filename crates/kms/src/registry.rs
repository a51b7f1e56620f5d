//! Credentials for the registries of the clouds.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::http::{post_form, send_json, text_at};
use crate::identity::Identity;
use crate::{aws, azure, gcp};

/// The user that Azure's registries take tokens from.
const AZURE_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The user that Google's registries take tokens from.
const GOOGLE_USER: &str = "oauth2accesstoken";

/// How long Google's tokens are used at least.
const GOOGLE_LIFETIME: Duration = Duration::from_mins(50);

/// The public registry of Amazon, and the only region that gives tokens for it.
const PUBLIC_ECR: (&str, &str) = ("public.ecr.aws", "us-east-1");

/// How hosts of Amazon's registries end, after the region.
const ECR_DOMAINS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "sc2s.sgov.gov",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "on.aws",
];

/// A user and a password for a registry.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// How long they can be used.
    pub lifetime: Duration,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

fn no_token(error: impl std::fmt::Display) -> String {
    format!("failed to get access token for artifact registry: {error}")
}

fn no_credentials(error: impl std::fmt::Display) -> String {
    format!("failed to create artifact registry credentials: {error}")
}

/// The region of a host such as `123456789012.dkr.ecr.eu-west-1.amazonaws.com`; see
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>.
fn ecr_region(host: &str) -> Result<&str, String> {
    if host == PUBLIC_ECR.0 {
        return Ok(PUBLIC_ECR.1);
    }
    let region = || {
        let (account, rest) = host.split_once(".dkr")?;
        let rest = rest.strip_prefix(['.', '-'])?.strip_prefix("ecr")?;
        let (region, domain) =
            rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?.split_once('.')?;
        let known = account.bytes().all(|byte| byte.is_ascii_digit()) && ECR_DOMAINS.contains(&domain);
        (known && !account.is_empty() && !region.is_empty()).then_some(region)
    };
    region().ok_or_else(|| {
        // The pattern is Flux's. What it would let through besides, a host that only contains such a name, is refused.
        format!(
            r"invalid AWS registry: '{host}'. must match ([0-9+]*).dkr[.-]ecr(?:-fips)?\.([^/.]*)\.(amazonaws\.com[.cn]*|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)"
        )
    })
}

/// Logs in to Amazon's ECR, where the host tells the region.
pub async fn ecr(identity: &Identity<aws::Credentials>, host: &str) -> Result<Login, String> {
    let region = ecr_region(host)?;
    let credentials = aws::resolve(identity, region).await.map_err(no_token)?;
    let public = host == PUBLIC_ECR.0;
    let answer = aws::registry_token(&credentials, region, public).await.map_err(no_credentials)?;
    ecr_login(&answer, public, Timestamp::now()).map_err(no_credentials)
}

/// Reads the answer, which lists one item for private registries and is the item for the public one.
fn ecr_login(answer: &Value, public: bool, now: Timestamp) -> Result<Login, String> {
    let data = &answer["authorizationData"];
    let data = if public { data } else { &data[0] };
    let token = data["authorizationToken"].as_str().ok_or("authorization token is nil")?;
    let expires = data["expiresAt"].as_f64().ok_or("authorization token expiration is nil")?;
    // The parsers' texts could quote the token.
    let pair = STANDARD.decode(token).map_err(|_| "failed to parse authorization token: it is not base64")?;
    let pair = Zeroizing::new(String::from_utf8(pair).map_err(|_| "invalid authorization token format")?);
    let (username, password) = pair.split_once(':').ok_or("invalid authorization token format")?;
    Ok(Login {
        username: username.to_owned(),
        password: Zeroizing::new(password.to_owned()),
        lifetime: until(expires, now),
    })
}

/// From now to a time in seconds since 1970.
fn until(seconds: f64, now: Timestamp) -> Duration {
    Duration::try_from_secs_f64(seconds - now.as_duration().as_secs_f64()).unwrap_or_default()
}

/// Checks that the host is one of Azure's registries.
fn acr_host(host: &str) -> Result<(), String> {
    let known = [".azurecr.io", ".azurecr.cn", ".azurecr.de", ".azurecr.us"];
    if known.iter().any(|suffix| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty())) {
        return Ok(());
    }
    Err(format!(
        r"invalid Azure registry: '{host}'. must match ^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$"
    ))
}

/// Logs in to Azure's ACR: a token of the identity is exchanged for one of the registry.
pub async fn acr(identity: &Identity<azure::Credentials>, host: &str) -> Result<Login, String> {
    const SCOPE: &str = "https://containerregistry.azure.net/.default";
    acr_host(host)?;
    let token = azure::token(identity, SCOPE).await.map_err(no_token)?;
    let registry = Url::parse(&format!("https://{host}/")).map_err(no_credentials)?;
    acr_exchange(&registry, host, &token).await.map_err(no_credentials)
}

/// `POST /oauth2/exchange`, as Azure documents it for its registries.
async fn acr_exchange(registry: &Url, service: &str, token: &str) -> Result<Login, String> {
    let url = registry.join("oauth2/exchange").map_err(|error| error.to_string())?;
    let form = [("grant_type", "access_token"), ("service", service), ("access_token", token)];
    let answer: Value = send_json(post_form(url, form)?, |answer| {
        text_at(answer.get("errors")?.get(0)?, &["message"]).or_else(|| azure::message(answer))
    })
    .await?;
    let refresh = answer["refresh_token"].as_str().ok_or("the registry gave no token")?;
    let expires = refresh
        .split('.')
        .nth(1)
        .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok())
        .and_then(|claims| serde_json::from_slice::<Value>(&claims).ok())
        .and_then(|claims| claims["exp"].as_f64())
        .ok_or("the registry's token does not say when it expires")?;
    Ok(Login {
        username: AZURE_USER.to_owned(),
        password: Zeroizing::new(refresh.to_owned()),
        lifetime: until(expires, Timestamp::now()),
    })
}

/// Checks that the host is one of Google's registries.
fn gar_host(host: &str) -> Result<(), String> {
    let named = |suffix: &str| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty());
    if host == "gcr.io" || named(".gcr.io") || named("-docker.pkg.dev") || host == "docker.s3nsregistry.fr" {
        return Ok(());
    }
    Err(format!(
        r"invalid GCP registry: '{host}'. must match ^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|(docker\.s3nsregistry\.fr))$"
    ))
}

/// Logs in to Google's registries: they take the identity's own token.
pub async fn gar(identity: &Identity<gcp::Credentials>, host: &str) -> Result<Login, String> {
    gar_host(host)?;
    let password = gcp::token(identity).await.map_err(no_token)?;
    Ok(Login { username: GOOGLE_USER.to_owned(), password, lifetime: GOOGLE_LIFETIME })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_of_amazon_tell_the_region() {
        for (host, region) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2"),
            ("public.ecr.aws", "us-east-1"),
        ] {
            assert_eq!(ecr_region(host), Ok(region), "{host}");
        }
        for host in [
            "ghcr.io",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "evil.example.dkr.ecr.eu-west-1.amazonaws.com",
            ".dkr.ecr.eu-west-1.amazonaws.com",
        ] {
            assert!(ecr_region(host).is_err(), "{host}");
        }
    }

    #[test]
    fn hosts_of_azure_and_google_are_known() {
        assert_eq!(acr_host("team.azurecr.io"), Ok(()));
        assert!(acr_host("azurecr.io").is_err() && acr_host("team.azurecr.io.evil.example").is_err());
        for host in ["gcr.io", "eu.gcr.io", "europe-docker.pkg.dev"] {
            assert_eq!(gar_host(host), Ok(()));
        }
        assert!(gar_host("evilgcr.io").is_err() && gar_host("-docker.pkg.dev").is_err());
    }

    #[test]
    fn answers_of_amazon_are_read() {
        let now = Timestamp::from_second(1_000).unwrap();
        let data = json!({"authorizationToken": STANDARD.encode("AWS:p:w"), "expiresAt": 4_600.0});
        for (public, answer) in
            [(false, json!({"authorizationData": [data]})), (true, json!({"authorizationData": data}))]
        {
            let login = ecr_login(&answer, public, now).unwrap();
            assert_eq!((login.username.as_str(), login.password.as_str()), ("AWS", "p:w"));
            assert_eq!(login.lifetime, Duration::from_hours(1));
        }
        assert!(ecr_login(&json!({"authorizationData": []}), false, now).is_err());
    }

    /// The exchange as Azure documents it, with a registry of the test's own.
    #[tokio::test]
    async fn tokens_of_azure_are_exchanged() {
        let claims = URL_SAFE_NO_PAD.encode(json!({"exp": Timestamp::now().as_second() + 600}).to_string());
        let refresh = format!("e30.{claims}.sig");
        let answer = json!({"refresh_token": refresh}).to_string();
        let app = axum::Router::new().route(
            "/oauth2/exchange",
            axum::routing::post(|body: String| async move {
                assert_eq!(body, "grant_type=access_token&service=team.azurecr.io&access_token=aad%3D");
                answer
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let login = acr_exchange(&registry, "team.azurecr.io", "aad=").await.unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), (AZURE_USER, refresh.as_str()));
        assert!(login.lifetime > Duration::from_mins(9) && login.lifetime <= Duration::from_mins(10));
    }
}
