//! Splitting a stream of YAML documents.

/// The documents of a text, without the ones that have nothing but space, and without space before them. A document
/// starts after `---` at the start of a line; what follows on that line belongs to it.
pub fn split(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let mut documents = Vec::new();
    let mut start = 0;
    let mut line = 0;
    while line <= text.len() {
        let rest = text.get(line..).unwrap_or_default();
        if rest.starts_with("---") {
            documents.push(text.get(start..line).unwrap_or_default());
            start = line + 3;
        }
        match rest.find('\n') {
            Some(end) => line += end + 1,
            None => break,
        }
    }
    documents.push(text.get(start..).unwrap_or_default());
    documents.into_iter().map(str::trim_start).filter(|document| !document.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_at_the_start_of_a_line() {
        assert_eq!(split("a: 1\n---\nb: 2\n\n--- # c\nd: 3"), ["a: 1\n", "b: 2\n\n", "# c\nd: 3"]);
        assert_eq!(split("---apiVersion: v1\n"), ["apiVersion: v1\n"]);
        assert_eq!(split("a: |\n  ---\n  b\n"), ["a: |\n  ---\n  b\n"]);
        assert_eq!(split("----\na"), ["-\na"]);
        assert_eq!(split("---\n---\n \n"), [""; 0]);
        assert_eq!(split(""), [""; 0]);
    }
}
