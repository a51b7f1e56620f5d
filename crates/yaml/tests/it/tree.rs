//! Trees: positions, comments, aliases, bounds.

use std::fmt::Write as _;

use sluice_yaml::{
    Error, Kind, Limits, Node, ScalarStyle, Version, documents, parse, parse_bytes, parse_first, tag,
};

fn root(text: &str) -> Node {
    parse_first(text).unwrap().unwrap()
}

fn fails(text: &str) -> Error {
    parse(text)
        .and_then(|all| all.iter().map(|one| one.root.to_json(Version::V3)).collect::<Result<Vec<_>, _>>())
        .unwrap_err()
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "a: one\nlist:\n- é: 'two'\n- |\n  three\n  four\nflow: {x: [1, 22]}\n";
    let node = root(text);
    let source = |node: &Node| text.get(node.position.span()).unwrap();
    assert_eq!(source(node.get("a").unwrap()), "one");
    let list = node.get("list").unwrap();
    assert_eq!((list.position.line, list.position.column), (3, 1));
    let two = list.as_sequence().unwrap()[0].get("é").unwrap();
    assert_eq!((source(two), two.position.line, two.position.column), ("'two'", 3, 6));
    let block = &list.as_sequence().unwrap()[1];
    assert_eq!((source(block), block.position.line), ("|\n  three\n  four\n", 4));
    assert_eq!(source(node.at(&["flow", "x"]).unwrap()), "[1, 22]");
    assert_eq!(node.at(&["flow", "x"]).unwrap().as_sequence().unwrap()[1].position.column, 15);
    assert_eq!(node.position.span(), 0..text.len() - 1);
}

#[test]
fn styles_tags_and_anchors_are_kept() {
    let node = root("a: &x !!str 1\nb: \"q\"\nc: 'q'\nd: >-\n  f\ne: !mine {x: 1}\n");
    let a = node.get("a").unwrap();
    assert_eq!((a.anchor.as_deref(), a.tag.as_deref()), (Some("x"), Some(tag::STR)));
    let style = |key: &str| node.get(key).unwrap().as_scalar().unwrap().style;
    assert_eq!(style("b"), ScalarStyle::DoubleQuoted);
    assert_eq!(style("c"), ScalarStyle::SingleQuoted);
    assert_eq!(style("d"), ScalarStyle::Folded);
    let e = node.get("e").unwrap();
    assert_eq!(
        (e.tag.as_deref(), e.kind(), e.as_mapping().unwrap().flow),
        (Some("!mine"), Kind::Mapping, true)
    );
}

#[test]
fn comments_go_to_the_node_they_speak_of() {
    let text = "\
# before a
# twice
a: 1 # behind a
b: # behind b
  # before c
  c: x # behind c
  # foot of b
# before d
d:
# before e
- e # behind e
- # before f
  f: 1
g: | # behind g
  text
h: [x] # behind h
# the end
";
    let document = parse(text).unwrap().remove(0);
    let mapping = document.root.as_mapping().unwrap();
    let key = |name: &str| mapping.iter().find(|entry| entry.name() == Some(name)).unwrap();
    let head = |node: &Node| node.comments.as_ref().map(|comments| comments.head.clone()).unwrap_or_default();
    let line = |node: &Node| node.comments.as_ref().map(|comments| comments.line.clone()).unwrap_or_default();
    assert_eq!(head(&key("a").key), "# before a\n# twice");
    assert_eq!(line(&key("a").value), "# behind a");
    assert_eq!(line(&key("b").key), "# behind b");
    let b = &key("b").value;
    assert_eq!(head(&b.as_mapping().unwrap().entries()[0].key), "# before c");
    assert_eq!(line(b.get("c").unwrap()), "# behind c");
    assert_eq!(b.comments.as_ref().unwrap().foot, "# foot of b");
    assert_eq!(head(&key("d").key), "# before d");
    let items = key("d").value.as_sequence().unwrap();
    assert_eq!((head(&items[0]), line(&items[0])), ("# before e".to_owned(), "# behind e".to_owned()));
    assert_eq!(head(&items[1].as_mapping().unwrap().entries()[0].key), "# before f");
    assert_eq!(line(&key("g").value), "# behind g");
    assert_eq!(line(&key("h").value), "# behind h");
    assert_eq!(document.root.comments.as_ref().unwrap().foot, "# the end");
}

#[test]
fn aliases_are_copies() {
    let node = root("base: &b {x: 1}\ncopy: *b\n");
    let copy = node.get("copy").unwrap();
    assert_eq!(copy, node.get("base").unwrap());
    assert_eq!(copy.anchor, None);
    let message = fails("a: *nope\n").to_string();
    assert_eq!(message, "yaml: line 1: unknown anchor 'nope' referenced");
    assert_eq!(fails("a:\n- &a [*a]\n").to_string(), "yaml: line 2: anchor 'a' value contains itself");
}

#[test]
fn merge_keys_can_be_taken_in() {
    let mut node = root("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n");
    node.expand_merges(Version::V3).unwrap();
    assert_eq!(node.to_json(Version::V3).unwrap()["y"], serde_json::json!({"a": 1, "b": 3}));
    assert!(!node.get("y").unwrap().as_mapping().unwrap().contains_key("<<"));
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        writeln!(text, "a{level}: &a{level} [{}]", below.trim_end_matches(", ")).unwrap();
    }
    let error = fails(&text);
    assert!(matches!(error, Error::Limit { .. }) && error.line() > 1, "{error}");
    assert!(error.to_string().contains("document contains excessive aliasing"), "{error}");
}

#[test]
fn deep_input_is_refused_before_the_stack_ends() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error.to_string(), "yaml: line 1: exceeded max depth of 256");
    }
    let mut block = String::new();
    let mut nested = "a0: &a0 []\n".to_owned();
    for n in 0..300 {
        writeln!(block, "{}a:", " ".repeat(n)).unwrap();
        writeln!(nested, "a{}: &a{} [*a{n}]", n + 1, n + 1).unwrap();
    }
    assert_eq!(parse(&block).unwrap_err().line(), 257);
    assert!(parse(&nested).unwrap_err().to_string().contains("exceeded max depth"));
    let fits = format!("{}1{}", "[".repeat(256), "]".repeat(256));
    root(&fits).to_json(Version::V2).unwrap();
    let limits = Limits { depth: 3, ..Limits::default() };
    assert!(documents("a: {b: {c: {}}}", limits).next().unwrap().is_err());
    assert!(documents("a: {b: {}}", limits).next().unwrap().is_ok());
}

#[test]
fn streams_of_documents() {
    let lines = |text: &str| parse(text).unwrap().iter().map(|document| document.line).collect::<Vec<_>>();
    assert_eq!(lines(""), [] as [u32; 0]);
    assert_eq!(lines("# only a comment\n"), [] as [u32; 0]);
    assert_eq!(lines("---\n"), [1]);
    assert_eq!(lines("a: 1\n---\nb: 2\n...\n---\n# c\nc: 3\n"), [1, 2, 5]);
    assert_eq!(lines("\u{feff}a: 1\r\n---\r\nb: 2\r\n"), [1, 2]);
    let mut stream = documents("a: 1\n---\nb: c: d\n---\ne: 1\n", Limits::default());
    assert!(stream.next().unwrap().is_ok());
    let error = stream.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "yaml: line 3: mapping values are not allowed in this context");
    assert!(stream.next().is_none());
}

#[test]
fn errors_name_the_line_of_the_cause() {
    let says = |text: &str, message: &str| assert_eq!(fails(text).to_string(), message, "{text:?}");
    says("a: 1\na: 2\n", "yaml: line 2: mapping key \"a\" already defined at line 1");
    says("a:\n  1: x\n", "yaml: line 2: invalid map key: 1: keys must be strings; quote it");
    says("a: 1\nb: \"x\nc: 2\n", "yaml: line 2: found unexpected end of stream: the quote is not closed");
    says(
        "a:\n  b: [1, 2\nc: 3\n",
        "yaml: line 3: did not find expected ',' or ']' in the list that starts at line 2",
    );
    says("a: 1\n\tb: 2\n", "yaml: line 2: found a tab character that violates indentation");
    says("a:\n\tb: 2\n", "yaml: line 2: found character that cannot start any token");
    says("a: !!int x\n", "yaml: line 1: cannot decode !!str `x` as a !!int");
    says(
        "a: 1\nb: .inf\n",
        "yaml: line 2: json: unsupported value: +Inf: JSON has neither infinities nor NaN",
    );
    says("a: 1\nb: \u{1}\n", "yaml: line 2: control characters are not allowed: U+0001 at column 4");
    says("a: {<<: 5}\n", "yaml: line 1: map merge requires map or sequence of maps as the value");
}

#[test]
fn bytes_may_be_utf8_or_utf16() {
    let text = "a: é\n";
    let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
        let mut all = mark.to_vec();
        all.extend(text.encode_utf16().flat_map(bytes));
        all
    };
    for bytes in [
        text.as_bytes().to_vec(),
        utf16([0xFF, 0xFE], u16::to_le_bytes),
        utf16([0xFE, 0xFF], u16::to_be_bytes),
    ] {
        assert_eq!(parse_bytes(&bytes).unwrap()[0].root.get("a").unwrap().as_str(), Some("é"));
    }
    assert_eq!(parse_bytes(b"a: 1\nb: \xff\n").unwrap_err().line(), 2);
}

#[test]
fn mappings_keep_their_order_when_changed() {
    let mut node = root("b: 1\na: 2\nc: 3\n");
    let copy = node.clone();
    let mapping = node.as_mapping_mut().unwrap();
    mapping.insert("a", Node::int(9));
    mapping.insert("d", Node::string("yes"));
    assert_eq!(mapping.remove("b").unwrap().as_str(), Some("1"));
    let names: Vec<_> = mapping.iter().filter_map(sluice_yaml::Entry::name).collect();
    assert_eq!(names, ["a", "c", "d"]);
    assert_eq!(node.to_json(Version::V2).unwrap()["d"], "yes");
    assert_eq!(copy.as_mapping().unwrap().len(), 3, "a copy does not change with its original");
}
