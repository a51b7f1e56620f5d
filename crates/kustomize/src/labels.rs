//! Label selectors in text form, as the Kubernetes API takes them.

use std::collections::BTreeMap;

use crate::error::Error;

/// A parsed label selector: all requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::Exists => value.is_some(),
                Operator::Missing => value.is_none(),
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Greater(bound) => number().is_some_and(|number| number > *bound),
                Operator::Less(bound) => number().is_some_and(|number| number < *bound),
            }
        })
    }

    /// Parses `a=b, c!=d, e in (f, g), h notin (i), j, !k, l>1`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut tokens = Tokens { text, rest: text };
        let mut requirements = Vec::new();
        if tokens.peek().is_none() {
            return Ok(Self::default());
        }
        loop {
            requirements.push(tokens.requirement()?);
            match tokens.next() {
                None => break,
                Some(",") => {
                    if tokens.peek().is_none() {
                        return Err(tokens.error("expected an identifier after ','"));
                    }
                }
                Some(other) => {
                    return Err(tokens.error(&format!("found '{other}', expected: ',' or the end")));
                }
            }
        }
        Ok(Self { requirements })
    }
}

struct Tokens<'t> {
    text: &'t str,
    rest: &'t str,
}

const OPERATORS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

impl<'t> Tokens<'t> {
    fn split(&self) -> Option<(&'t str, &'t str)> {
        let rest = self.rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            return Some(rest.split_at(operator.len()));
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=!><(),".contains(c)).unwrap_or(rest.len());
        Some(rest.split_at(end))
    }

    fn peek(&self) -> Option<&'t str> {
        self.split().map(|(token, _)| token)
    }

    fn next(&mut self) -> Option<&'t str> {
        let (token, rest) = self.split()?;
        self.rest = rest;
        Some(token)
    }

    fn error(&self, reason: &str) -> Error {
        Error::LabelSelector { selector: self.text.to_owned(), reason: reason.to_owned() }
    }

    fn word(&mut self) -> Result<&'t str, Error> {
        match self.next() {
            Some(token) if !OPERATORS.contains(&token) => Ok(token),
            Some(other) => Err(self.error(&format!("found '{other}', expected: an identifier"))),
            None => Err(self.error("found '', expected: an identifier")),
        }
    }

    /// A value may be left out: `a=`.
    fn value(&mut self) -> Result<String, Error> {
        match self.peek() {
            None | Some(",") => Ok(String::new()),
            _ => self.word().map(str::to_owned),
        }
    }

    fn number(&mut self) -> Result<i64, Error> {
        let word = self.word()?;
        word.parse().map_err(|_| self.error(&format!("'{word}' is no whole number")))
    }

    fn values(&mut self) -> Result<Vec<String>, Error> {
        if self.next() != Some("(") {
            return Err(self.error("expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Some(")") => {
                    // `(a,)` ends with an empty value, `()` is one.
                    values.push(String::new());
                    self.next();
                    return Ok(values);
                }
                Some(",") => values.push(String::new()),
                _ => values.push(self.word()?.to_owned()),
            }
            match self.next() {
                Some(",") => {}
                Some(")") => return Ok(values),
                _ => return Err(self.error("expected: ',' or ')'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        if self.peek() == Some("!") {
            self.next();
            return Ok(Requirement { key: self.word()?.to_owned(), operator: Operator::Missing });
        }
        let key = self.word()?.to_owned();
        let operator = match self.peek() {
            None | Some(",") => Operator::Exists,
            _ => match self.next() {
                Some("=" | "==") => Operator::In(vec![self.value()?]),
                Some("!=") => Operator::NotIn(vec![self.value()?]),
                Some("in") => Operator::In(self.values()?),
                Some("notin") => Operator::NotIn(self.values()?),
                Some(">") => Operator::Greater(self.number()?),
                Some("<") => Operator::Less(self.number()?),
                other => {
                    let found = other.unwrap_or_default();
                    return Err(self.error(&format!("found '{found}', expected: in, notin, =, ==, !=, >, <")));
                }
            },
        };
        Ok(Requirement { key, operator })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str) -> bool {
        let labels = [("app", "web"), ("tier", "2"), ("empty", "")];
        let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        LabelSelector::parse(selector).unwrap().matches(&labels)
    }

    #[test]
    fn all_operators() {
        for selector in [
            "",
            "app",
            "app=web",
            "app == web",
            "app!=db",
            "app in (db, web)",
            "app notin (db)",
            "!other",
            "empty=",
        ] {
            assert!(matches(selector), "{selector}");
        }
        for selector in ["tier>1", "tier<3", "app=web,tier=2", "other!=x", "other notin (x)"] {
            assert!(matches(selector), "{selector}");
        }
        for selector in ["other", "app=db", "!app", "app in (db)", "app=web,other", "app>1", "app="] {
            assert!(!matches(selector), "{selector}");
        }
    }

    #[test]
    fn malformed() {
        for selector in ["=", "app=web,", "app in web", "app in (", "a b", "app > x", "!"] {
            assert!(LabelSelector::parse(selector).is_err(), "{selector}");
        }
    }
}
