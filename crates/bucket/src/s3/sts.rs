//! Temporary credentials from the token service of an S3-compatible store.

use reqwest::{Method, Request};
use url::{Url, form_urlencoded};

use super::Credentials;
use crate::http::{Access, describe, text};
use crate::{Error, xml};

/// Asks the token service at `endpoint` for credentials of a user of its LDAP directory.
pub async fn assume_role_with_ldap(
    endpoint: &Url,
    username: &str,
    password: &str,
    access: &Access,
) -> Result<Credentials, Error> {
    let http = access.client()?;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "AssumeRoleWithLDAPIdentity")
        .append_pair("Version", "2011-06-15")
        .append_pair("LDAPUsername", username)
        .append_pair("LDAPPassword", password)
        .finish();
    let make = || {
        let mut request = Request::new(Method::POST, endpoint.clone());
        let form = reqwest::header::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(reqwest::header::CONTENT_TYPE, form);
        *request.body_mut() = Some(body.clone().into());
        Ok(request)
    };
    let response = http.send(make).await?;
    let (status, request) = (response.status(), describe("POST", response.url()));
    let answer = text(response).await?;
    if !status.is_success() {
        let status = status.as_u16();
        let (code, message) = xml::error(&answer).unwrap_or_default();
        let message = if message.is_empty() {
            format!("the token service answers with HTTP status {status}")
        } else {
            message
        };
        return Err(Error::Refused { status, code, message });
    }
    read(&answer).map_err(|reason| Error::Answer { request, reason })
}

fn read(answer: &str) -> Result<Credentials, String> {
    let (mut access_key, mut secret_key, mut session_token) = (None, None, None);
    xml::visit(answer, |path, text| match path.last().map(String::as_str) {
        Some("AccessKeyId") => access_key = Some(text.to_owned()),
        Some("SecretAccessKey") => secret_key = Some(text.to_owned()),
        Some("SessionToken") => session_token = Some(text.to_owned()),
        _ => {}
    })?;
    match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Ok(Credentials { access_key, secret_key, session_token }),
        _ => Err("it holds no credentials".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        let answer = "<R><AssumeRoleWithLDAPIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>\
                      <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials>\
                      </AssumeRoleWithLDAPIdentityResult></R>";
        let credentials = read(answer).unwrap();
        assert_eq!((credentials.access_key.as_str(), credentials.session_token.as_deref()), ("a", Some("t")));
        assert!(read("<R/>").is_err());
        assert_eq!(format!("{credentials:?}"), "Credentials(***)");
    }
}
