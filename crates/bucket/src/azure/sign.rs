//! Authorization with the key of an account, for requests without a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ring::hmac;
use url::Url;

/// A time as the headers have it.
pub(super) fn date(now: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default()
}

/// The header that proves to have the account's key.
pub(super) fn authorization(
    url: &Url,
    account: &str,
    key: &str,
    date: &str,
    version: &str,
) -> Result<String, &'static str> {
    let key = STANDARD.decode(key.trim()).map_err(|_| "decode account key: it is not base64")?;
    let headers = format!("x-ms-date:{date}\nx-ms-version:{version}\n");
    // Of the standard headers none is sent that would count.
    let text = format!("GET\n{}{headers}{}", "\n".repeat(11), resource(url, account));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
    Ok(format!("SharedKey {account}:{}", STANDARD.encode(mac)))
}

/// The account, the path, and the query with its parameters sorted.
fn resource(url: &Url, account: &str) -> String {
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.to_lowercase(), value.into_owned())).collect();
    pairs.sort();
    let mut resource = format!("/{account}{}", url.path());
    for (name, value) in &pairs {
        resource.extend(["\n", name, ":", value]);
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_in_the_published_order() {
        let url = Url::parse("https://acc.blob.core.windows.net/apps?restype=container&comp=list").unwrap();
        assert_eq!(resource(&url, "acc"), "/acc/apps\ncomp:list\nrestype:container");
        assert_eq!(date("2026-02-03T04:05:06Z".parse().unwrap()), "Tue, 03 Feb 2026 04:05:06 GMT");
        assert!(authorization(&url, "acc", "no base64!", "", VERSION).is_err());
    }

    const VERSION: &str = "2021-12-02";
}
