//! Google's registries: Pub/Sub pushes, with an identity token of Google's.
//!
//! See <https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions>.

use axum::body::Bytes;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Refusal,
    payload::{self, Shape},
};
use crate::{
    secrets::Data,
    server::Received,
    webhooks::oidc::{Issuers, OidcError, bearer},
};

const SENDER: &str = "GCR";
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

const PUSH: Shape = Shape::Fields(&[(
    "message",
    Shape::Fields(&[
        ("data", Shape::Text),
        ("messageId", Shape::Text),
        ("publishTime", Shape::Text),
        ("subscription", Shape::Text),
    ]),
)]);
const NOTICE: Shape =
    Shape::Fields(&[("action", Shape::Text), ("digest", Shape::Text), ("tag", Shape::Text)]);

/// The parts of the token that are looked at.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
}

/// Checks the token and returns the notice that the push holds.
pub async fn verify(issuers: &Issuers, secret: &Data, request: &Received) -> Result<Bytes, Refusal> {
    let email = field(secret, "email")?;
    let audience = field(secret, "audience")?;
    let claims = issuers.verify_google(bearer(request)?, &audience).await?;
    let claims: Claims = serde_json::from_value(claims)
        .map_err(|error| OidcError::Claims(format!("the claims have other types than Google's: {error}")))?;
    if !ISSUERS.contains(&claims.iss.as_str()) {
        return Err(
            OidcError::Claims(format!("token issuer is '{}', want '{}'", claims.iss, ISSUERS[0])).into()
        );
    }
    if claims.email != email {
        return Err(OidcError::Claims(format!("token email is '{}', want '{email}'", claims.email)).into());
    }
    if !claims.email_verified {
        return Err(OidcError::Claims(format!("token email '{email}' is not verified")).into());
    }
    notice(&request.body)
}

fn field(secret: &Data, key: &'static str) -> Result<String, Refusal> {
    let value = secret.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
    value.filter(|value| !value.is_empty()).ok_or(Refusal::SecretField(key))
}

/// The notice inside of a push.
fn notice(body: &[u8]) -> Result<Bytes, Refusal> {
    let refuse = |reason: &str| Refusal::Payload { sender: SENDER, reason: reason.to_owned() };
    let push = payload::check(SENDER, PUSH, body)?;
    let message = get(&push, "message");
    if let Some(time) = get(message, "publishTime").as_str()
        && time.parse::<jiff::Timestamp>().is_err()
    {
        return Err(refuse("publishTime is no RFC 3339 time"));
    }
    let data = get(message, "data").as_str().unwrap_or_default();
    let data = BASE64_STANDARD.decode(data).map_err(|_| refuse("its data is not base64"))?;
    let notice = payload::check_alone(SENDER, NOTICE, &data)?;
    let text = |key| get(&notice, key).as_str().unwrap_or_default();
    let reduced = json!({"action": text("action"), "digest": text("digest"), "tag": text("tag")});
    Ok(reduced.to_string().into())
}

/// A field in any case, as Go finds it.
fn get<'a>(value: &'a Value, name: &str) -> &'a Value {
    let fields = value.as_object().into_iter().flatten();
    fields
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map_or(&Value::Null, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_is_taken_out_of_the_push() {
        let data = BASE64_STANDARD.encode(br#"{"action": "INSERT", "digest": "d", "tag": "t", "more": 1}"#);
        let push = json!({"message": {"data": data, "publishTime": "2024-01-01T00:00:00Z"}}).to_string();
        let notice: Value = serde_json::from_slice(&notice(push.as_bytes()).unwrap()).unwrap();
        assert_eq!(notice, json!({"action": "INSERT", "digest": "d", "tag": "t"}));
    }

    #[test]
    fn what_is_no_push_is_refused() {
        for body in
            ["x", r#"{"message":{"data":"!!"}}"#, r#"{"message":{"data":"e30=","publishTime":"x"}}"#, "{}"]
        {
            assert!(notice(body.as_bytes()).is_err(), "{body}");
        }
    }
}
