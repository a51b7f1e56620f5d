//! Metadata in formats without nesting: `age__list_0__map_enc`.

use std::collections::BTreeMap;

use crate::tree::{Entry, Item, Value};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// How deep metadata nest.
const MAX_DEPTH: usize = 16;

#[derive(Debug)]
enum Step<'k> {
    Key(&'k str),
    Index(usize),
}

#[derive(Default)]
struct Node {
    value: Option<Value>,
    keys: BTreeMap<String, Node>,
    items: BTreeMap<usize, Node>,
}

/// The mapping that flat keys stand for.
pub(super) fn unflatten(pairs: Vec<(String, Value)>) -> Result<Vec<Entry>, String> {
    let mut root = Node::default();
    for (key, value) in pairs {
        let fail = |cause: &str| format!("Error while unflattening \"{key}\": {cause}");
        let steps = steps(&key);
        if steps.len() > MAX_DEPTH {
            return Err(fail("it nests too deep"));
        }
        let mut node = &mut root;
        for step in steps {
            node = match step {
                Step::Key(key) => node.keys.entry(key.to_owned()).or_default(),
                Step::Index(index) => node.items.entry(index).or_default(),
            };
        }
        if node.value.replace(value).is_some() {
            return Err(fail("Duplicate value"));
        }
    }
    match convert(root)? {
        Value::Map(entries) => Ok(entries),
        _ => Err("Error while unflattening: the metadata are no mapping".to_owned()),
    }
}

fn steps(key: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let (mut rest, mut in_list) = (key, false);
    loop {
        let next = [MAP, LIST].into_iter().filter_map(|mark| Some((rest.find(mark)?, mark))).min();
        let end = next.map_or(rest.len(), |(at, _)| at);
        let name = rest.get(..end).unwrap_or_default();
        steps.push(if in_list { Step::Index(name.parse().unwrap_or(0)) } else { Step::Key(name) });
        let Some((at, mark)) = next else { return steps };
        rest = rest.get(at + mark.len()..).unwrap_or_default();
        in_list = mark == LIST;
    }
}

fn convert(node: Node) -> Result<Value, String> {
    let fail = |cause: &str| Err(format!("Error while unflattening: {cause}"));
    match (node.value, node.keys.is_empty(), node.items.is_empty()) {
        (Some(value), true, true) => Ok(value),
        (None, _, true) => {
            let pairs = node.keys.into_iter().map(|(key, node)| Ok(Entry::Pair(key, convert(node)?)));
            Ok(Value::Map(pairs.collect::<Result<_, String>>()?))
        }
        (None, true, false) => {
            if node.items.keys().copied().ne(0..node.items.len()) {
                return fail("Incomplete list");
            }
            let items = node.items.into_values().map(|node| Ok(Item::Value(convert(node)?)));
            Ok(Value::List(items.collect::<Result<_, String>>()?))
        }
        _ => fail("Type mismatch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_trees() {
        let text = |text: &str| Value::Text(text.to_owned());
        let pairs = vec![
            ("age__list_0__map_enc".to_owned(), text("e")),
            ("age__list_0__map_recipient".to_owned(), text("r")),
            ("mac".to_owned(), text("m")),
        ];
        let key = Value::Map(vec![
            Entry::Pair("enc".to_owned(), text("e")),
            Entry::Pair("recipient".to_owned(), text("r")),
        ]);
        let expected = vec![
            Entry::Pair("age".to_owned(), Value::List(vec![Item::Value(key)])),
            Entry::Pair("mac".to_owned(), text("m")),
        ];
        assert_eq!(unflatten(pairs).unwrap(), expected);
        let bad = vec![("a__list_1".to_owned(), text("x"))];
        assert!(unflatten(bad).unwrap_err().contains("Incomplete list"));
    }
}
