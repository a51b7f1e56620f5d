//! Differences between two states of an object, for people: paths, then what was and what would be.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The differences, each behind its path and followed by an empty line; empty if there are none.
pub(crate) fn differences(before: &Value, after: &Value) -> String {
    let mut report = Report { out: String::from("\n"), any: false };
    report.compare(&mut Vec::new(), before, after);
    if report.any { report.out } else { String::new() }
}

struct Report {
    out: String,
    any: bool,
}

impl Report {
    fn compare(&mut self, path: &mut Vec<String>, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Object(a), Value::Object(b)) => self.maps(path, a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(path, a, b),
            (a, b) if a == b => {}
            (Value::String(a), Value::String(b)) if a.contains('\n') || b.contains('\n') => {
                let lines = multiline(a, b);
                self.block(path, &format!("± value change in multiline text\n{lines}"));
            }
            (a, b) if kind(a) == kind(b) => {
                self.block(path, &format!("± value change\n- {}\n+ {}\n", scalar(a), scalar(b)));
            }
            (a, b) => {
                let change = format!("± type change from {} to {}", kind(a), kind(b));
                self.block(path, &format!("{change}\n{}{}", indented("- ", a), indented("+ ", b)));
            }
        }
    }

    fn maps(&mut self, path: &mut Vec<String>, before: &Map<String, Value>, after: &Map<String, Value>) {
        let only = |a: &Map<String, Value>, b: &Map<String, Value>| {
            let only = a.iter().filter(|(key, value)| !b.contains_key(*key) && !value.is_null());
            only.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>()
        };
        let (removed, added) = (only(before, after), only(after, before));
        let mut text = String::new();
        for (sign, entries, what) in [('-', removed, "removed"), ('+', added, "added")] {
            if !entries.is_empty() {
                let count = counted(entries.len(), "map entry", "map entries");
                let _ = write!(text, "{sign} {count} {what}:\n{}", indented("  ", &Value::Object(entries)));
            }
        }
        if !text.is_empty() {
            self.block(path, &text);
        }
        for (key, value) in before {
            if let Some(other) = after.get(key) {
                path.push(key.clone());
                self.compare(path, value, other);
                path.pop();
            }
        }
    }

    /// Entries with names are compared by name, others as a whole.
    fn lists(&mut self, path: &mut Vec<String>, before: &[Value], after: &[Value]) {
        let key = ["name", "key", "id"].into_iter().find(|key| {
            let named = |list: &[Value]| {
                let names: Vec<_> = list.iter().filter_map(|item| item[*key].as_str()).collect();
                let distinct: std::collections::BTreeSet<_> = names.iter().collect();
                names.len() == list.len() && distinct.len() == list.len()
            };
            named(before) && named(after)
        });
        let Some(key) = key.filter(|_| !before.is_empty() && !after.is_empty()) else {
            return self.plain_lists(path, before, after);
        };
        let find = |list: &[Value], item: &Value| list.iter().find(|other| other[key] == item[key]).cloned();
        let removed: Vec<Value> = before.iter().filter(|item| find(after, item).is_none()).cloned().collect();
        let added: Vec<Value> = after.iter().filter(|item| find(before, item).is_none()).cloned().collect();
        self.entries(path, removed, added);
        for item in before {
            if let Some(other) = find(after, item) {
                path.push(item[key].as_str().unwrap_or_default().to_owned());
                self.compare(path, item, &other);
                path.pop();
            }
        }
    }

    fn plain_lists(&mut self, path: &mut Vec<String>, before: &[Value], after: &[Value]) {
        if before.len() == after.len() && before.iter().all(|item| item.is_object() || item.is_array()) {
            for (index, (a, b)) in before.iter().zip(after).enumerate() {
                path.push(index.to_string());
                self.compare(path, a, b);
                path.pop();
            }
            return;
        }
        let removed = before.iter().filter(|item| !after.contains(item)).cloned().collect::<Vec<_>>();
        let added = after.iter().filter(|item| !before.contains(item)).cloned().collect::<Vec<_>>();
        if removed.is_empty() && added.is_empty() && before != after {
            let (a, b) = (Value::from(before), Value::from(after));
            return self
                .block(path, &format!("⇆ order changed\n{}{}", indented("- ", &a), indented("+ ", &b)));
        }
        self.entries(path, removed, added);
    }

    fn entries(&mut self, path: &[String], removed: Vec<Value>, added: Vec<Value>) {
        let mut text = String::new();
        for (sign, entries, what) in [('-', removed, "removed"), ('+', added, "added")] {
            if !entries.is_empty() {
                let count = counted(entries.len(), "list entry", "list entries");
                let _ = write!(text, "{sign} {count} {what}:\n{}", indented("  ", &Value::from(entries)));
            }
        }
        if !text.is_empty() {
            self.block(path, &text);
        }
    }

    fn block(&mut self, path: &[String], text: &str) {
        self.any = true;
        let path = if path.is_empty() { "(root level)".to_owned() } else { path.join(".") };
        // Writing to a string can't fail.
        let _ = writeln!(self.out, "{path}\n{text}");
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The value as YAML, every line behind the prefix (its first line) or as many spaces.
fn indented(prefix: &str, value: &Value) -> String {
    let text = sluice_yaml::to_yaml(value);
    let blank = " ".repeat(prefix.chars().count());
    let line = |(index, line): (usize, &str)| format!("{}{line}\n", if index == 0 { prefix } else { &blank });
    text.lines().enumerate().map(line).collect()
}

/// Lines that are not common to both, with one line of what surrounds them.
fn multiline(before: &str, after: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - start;
    let end = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    let mut add = |sign: &str, lines: Option<&[&str]>| {
        for line in lines.unwrap_or_default() {
            let _ = writeln!(out, "{sign} {line}");
        }
    };
    add(" ", a.get(start.saturating_sub(1)..start));
    add("-", a.get(start..a.len() - end));
    add("+", b.get(start..b.len() - end));
    add(" ", a.get(a.len() - end..(a.len() - end + 1).min(a.len())));
    out
}

fn counted(count: usize, one: &str, many: &str) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let word = WORDS.get(count).map_or_else(|| count.to_string(), ToString::to_string);
    format!("{word} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_by_path() {
        let before = json!({"spec": {"ports": [{"name": "http", "port": 9899}], "replicas": 1}});
        let after = json!({"spec": {"ports": [{"name": "http", "port": 9898}], "replicas": 1}});
        assert_eq!(
            differences(&before, &after),
            "\nspec.ports.http.port\n± value change\n- 9899\n+ 9898\n\n"
        );
        assert_eq!(differences(&before, &before), "");
    }

    #[test]
    fn entries_come_and_go() {
        let before = json!({"metadata": {}, "list": ["a", "b"]});
        let after = json!({"metadata": {"labels": {"a": "b"}}, "list": ["b", "c", "d"]});
        assert_eq!(
            differences(&before, &after),
            "\nlist\n- one list entry removed:\n  - a\n+ two list entries added:\n  - c\n  - d\n\nmetadata\n+ one map entry added:\n  labels:\n    a: b\n\n"
        );
    }

    #[test]
    fn texts_are_shown_by_line() {
        let text = differences(&json!({"a": "one\ntwo\nthree\n"}), &json!({"a": "one\n2\nthree\n"}));
        assert_eq!(text, "\na\n± value change in multiline text\n  one\n- two\n+ 2\n  three\n\n");
        let text = differences(&json!({"a": 1}), &json!({"a": "1"}));
        assert!(text.contains("± type change from int to string"), "{text}");
    }
}
