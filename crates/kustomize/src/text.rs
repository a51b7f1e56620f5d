//! Trees as text that keeps styles and comments: for YAML documents within the fields of a resource.

use sluice_yaml::{Comments, Mapping, Node, ScalarStyle, Sequence, Value};

/// The tree as block YAML, indented by two, lists not indented under their key, no line folded.
pub(crate) fn to_text(node: &Node) -> String {
    let mut writer = Writer { out: String::new() };
    writer.comment_lines(head(node), 0);
    match &node.value {
        Value::Mapping(mapping) if is_block(node) => writer.mapping(mapping, 0, true),
        Value::Sequence(items) if is_block(node) => writer.sequence(items, 0, true),
        _ => {
            let inline = inline(node, 0);
            writer.line(&inline, node);
        }
    }
    writer.comment_lines(foot(node), 0);
    writer.out
}

struct Writer {
    out: String,
}

fn comments(node: &Node) -> Option<&Comments> {
    node.comments.as_deref()
}

fn head(node: &Node) -> &str {
    comments(node).map(|comments| comments.head.as_str()).unwrap_or_default()
}

fn foot(node: &Node) -> &str {
    comments(node).map(|comments| comments.foot.as_str()).unwrap_or_default()
}

/// Whether the node takes lines of its own.
fn is_block(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => !items.flow && !items.is_empty(),
        Value::Mapping(mapping) => !mapping.flow && !mapping.is_empty(),
    }
}

impl Writer {
    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn comment_lines(&mut self, comment: &str, indent: usize) {
        for line in comment.lines() {
            self.indent(indent);
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    /// Ends a line with a scalar or flow collection, and the comment behind it.
    fn line(&mut self, inline: &str, node: &Node) {
        self.out.push_str(inline);
        let comment = comments(node).map(|comments| comments.line.as_str()).unwrap_or_default();
        if !comment.is_empty() && !inline.contains('\n') {
            self.out.push(' ');
            self.out.push_str(comment);
        }
        if !inline.ends_with('\n') {
            self.out.push('\n');
        }
    }

    /// `indented`: whether the first line has to be indented.
    fn mapping(&mut self, mapping: &Mapping, indent: usize, mut indented: bool) {
        for entry in mapping {
            let comment = head(&entry.key);
            if indented {
                self.comment_lines(comment, indent);
                self.indent(indent);
            }
            indented = true;
            self.out.push_str(&inline(&entry.key, indent));
            self.out.push(':');
            match &entry.value.value {
                Value::Mapping(inner) if is_block(&entry.value) => {
                    self.line("", &entry.value);
                    self.mapping(inner, indent + 2, true);
                    self.comment_lines(foot(&entry.value), indent + 2);
                }
                Value::Sequence(items) if is_block(&entry.value) => {
                    self.line("", &entry.value);
                    self.sequence(items, indent, true);
                    self.comment_lines(foot(&entry.value), indent);
                }
                _ => {
                    let text = inline(&entry.value, indent);
                    let space = if text.is_empty() { "" } else { " " };
                    self.line(&format!("{space}{text}"), &entry.value);
                }
            }
        }
    }

    fn sequence(&mut self, items: &Sequence, indent: usize, mut indented: bool) {
        for item in items.iter() {
            if indented {
                self.comment_lines(head(item), indent);
                self.indent(indent);
            }
            indented = true;
            self.out.push_str("- ");
            match &item.value {
                Value::Mapping(mapping) if is_block(item) => self.mapping(mapping, indent + 2, false),
                Value::Sequence(inner) if is_block(item) => self.sequence(inner, indent + 2, false),
                _ => {
                    let text = inline(item, indent);
                    self.line(&text, item);
                }
            }
        }
    }
}

/// A scalar or flow collection; a block scalar has its lines indented below `indent`.
fn inline(node: &Node, indent: usize) -> String {
    match &node.value {
        Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(|item| inline(item, indent)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(mapping) => {
            let entries: Vec<_> = mapping
                .iter()
                .map(|entry| format!("{}: {}", inline(&entry.key, indent), inline(&entry.value, indent)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Scalar(scalar) => match scalar.style {
            ScalarStyle::Plain => plain(&scalar.text),
            ScalarStyle::SingleQuoted if !scalar.text.contains('\n') => {
                format!("'{}'", scalar.text.replace('\'', "''"))
            }
            // JSON's escapes are among YAML's.
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                serde_json::Value::String(scalar.text.to_string()).to_string()
            }
            ScalarStyle::Literal | ScalarStyle::Folded => literal(&scalar.text, indent + 2),
        },
    }
}

/// A plain text, quoted if it can't stand bare.
fn plain(text: &str) -> String {
    let read = sluice_yaml::parse_first(text).ok().flatten();
    let same = read.is_some_and(|node| {
        node.comments.is_none()
            && node
                .as_scalar()
                .is_some_and(|scalar| scalar.style == ScalarStyle::Plain && *scalar.text == *text)
    });
    if same || text.is_empty() {
        return text.to_owned();
    }
    sluice_yaml::to_yaml(&serde_json::Value::String(text.to_owned())).trim_end().to_owned()
}

fn literal(text: &str, indent: usize) -> String {
    let chomping = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let mut out = format!("|{hint}{chomping}\n");
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_styles_and_comments() {
        let text = "# head\na: \"x\" # line\nb:\n- c: 1\n  # inner\n  d: 'y'\n- e\nf: {g: [h, \"i\"]}\nj: |-\n  k\n  l\nm:\n";
        let node = sluice_yaml::parse_first(text).unwrap().unwrap();
        assert_eq!(to_text(&node), text);
    }

    #[test]
    fn indents_as_kyaml_does() {
        let node = sluice_yaml::parse_first("a:\n    - b:\n        c: d\n    -   - e\n").unwrap().unwrap();
        assert_eq!(to_text(&node), "a:\n- b:\n    c: d\n- - e\n");
    }

    #[test]
    fn quotes_what_cannot_stand_bare() {
        let mut node = sluice_yaml::parse_first("a: b").unwrap().unwrap();
        node.get_mut("a").unwrap().set_text("c: d");
        assert_eq!(to_text(&node), "a: 'c: d'\n");
    }
}
