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
    if let Some(escape) = invalid_escape(rest) {
        return refuse(&format!("invalid URL escape {escape:?}"));
    }
    if rest.starts_with("//") && url::Url::parse(address).is_err() && has_invalid_authority(rest) {
        return refuse("invalid host or port");
    }
    Ok(())
}

/// The first `%` before the query that no two digits follow, with what follows it.
fn invalid_escape(rest: &str) -> Option<&str> {
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let is_digit = |at| path.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let at = path.match_indices('%').map(|(at, _)| at).find(|at| !is_digit(at + 1) || !is_digit(at + 2))?;
    let end = path[at..].char_indices().map(|(offset, _)| at + offset).nth(3).unwrap_or(path.len());
    Some(&path[at..end])
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
        for address in ["http://a/b?c=d", "https://a", "/path", "nats://h:1", "sb:x", "http://a/%2f?%zz"] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
        for address in [
            "",
            "x",
            "not a url",
            "1a:b",
            "http://a:port",
            "http://a b/",
            "a\nb",
            "http://a/%zz",
            "http://a/%4",
        ] {
            assert!(check(address).is_err(), "{address}");
        }
    }
}
