//! Tables as flux prints them: cells padded to the width of their column, each followed by a tab, no lines.

/// Rows of cells under a header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns are at least this wide.
    widths: Vec<usize>,
}

impl Table {
    /// A table with these column names, in any case.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let header: Vec<String> = columns.into_iter().map(str::to_uppercase).collect();
        Self { header, ..Self::default() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, with or without the header. Rows that are added afterwards and rendered alone get the same widths.
    pub(crate) fn render(&mut self, with_header: bool) -> String {
        let header = with_header.then_some(&self.header);
        for row in header.into_iter().chain(&self.rows) {
            self.widths.resize(self.widths.len().max(row.len()), 0);
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.lines().map(|line| line.chars().count()).max().unwrap_or(0));
            }
        }
        let mut text = String::new();
        for row in header.into_iter().chain(&self.rows) {
            render_row(row, &self.widths, &mut text);
        }
        self.rows.clear();
        text
    }
}

/// A row is as high as its highest cell.
fn render_row(row: &[String], widths: &[usize], text: &mut String) {
    let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(0).max(1);
    for line in 0..height {
        for (cell, width) in row.iter().zip(widths) {
            let part = cell.lines().nth(line).unwrap_or("");
            text.push_str(part);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(part.chars().count())));
            text.push('\t');
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn table() -> Table {
        let mut table = Table::new(["Name", "Revision", "Suspended", "Ready", "Message"]);
        table.push(row(&[
            "podinfo",
            "main@sha1:696f056d",
            "False",
            "True",
            "Fetched revision: main@sha1:696f056d",
        ]));
        table
    }

    #[test]
    fn every_cell_is_padded_and_followed_by_a_tab() {
        let expected = concat!(
            "NAME   \tREVISION          \tSUSPENDED\tREADY\tMESSAGE                             \t\n",
            "podinfo\tmain@sha1:696f056d\tFalse    \tTrue \tFetched revision: main@sha1:696f056d\t\n",
        );
        assert_eq!(table().render(true), expected);
    }

    #[test]
    fn without_header_only_the_rows_count() {
        assert_eq!(
            table().render(false),
            "podinfo\tmain@sha1:696f056d\tFalse\tTrue\tFetched revision: main@sha1:696f056d\t\n"
        );
    }

    #[test]
    fn cells_with_several_lines_make_high_rows() {
        let mut table = Table::new(["Name", "Message"]);
        table.push(row(&["a", "first\nsecond line"]));
        assert_eq!(table.render(true), "NAME\tMESSAGE    \t\na   \tfirst      \t\n    \tsecond line\t\n");
    }

    #[test]
    fn later_rows_keep_the_widths() {
        let mut table = table();
        table.render(true);
        table.push(row(&["web", "", "True", "False", "x"]));
        let line = table.render(false);
        assert!(line.starts_with("web    \t                  \tTrue     \tFalse\tx  "), "{line}");
    }
}
