//! Texts that several services share.

use crate::event::Event;

/// `kind/name` in lower case.
pub(super) fn name(event: &Event) -> String {
    format!("{}/{}", event.involved_object.kind, event.involved_object.name).to_lowercase()
}

/// The reason as words: `HealthCheckFailed` is `health check failed`.
pub(super) fn description(event: &Event) -> String {
    words(&event.reason).join(" ").to_lowercase()
}

/// The event as the Markdown of code hosts and Zulip.
pub(super) fn markdown(event: &Event) -> String {
    let sign = if event.severity.is_error() { "⚠️" } else { "ℹ️" };
    let mut text =
        format!("## Flux Status\n\n{sign} {}\n\n{}\n\nMetadata:\n", event.involved_object, event.message);
    for (key, value) in event.metadata.iter().filter(|(key, _)| *key != "change_request") {
        text.extend(["* `", key, "`: ", value, "\n"]);
    }
    text
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Other,
}

fn class(c: char) -> Class {
    if c.is_lowercase() {
        Class::Lower
    } else if c.is_uppercase() {
        Class::Upper
    } else if c.is_numeric() {
        Class::Digit
    } else {
        Class::Other
    }
}

/// Splits camel case where the kind of character changes; the last capital of several starts the next word:
/// `PDFLoader2` is `PDF`, `Loader`, `2`.
fn words(text: &str) -> Vec<String> {
    let mut runs: Vec<(Class, Vec<char>)> = Vec::new();
    for c in text.chars() {
        match runs.last_mut() {
            Some((last, run)) if *last == class(c) => run.push(c),
            _ => runs.push((class(c), vec![c])),
        }
    }
    let mut words: Vec<String> = Vec::new();
    let mut carried = None;
    for (index, (class, run)) in runs.iter().enumerate() {
        let mut word: String = carried.take().into_iter().chain(run.iter().copied()).collect();
        let starts_next =
            *class == Class::Upper && runs.get(index + 1).is_some_and(|(next, _)| *next == Class::Lower);
        if starts_next {
            carried = word.pop();
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_becomes_words() {
        for (text, expected) in [
            ("ReconciliationSucceeded", "Reconciliation Succeeded"),
            ("ArtifactFailedXML2JSON", "Artifact Failed XML 2 JSON"),
            ("PDFLoader", "PDF Loader"),
            ("a_b", "a _ b"),
            ("", ""),
            ("X", "X"),
        ] {
            assert_eq!(words(text).join(" "), expected);
        }
    }
}
