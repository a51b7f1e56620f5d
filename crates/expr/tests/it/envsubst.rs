//! `envsubst.json` holds what Go's `github.com/fluxcd/pkg/envsubst` 1.8.0 makes of each text, with
//! names that have no value as errors (`strict`) and as empty (`lax`).

use serde_json::Value;
use sluice_expr::envsubst::{Error, Missing, Variables, expand};

#[test]
fn agrees_with_the_go_library() {
    let vectors: Value = serde_json::from_str(include_str!("envsubst.json")).unwrap();
    let variables: Variables = vectors["vars"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let mut differences = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let text = case["in"].as_str().unwrap();
        for (missing, value, error) in
            [(Missing::Error, "strict", "strictError"), (Missing::Empty, "lax", "laxError")]
        {
            let ours = expand(text, &variables, missing);
            let theirs = (case[value].as_str(), case[error].as_str());
            let same = match (&ours, theirs) {
                // Go cuts characters in two and prints broken text; ours says so or matches whole ones.
                (Ok(_) | Err(Error::NotUtf8 { .. }), (Some(theirs), None)) if theirs.contains('\u{fffd}') => {
                    true
                }
                (Ok(ours), (Some(theirs), None)) => ours == theirs,
                // Ours may say more after the library's own words.
                (Err(ours), (None, Some(theirs))) => ours.to_string().starts_with(theirs),
                _ => false,
            };
            if !same {
                differences.push(format!("{value} {text:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn an_error_names_the_line() {
    let error = expand("a: b\nc: ${v-d}\n", &Variables::new(), Missing::Error).unwrap_err();
    assert_eq!(error.to_string(), "missing closing brace");
    assert_eq!(error.detail(), "line 2: `${v` is followed by '-'");
}

#[test]
fn deep_nesting_is_an_error() {
    let text = "${a:-".repeat(100_000);
    assert!(matches!(expand(&text, &Variables::new(), Missing::Empty), Err(Error::TooDeep { .. })));
}
