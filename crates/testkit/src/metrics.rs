//! Reading Prometheus' text format.

use std::collections::BTreeMap;

/// One value of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The sample's name, with suffixes such as `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// All samples of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
    /// Reads the text format; lines that are no samples are skipped.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The samples with this name and at least these labels.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        })
    }

    /// The sum of the samples with this name and at least these labels; `None` without any.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut values = self.select(name, labels).map(|sample| sample.value).peekable();
        values.peek()?;
        Some(values.sum())
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Reads `key="value",…}` and returns what follows. In values, `\\`, `\"` and `\n` are escapes.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(key.to_owned(), value);
        rest = &after[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_labels_and_values() {
        let metrics = Metrics::parse(concat!(
            "# HELP reconciles Total.\n# TYPE reconciles counter\n",
            "reconciles_total{kind=\"A\",name=\"a,}\\\"b\"} 2\n",
            "reconciles_total{kind=\"B\", name=\"b\"} 3.5 1700000000\n",
            "process_start_time_seconds 1.7e9\nbroken{\n",
        ));
        assert_eq!(metrics.sum("reconciles_total", &[]), Some(5.5));
        assert_eq!(metrics.sum("reconciles_total", &[("kind", "B")]), Some(3.5));
        assert_eq!(metrics.sum("reconciles_total", &[("name", "a,}\"b")]), Some(2.0));
        assert_eq!(metrics.sum("process_start_time_seconds", &[]), Some(1.7e9));
        assert_eq!(metrics.sum("broken", &[]), None);
    }
}
