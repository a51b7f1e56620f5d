//! From the tree to the `regex` crate's syntax.

use std::fmt::Write;

use super::parse::Tree;

/// The pattern for the `regex` crate, and the names of its groups, the whole match first.
pub(super) fn write(tree: &Tree) -> (String, Vec<String>) {
    let mut writer = Writer { out: String::new(), names: vec![String::new()] };
    writer.tree(tree);
    (writer.out, writer.names)
}

struct Writer {
    out: String,
    names: Vec<String>,
}

impl Writer {
    fn tree(&mut self, tree: &Tree) {
        match tree {
            Tree::Literal { char, fold_case } => self.literal(*char, *fold_case),
            Tree::Class(class) => class.write(&mut self.out),
            Tree::Look(look) => self.out.push_str(look),
            Tree::Repeat { tree, min, max, greedy } => {
                self.group("(?:", tree);
                // Writing to a String cannot fail.
                let _ = match (min, max) {
                    (0, None) => self.out.write_str("*"),
                    (1, None) => self.out.write_str("+"),
                    (0, Some(1)) => self.out.write_str("?"),
                    (min, None) => write!(self.out, "{{{min},}}"),
                    (min, Some(max)) => write!(self.out, "{{{min},{max}}}"),
                };
                if !greedy {
                    self.out.push('?');
                }
            }
            Tree::Capture { tree, name } => {
                // Go lets names repeat; we look them up ourselves.
                self.names.push(name.clone().unwrap_or_default());
                self.group("(", tree);
            }
            Tree::Concat(trees) => {
                for tree in trees {
                    match tree {
                        Tree::Alternate(_) => self.group("(?:", tree),
                        _ => self.tree(tree),
                    }
                }
            }
            Tree::Alternate(trees) => {
                for (index, tree) in trees.iter().enumerate() {
                    if index > 0 {
                        self.out.push('|');
                    }
                    self.tree(tree);
                }
            }
        }
    }

    fn group(&mut self, open: &str, tree: &Tree) {
        self.out.push_str(open);
        self.tree(tree);
        self.out.push(')');
    }

    fn literal(&mut self, char: char, fold_case: bool) {
        let fold_case = fold_case && (char.is_alphabetic() || !char.is_ascii());
        if fold_case {
            self.out.push_str("(?i:");
        }
        if char.is_ascii_alphanumeric() {
            self.out.push(char);
        } else {
            let _ = write!(self.out, r"\x{{{:X}}}", u32::from(char));
        }
        if fold_case {
            self.out.push(')');
        }
    }
}
