//! Which node a comment belongs to.
//!
//! Whole lines before an entry are its head; what stands behind a node on its line is its line comment; whole lines
//! behind the last entry of a block collection, indented at least as deep as its entries, are the collection's foot.

use super::cursor::Mark;
use super::scan::Scanner;
use crate::node::Node;

fn append(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

impl Scanner<'_> {
    /// The comments before that place, as a head; sets it on the node if there are any.
    pub(super) fn take_head(&mut self, before: Mark) -> String {
        let mut head = String::new();
        while let Some(comment) = self.comments.front()
            && comment.start.pos < before.pos
        {
            append(&mut head, comment.text);
            self.comments.pop_front();
        }
        head
    }

    /// Gives the node that ends at `end` the comment behind it on that line (or, for a block scalar, in its header).
    pub(super) fn take_line(&mut self, node: &mut Node, start: Mark, end: Mark) {
        while let Some(comment) = self.comments.front()
            && !comment.own_line
            && (comment.start.pos < end.pos
                || comment.start.line == end.line
                || comment.start.line == start.line)
        {
            append(&mut node.comments_mut().line, comment.text);
            self.comments.pop_front();
        }
    }

    /// Gives a block collection whose entries stand at that column the comments before `end` that are as deep.
    pub(super) fn take_foot(&mut self, node: &mut Node, column: u32, end: Mark) {
        while let Some(comment) = self.comments.front()
            && comment.own_line
            && comment.start.pos < end.pos
            && comment.start.column >= column
        {
            append(&mut node.comments_mut().foot, comment.text);
            self.comments.pop_front();
        }
    }
}
