//! The token by which a Receiver of type generic-oidc knows who sends.

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use url::Url;

use super::send::Sender;

/// The audience of tokens, unless another one is given.
const AUDIENCE: &str = "notification-controller";
/// Holds the token when there is no flag.
const TOKEN: &str = "FLUX_TRIGGER_RECEIVER_OIDC_TOKEN";
/// Where jobs of GitHub and Forgejo ask for a token, and what they show there.
const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Where the token comes from.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Flags {
    /// Who issues the token to the job that runs this: github, forgejo; for type generic-oidc
    #[arg(
        id = "oidc_provider",
        long = "oidc-provider",
        default_value = "",
        hide_default_value = true,
        value_name = "PROVIDER"
    )]
    provider: String,
    /// The token; that of the variable `FLUX_TRIGGER_RECEIVER_OIDC_TOKEN` when not given; for type generic-oidc
    #[arg(
        id = "oidc_token",
        long = "oidc-token",
        default_value = "",
        hide_default_value = true,
        value_name = "TOKEN"
    )]
    token: String,
    /// Audience of the token to ask the provider for; notification-controller when not given
    #[arg(
        id = "oidc_audience",
        long = "oidc-audience",
        default_value = "",
        hide_default_value = true,
        value_name = "AUDIENCE"
    )]
    audience: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    value: String,
}

impl Flags {
    /// Whether any of them is.
    pub(super) fn are_given(&self) -> bool {
        [&self.provider, &self.token, &self.audience].iter().any(|flag| !flag.is_empty())
    }

    /// Whether they fit together.
    pub(super) fn check(&self) -> Result<()> {
        if !self.provider.is_empty() && !self.token.is_empty() {
            bail!("--oidc-provider and --oidc-token are mutually exclusive");
        }
        if !["", "github", "forgejo"].contains(&self.provider.as_str()) {
            bail!("invalid --oidc-provider {:?}, must be one of: github, forgejo", self.provider);
        }
        if !self.audience.is_empty() && self.provider.is_empty() {
            bail!("--oidc-audience can only be set together with --oidc-provider");
        }
        Ok(())
    }

    /// The token.
    pub(super) async fn token(&self, sender: &Sender) -> Result<String> {
        if !self.provider.is_empty() {
            let audience = if self.audience.is_empty() { AUDIENCE } else { &self.audience };
            return fetch(&variable(REQUEST_URL), &variable(REQUEST_TOKEN), audience, sender).await;
        }
        if !self.token.is_empty() {
            return Ok(self.token.clone());
        }
        let token = variable(TOKEN);
        if token.is_empty() {
            bail!(
                "no OIDC token provided: set --oidc-provider, --oidc-token or the {TOKEN} environment variable"
            );
        }
        Ok(token)
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Asks as GitHub and Forgejo want it.
async fn fetch(address: &str, token: &str, audience: &str, sender: &Sender) -> Result<String> {
    if address.is_empty() || token.is_empty() {
        bail!(
            "{REQUEST_URL} and {REQUEST_TOKEN} must be set in the environment; ensure the Actions job has the 'id-token: write' permission"
        );
    }
    let url = with_audience(address, audience)?;
    let (status, body) = sender.get(&url, token).await.context("OIDC token request failed")?;
    if status != http::StatusCode::OK {
        bail!("OIDC token request failed with status {status}: {}", body.trim());
    }
    let answer: Answer = serde_json::from_str(&body)
        .map_err(|error| anyhow!("failed to decode OIDC token response: {error}"))?;
    if answer.value.is_empty() {
        bail!("the OIDC token response did not contain a token");
    }
    Ok(answer.value)
}

/// The address with one parameter for the audience, whatever it had.
fn with_audience(address: &str, audience: &str) -> Result<Url> {
    let mut url = Url::parse(address).with_context(|| format!("invalid {REQUEST_URL}"))?;
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != "audience").map(|(k, v)| (k.into(), v.into())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("audience", audience);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_asked_for_once() {
        for (address, expected) in [
            ("https://a/token?api-version=2.0", "https://a/token?api-version=2.0&audience=x+y"),
            ("https://a/token?audience=b&c=d", "https://a/token?c=d&audience=x+y"),
            ("https://a/token", "https://a/token?audience=x+y"),
        ] {
            assert_eq!(with_audience(address, "x y").unwrap().as_str(), expected);
        }
        assert!(with_audience("token", "x").unwrap_err().to_string().contains(REQUEST_URL));
    }
}
