//! Tests of the crate as its users see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod json_patch;
mod merge_patch;
mod properties;
mod schema;
mod strategic;

use serde_json::Value as Json;
use sluice_yaml::{Node, Version};

fn node(text: &str) -> Node {
    sluice_yaml::parse_first(text).unwrap().unwrap()
}

fn json(node: &Node) -> Json {
    node.to_json(Version::V3).unwrap()
}

fn cases(text: &'static str) -> impl Iterator<Item = Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}
