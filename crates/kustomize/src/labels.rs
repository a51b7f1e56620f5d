//! Label selectors in text form, as the Kubernetes API takes them, and its words for those that are none.

use std::collections::{BTreeMap, BTreeSet};

/// Why a text is no label selector, in the words of the API's own parser.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidSelector {
    /// The selector.
    pub selector: String,
    reason: String,
}

/// A parsed label selector: all requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
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
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Whether there is no requirement.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the labels (or annotations) meet all requirements.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
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
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        Self::parse_with(text, "in, notin, =, ==, !=, gt, lt")
    }

    /// As [`parse`](Self::parse), in the words of kustomize, whose parser is an older copy of the API's.
    pub(crate) fn parse_for_kustomize(text: &str) -> Result<Self, InvalidSelector> {
        Self::parse_with(text, "'=', '!=', '==', 'in', notin'")
    }

    fn parse_with(text: &str, operators: &'static str) -> Result<Self, InvalidSelector> {
        let requirements = Tokens { rest: text, operators }.requirements();
        match requirements {
            Ok(requirements) => Ok(Self { requirements }),
            Err(reason) => Err(InvalidSelector { selector: text.to_owned(), reason }),
        }
    }
}

struct Tokens<'t> {
    rest: &'t str,
    /// The operators, as an error names them.
    operators: &'static str,
}

const OPERATORS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

/// The token that stands for the end.
const END: &str = "";

fn is_word(token: &str) -> bool {
    token != END && !OPERATORS.contains(&token)
}

fn unexpected(token: &str, expected: &str) -> String {
    format!("found '{token}', expected: {expected}")
}

impl<'t> Tokens<'t> {
    fn split(&self) -> (&'t str, &'t str) {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            return rest.split_at(operator.len());
        }
        let end = rest.find([' ', '\t', '\r', '\n', '=', '!', '>', '<', '(', ')', ',']);
        rest.split_at(end.unwrap_or(rest.len()))
    }

    fn peek(&self) -> &'t str {
        self.split().0
    }

    fn next(&mut self) -> &'t str {
        let (token, rest) = self.split();
        self.rest = rest;
        token
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        match self.peek() {
            END => return Ok(requirements),
            token if is_word(token) || token == "!" => {}
            token => return Err(unexpected(token, "!, identifier, or 'end of string'")),
        }
        loop {
            let requirement = self.requirement();
            requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
            match (self.next(), self.peek()) {
                (END, _) => return Ok(requirements),
                (",", token) if is_word(token) || token == "!" => {}
                (",", token) => return Err(unexpected(token, "identifier after ','")),
                (token, _) => return Err(unexpected(token, "',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let is_negated = self.peek() == "!";
        if is_negated {
            self.next();
        }
        let key = self.word()?;
        check_key(key)?;
        let key = key.to_owned();
        if is_negated {
            return Ok(Requirement { key, operator: Operator::Missing });
        }
        if matches!(self.peek(), END | ",") {
            return Ok(Requirement { key, operator: Operator::Exists });
        }
        let operator = match self.next() {
            "=" | "==" => Operator::In(self.value(&key)?),
            "!=" => Operator::NotIn(self.value(&key)?),
            "in" => Operator::In(self.values(&key)?),
            "notin" => Operator::NotIn(self.values(&key)?),
            ">" => Operator::Greater(self.number()?),
            "<" => Operator::Less(self.number()?),
            token => return Err(unexpected(token, self.operators)),
        };
        Ok(Requirement { key, operator })
    }

    fn word(&mut self) -> Result<&'t str, String> {
        match self.next() {
            token if is_word(token) => Ok(token),
            token => Err(unexpected(token, "identifier")),
        }
    }

    /// A value, which may be left out: `a=`.
    fn exact(&mut self) -> Result<&'t str, String> {
        if matches!(self.peek(), END | ",") { Ok("") } else { self.word() }
    }

    fn value(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        checked(key, BTreeSet::from([self.exact()?.to_owned()]))
    }

    fn number(&mut self) -> Result<i64, String> {
        let word = self.exact()?;
        let why = "for 'Gt', 'Lt' operators, the value must be an integer";
        word.parse().map_err(|_| format!("values[0]: Invalid value: {word:?}: {why}"))
    }

    /// `(a, b)`. A value may be empty: `()`, `(a,)`.
    fn values(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        match self.next() {
            "(" => {}
            token => return Err(format!("found '{token}' expected: '('")),
        }
        match self.peek() {
            token if is_word(token) || matches!(token, "," | ")") => {}
            token => return Err(unexpected(token, "',', ')' or identifier")),
        }
        let mut values = BTreeSet::new();
        let mut is_value_due = true;
        loop {
            match self.next() {
                ")" => {
                    if is_value_due {
                        values.insert(String::new());
                    }
                    return checked(key, values);
                }
                "," => {
                    if is_value_due {
                        values.insert(String::new());
                    }
                    is_value_due = true;
                }
                token if is_word(token) && is_value_due => {
                    values.insert(token.to_owned());
                    is_value_due = false;
                }
                token if is_value_due => return Err(unexpected(token, "',', or identifier")),
                token => return Err(unexpected(token, "',' or ')'")),
            }
        }
    }
}

const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const PREFIX_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// How long names and values may be, and prefixes of names.
const MAX_NAME: usize = 63;
const MAX_PREFIX: usize = 253;

fn check_key(key: &str) -> Result<(), String> {
    let faults = key_faults(key);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("<nil>: Invalid value: {key:?}: {}", faults.join("; ")))
    }
}

fn key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (prefix, name) = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => (None, name),
        [prefix, name] => (Some(prefix), name),
        _ => {
            let remedy = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {NAME_RULE} {remedy}")];
        }
    };
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            if prefix.len() > MAX_PREFIX {
                faults.push(format!("prefix part must be no more than {MAX_PREFIX} bytes"));
            }
            if !is_subdomain(prefix) {
                faults.push(format!("prefix part {PREFIX_RULE}"));
            }
        }
        None => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_NAME {
        faults.push(format!("name part must be no more than {MAX_NAME} bytes"));
    }
    if !is_name(name) {
        faults.push(format!("name part {NAME_RULE}"));
    }
    faults
}

/// The values, if all of them can be those of labels.
fn checked(key: &str, values: BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    let mut faults = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut why = Vec::new();
        if value.len() > MAX_NAME {
            why.push(format!("must be no more than {MAX_NAME} bytes"));
        }
        if !value.is_empty() && !is_name(value) {
            why.push(VALUE_RULE.to_owned());
        }
        if !why.is_empty() {
            faults.push(format!("values[{index}][{key}]: Invalid value: {value:?}: {}", why.join("; ")));
        }
    }
    match &faults[..] {
        [] => Ok(values),
        [fault] => Err(fault.clone()),
        _ => Err(format!("[{}]", faults.join(", "))),
    }
}

fn is_name(text: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    is_edge(text.chars().next()) && is_edge(text.chars().next_back()) && text.chars().all(is_inner)
}

fn is_subdomain(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.split('.').all(|part| is_name(part) && part.chars().all(is_inner))
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
            "empty in (a,)",
            "empty in ()",
            "empty in (,a)",
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
        for (selector, reason) in [
            ("=", "found '=', expected: !, identifier, or 'end of string'"),
            ("app=web,", "found '', expected: identifier after ','"),
            ("app,,n", "found ',', expected: identifier after ','"),
            ("app=web b", "found 'b', expected: ',' or 'end of string'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("app==(", "unable to parse requirement: found '(', expected: identifier"),
            ("app in web", "unable to parse requirement: found 'web' expected: '('"),
            ("app in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
            ("app in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("app in (a,", "unable to parse requirement: found '', expected: ',', or identifier"),
            (
                "app > x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ] {
            let error = LabelSelector::parse(selector).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.selector.as_str()), (reason, selector));
        }
        for (selector, place) in [
            ("-a", "<nil>: Invalid value: \"-a\": name part must consist of "),
            ("a/b/c", "<nil>: Invalid value: \"a/b/c\": a valid label key must consist of "),
            ("/a", "<nil>: Invalid value: \"/a\": prefix part must be non-empty"),
            ("A.b/a", "<nil>: Invalid value: \"A.b/a\": prefix part a lowercase RFC 1123 subdomain "),
            ("a in (b, -c)", "values[0][a]: Invalid value: \"-c\": a valid label must be "),
        ] {
            let error = LabelSelector::parse(selector).unwrap_err().to_string();
            assert!(error.starts_with(&format!("unable to parse requirement: {place}")), "{error}");
        }
    }
}
