//! Checks of addresses before anything is sent.

/// Whether `address` is an absolute URL or path, as Go's `url.ParseRequestURI` wants it. Gives the reason if not.
pub(crate) fn check(address: &str) -> Result<(), String> {
    let refuse = |reason: &str| Err(format!("parse {address:?}: {reason}"));
    if address.is_empty() {
        return refuse("empty url");
    }
    if address.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return refuse("net/url: invalid control character in URL");
    }
    if address.starts_with('/') {
        return Ok(());
    }
    let Some((scheme, rest)) = address.split_once(':') else { return refuse("invalid URI for request") };
    let mut letters = scheme.bytes();
    let starts_well = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if !starts_well || !letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
        return refuse("first path segment in URL cannot contain colon");
    }
    if rest.is_empty() {
        return refuse("missing authority");
    }
    if rest.starts_with("//") && url::Url::parse(address).is_err() && has_invalid_authority(rest) {
        return refuse("invalid host or port");
    }
    Ok(())
}

fn has_invalid_authority(rest: &str) -> bool {
    let authority = rest[2..].split(['/', '?', '#']).next().unwrap_or_default();
    !authority.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_or_refused() {
        for address in ["http://a/b?c=d", "https://a", "/path", "nats://h:1", "sb:x"] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
        for address in ["", "x", "not a url", "1a:b", "http://a:port", "http://a b/", "a\nb"] {
            assert!(check(address).is_err(), "{address}");
        }
    }
}
