//! Whatever a file holds: the only lines that change are marked, and they only up to the comment.

use proptest::prelude::*;
use sluice_image::Image;
use sluice_image::setters::{Images, edit};

const MARKER: &str = r#"{"$imagepolicy": "ns:app"}"#;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9./]{0,12}(:[0-9.]{1,5})?",
        "'[a-zé #:]{1,8}'",
        r#""[a-z #:\[]{1,8}""#,
        Just("1.0".to_owned()),
    ]
}

/// One line of a file, or several that belong together.
fn part() -> impl Strategy<Value = String> {
    let spaces = || "[ ]{1,4}";
    prop_oneof![
        (scalar(), spaces(), spaces()).prop_map(|(value, a, b)| format!("k:{a}{value}{b}# {MARKER}")),
        (scalar(), spaces()).prop_map(|(value, a)| format!("l:\n  -{a}{value} #{MARKER}\n  - x")),
        (scalar(), spaces()).prop_map(|(value, a)| format!("k:{a}{value}")),
        "# [a-z \"{}$]{0,20}",
        Just(String::new()),
        Just("---".to_owned()),
        Just("m: {a:  1, b: [1,2]}".to_owned()),
        Just("t: |\n    text # kept\n\n    more".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_diff_touches_only_marked_lines(
        parts in prop::collection::vec(part(), 0..12),
        newline in prop_oneof![Just("\n"), Just("\r\n")],
        last in any::<bool>(),
    ) {
        let mut text = parts.join("\n");
        if last {
            text.push('\n');
        }
        let text = text.replace('\n', newline);
        let image = Image { name: "ghcr.io/org/app".into(), tag: "2.0".into(), digest: String::new() };
        let images: Images = [("ns:app".to_owned(), image)].into();
        let edited = edit(&text, &images).unwrap();
        let (old, new): (Vec<_>, Vec<_>) = (text.split('\n').collect(), edited.text.split('\n').collect());
        prop_assert_eq!(old.len(), new.len());
        let mut changed = 0;
        for (old, new) in old.iter().zip(&new) {
            if old == new {
                continue;
            }
            changed += 1;
            let comment = old.find(&format!("#{MARKER}")).or_else(|| old.find(&format!("# {MARKER}")));
            prop_assert!(comment.is_some_and(|at| new.ends_with(&old[at..])), "{:?} -> {:?}", old, new);
        }
        prop_assert_eq!(changed, edited.changes.len());
        let markers = text.matches(MARKER).count();
        prop_assert_eq!(changed, markers, "every marked value changes");
        prop_assert_eq!(edit(&edited.text, &images).unwrap().text, edited.text);
    }
}
