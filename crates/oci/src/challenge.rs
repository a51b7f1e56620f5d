//! `WWW-Authenticate`: how a server wants to be convinced (RFC 9110, section 11).

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password in each request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// Where tokens are given.
        realm: String,
        /// For whom.
        service: Option<String>,
        /// For what.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The first challenge that we can meet.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(split).find_map(|(scheme, mut parameters)| {
            match scheme.to_ascii_lowercase().as_str() {
                "basic" => Some(Self::Basic),
                "bearer" => Some(Self::Bearer {
                    realm: parameters.remove("realm")?,
                    service: parameters.remove("service"),
                    scope: parameters.remove("scope"),
                }),
                _ => None,
            }
        })
    }
}

/// The schemes of a header with their parameters, whose names are made lower-case.
fn split(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut challenges: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = header.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | ',')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let trimmed = after.trim_start();
        if let (Some(value), Some((_, parameters))) = (trimmed.strip_prefix('='), challenges.last_mut()) {
            let (value, remaining) = read_value(value.trim_start());
            parameters.insert(word.to_ascii_lowercase(), value);
            rest = remaining;
        } else if word.is_empty() {
            // A stray sign; skipping it keeps the loop moving.
            rest = trimmed.get(trimmed.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        } else {
            challenges.push((word.to_owned(), BTreeMap::new()));
            rest = trimmed;
        }
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    challenges
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[&str]) -> Option<Challenge> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        Challenge::of(&map)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let own = |text: Option<&str>| text.map(ToOwned::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: own(service), scope: own(scope) }
    }

    #[test]
    fn what_registries_send_is_understood() {
        assert_eq!(
            of(&[r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#]),
            Some(bearer("https://auth.docker.io/token", Some("registry.docker.io"), None))
        );
        assert_eq!(
            of(&[r#"bearer Realm="https://r/t", service=r, scope="repository:a/b:pull,push",error="x""#]),
            Some(bearer("https://r/t", Some("r"), Some("repository:a/b:pull,push")))
        );
        assert_eq!(of(&["Basic realm=\"Registry Realm\""]), Some(Challenge::Basic));
        assert_eq!(of(&["Basic"]), Some(Challenge::Basic));
        assert_eq!(of(&["Negotiate", "Bearer realm=\"r\""]), Some(bearer("r", None, None)));
        assert_eq!(of(&["Negotiate abc==, Basic realm=x"]), Some(Challenge::Basic));
        assert_eq!(of(&[r#"Bearer realm="a\"b""#]), Some(bearer("a\"b", None, None)));
    }

    #[test]
    fn nonsense_is_no_challenge() {
        for header in [
            "",
            ",,,",
            "=",
            "Bearer",
            "Bearer service=x",
            "\"",
            "Bearer realm",
            "Digest realm=\"x\"",
            "= = =",
        ] {
            assert_eq!(of(&[header]), None, "{header}");
        }
        assert_eq!(of(&[]), None);
    }
}
