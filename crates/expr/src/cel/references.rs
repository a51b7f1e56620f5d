//! Which names of an expression stand for nothing: found before it is evaluated, and told as cel-go tells it.

use std::fmt::Write;

use cel::common::ast::{EntryExpr, Expr};
use cel::{IdedExpr, Program};

/// Most references that are told, as in cel-go.
const MAX_TOLD: usize = 100;

/// Longest line, in bytes, that is shown with a place in it.
const MAX_LINE: usize = 16 * 1024;

/// Identifiers that are types, not variables.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

/// Types of `google.protobuf` that messages are made of.
const MESSAGES: &[&str] = &[
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "Empty",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Value",
];

/// Functions that cel-go declares with the libraries that Flux gives it. Whether one takes what it is called with is seen
/// at evaluation.
const FUNCTIONS: &[&str] = &[
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "first",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "join",
    "last",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "optional.unwrap",
    "or",
    "orValue",
    "replace",
    "reverse",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "size",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "unwrapOpt",
    "upperAscii",
    "value",
];

/// The message about all names that stand for nothing, where there are any.
pub(super) fn undeclared(program: &Program, source: &str, variables: &[&str]) -> Option<String> {
    let mut search = Search { bound: variables.to_vec(), found: Vec::new() };
    search.walk(program.expression());
    if search.found.is_empty() {
        return None;
    }
    let offset = |id: u64| program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
    let mut found: Vec<_> = search.found.into_iter().map(|(id, name)| (offset(id), name)).collect();
    found.sort_by_key(|(offset, _)| *offset);
    let mut told: Vec<_> = found.iter().take(MAX_TOLD).map(|(at, name)| told(source, *at, name)).collect();
    if let Some(more) = found.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        told.push(format!("{more} more errors were truncated"));
    }
    Some(told.join("\n"))
}

/// One reference by its byte, and the line that it stands in.
fn told(source: &str, offset: usize, name: &str) -> String {
    let before = source.get(..offset).unwrap_or_default();
    let (line, start) = (before.matches('\n').count(), before.rfind('\n').map_or(0, |end| end + 1));
    // Columns count characters.
    let column = source.get(start..offset).map_or(0, |text| text.chars().count());
    let mut text = format!(
        "ERROR: <input>:{}:{}: undeclared reference to '{name}' (in container '')",
        line + 1,
        column + 1
    );
    if let Some(shown) = source.split('\n').nth(line).filter(|shown| shown.len() <= MAX_LINE) {
        let mark = |character: Option<char>, narrow, wide| match character {
            Some(character) if !character.is_ascii() => wide,
            _ => narrow,
        };
        let dots: String = shown.chars().take(column).map(|c| mark(Some(c), '.', '．')).collect();
        let caret = mark(shown.chars().nth(column), '^', '＾');
        let _ = write!(text, "\n | {}\n | {dots}{caret}", shown.replace('\t', " "));
    }
    text
}

/// What is known so far.
struct Search<'e> {
    /// Variables, those of macros around the place included.
    bound: Vec<&'e str>,
    /// Names that stand for nothing, each with the part of the expression that it is told of.
    found: Vec<(u64, String)>,
}

impl<'e> Search<'e> {
    fn walk(&mut self, expression: &'e IdedExpr) {
        match &expression.expr {
            Expr::Ident(name) => {
                if !self.is_known(name) {
                    self.found.push((expression.id, name.clone()));
                }
            }
            Expr::Select(select) => {
                let is_type = !select.test && qualified(expression).as_deref().is_some_and(is_message);
                if !is_type {
                    self.walk(&select.operand);
                }
            }
            Expr::Call(call) => {
                let name = call.func_name.as_str();
                let place = call.target.as_deref().and_then(qualified);
                let is_qualified = place.is_some_and(|place| is_function(&format!("{place}.{name}")));
                if !is_qualified {
                    call.target.iter().for_each(|target| self.walk(target));
                    if !is_function(name) {
                        self.found.push((expression.id, name.to_owned()));
                    }
                }
                call.args.iter().for_each(|argument| self.walk(argument));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.walk(element)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    self.walk_entry(&entry.expr);
                }
            }
            Expr::Struct(of) => {
                if !is_message(&of.type_name) {
                    self.found.push((expression.id, of.type_name.clone()));
                    return;
                }
                for entry in &of.entries {
                    self.walk_entry(&entry.expr);
                }
            }
            Expr::Comprehension(c) => {
                self.walk(&c.iter_range);
                self.walk(&c.accu_init);
                let outside = self.bound.len();
                self.bound.push(&c.iter_var);
                self.bound.extend(c.iter_var2.as_deref());
                self.bound.push(&c.accu_var);
                for part in [&c.loop_cond, &c.loop_step, &c.result] {
                    self.walk(part);
                }
                self.bound.truncate(outside);
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn walk_entry(&mut self, entry: &'e EntryExpr) {
        match entry {
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key);
                self.walk(&entry.value);
            }
            EntryExpr::StructField(field) => self.walk(&field.value),
        }
    }

    fn is_known(&self, name: &str) -> bool {
        // Macros name what they need with a sign, which nobody can write.
        self.bound.contains(&name) || TYPES.contains(&name) || name.starts_with(['@', '#'])
    }
}

/// Operators are functions with signs in their names, so that nobody can call them by name: `_==_`, `!_`, `@in`.
fn is_function(name: &str) -> bool {
    let is_sign = |c: char| !c.is_alphanumeric() && c != '_' && c != '.';
    FUNCTIONS.binary_search(&name).is_ok() || name.contains(is_sign)
}

fn is_message(name: &str) -> bool {
    name.strip_prefix("google.protobuf.").is_some_and(|name| MESSAGES.contains(&name))
}

/// `a.b.c` as one name.
fn qualified(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", qualified(&select.operand)?, select.field))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted() {
        assert!(FUNCTIONS.is_sorted());
    }
}
