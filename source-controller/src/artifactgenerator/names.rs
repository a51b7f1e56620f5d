//! The rules of Kubernetes for names and labels, with the API server's explanations.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const LABEL_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Whether an object may have this name.
pub(super) fn is_dns_subdomain(name: &str) -> Result<(), String> {
    let valid = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if name.len() > 253 {
        return Err("must be no more than 253 bytes".to_owned());
    }
    if name.split('.').all(valid) { Ok(()) } else { Err(SUBDOMAIN.to_owned()) }
}

/// Whether a label may have this value.
pub(super) fn is_label_value(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { qualified(value, LABEL_VALUE) }
}

/// Whether a label without prefix may have this key.
pub(super) fn is_label_key(key: &str) -> Result<(), String> {
    if key.is_empty() { Err("name part must be non-empty".to_owned()) } else { qualified(key, LABEL_KEY) }
}

fn qualified(text: &str, rule: &str) -> Result<(), String> {
    if text.len() > 63 {
        return Err("must be no more than 63 bytes".to_owned());
    }
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if end(text.bytes().next()) && end(text.bytes().last()) && text.bytes().all(inner) {
        Ok(())
    } else {
        Err(rule.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_kubernetes() {
        for (name, ok) in
            [("a", true), ("a.b-c.1", true), ("", false), ("A", false), ("a..b", false), ("-a", false)]
        {
            assert_eq!(is_dns_subdomain(name).is_ok(), ok, "{name}");
        }
        for (value, ok) in
            [("", true), ("a_b.c-D", true), ("-a", false), ("a b", false), (&"a".repeat(64), false)]
        {
            assert_eq!(is_label_value(value).is_ok(), ok, "{value}");
        }
        assert!(is_label_key("app").is_ok() && is_label_key("_app").is_err() && is_label_key("").is_err());
    }
}
