//! Media types as Go's `mime.ParseMediaType` reads them.

/// The type in lower case, without its parameters; `None` if it or one of them can't be read, or comes twice.
pub fn parse(text: &str) -> Option<String> {
    let (name, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
    let name = name.trim().to_ascii_lowercase();
    let mut halves = name.split('/');
    let is_type = match (halves.next(), halves.next(), halves.next()) {
        (Some(main), sub, None) => is_token(main) && sub.is_none_or(is_token),
        _ => false,
    };
    if !is_type {
        return None;
    }
    let mut seen = Vec::new();
    loop {
        rest = rest.trim_start();
        // A semicolon at the end says nothing.
        if rest.is_empty() || rest.trim() == ";" {
            return Some(name);
        }
        let (parameter, after) = parameter(rest)?;
        if seen.contains(&parameter) {
            return None;
        }
        seen.push(parameter);
        rest = after;
    }
}

/// The name of the parameter that a text begins with, and what follows its value.
fn parameter(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix(';')?.trim_start();
    let (name, rest) = token(text);
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let rest = if let Some(quoted) = value.strip_prefix('"') {
        after_quote(quoted)?
    } else {
        let (value, rest) = token(value);
        (!value.is_empty()).then_some(rest)?
    };
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), rest))
}

fn after_quote(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(&text[at + 1..]),
            '\r' | '\n' => return None,
            _ => {}
        }
    }
    None
}

fn token(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_token_char(c)).unwrap_or(text.len()))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_token_char)
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_go_reads_them() {
        for text in [
            "application/json",
            " Application/JSON ",
            "application/json;",
            "application/json ; charset=utf-8",
            "application/json; a=\"x;\\\"y\" ; B=c;",
        ] {
            assert_eq!(parse(text).as_deref(), Some("application/json"), "{text}");
        }
        for text in [
            "",
            ";",
            "application/json; charset",
            "application/json;;",
            "application/json; a=b; A=c",
            "application/json; a=\"x",
            "application/json; a=",
            "application/ json",
            "application/json/x",
            "application/json x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
