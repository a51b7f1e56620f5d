//! Marked scalars of texts that are no YAML as a whole: templates, mostly.

use sluice_yaml::{Node, Value, Version, tag};

use super::marker::{Marker, comment};
use super::{Marked, Object};

/// The marked scalars that stand on one line: `key: value # marker` or `- value # marker`.
pub(super) fn marked(text: &str) -> Vec<Marked> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        if let Some(mut place) = on_line(line) {
            place.span = start + place.span.start..start + place.span.end;
            place.line = number;
            found.push(place);
        }
        start += line.len();
    }
    found
}

fn on_line(line: &str) -> Option<Marked> {
    let (start, comment) = comment(line)?;
    let marker = Marker::parse(comment)?.ok()?;
    let before = line.get(..start)?;
    let node = sluice_yaml::parse_first(before).ok()??;
    let scalar = only_scalar(&node)?;
    let null = scalar.resolve(Version::V3).is_some_and(|value| value.tag() == tag::NULL);
    let written = scalar.as_scalar()?;
    (!null).then(|| Marked {
        marker,
        span: scalar.position.span(),
        style: written.style,
        value: written.text.to_string(),
        line: 0,
        above: false,
        object: Object::default(),
    })
}

/// The only scalar of `key: scalar`, `- scalar` or `- key: scalar`. A scalar alone may be part of a longer one.
fn only_scalar(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::Sequence(items) => match &**items {
            [item] if !items.flow => item.as_scalar().map(|_| item).or_else(|| only_scalar(item)),
            _ => None,
        },
        Value::Mapping(mapping) => match mapping.entries() {
            [entry] if !mapping.flow => entry.value.as_scalar().map(|_| &entry.value),
            _ => None,
        },
    }
}
