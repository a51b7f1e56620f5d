//! Edits, byte for byte.

use sluice_image::Image;
use sluice_image::setters::{Edit, Images, Reason, edit};

fn images() -> Images {
    let app = Image { name: "ghcr.io/org/app".into(), tag: "1.10".into(), digest: String::new() };
    let pinned = Image { name: "r.io/p".into(), tag: "2.0.0".into(), digest: "sha256:ab".into() };
    [("ns:app".to_owned(), app), ("ns:pinned".to_owned(), pinned)].into()
}

fn edited(text: &str) -> Edit {
    edit(text, &images()).unwrap()
}

/// `MARK` stands for a marker of the policy `ns:app`.
fn marked(text: &str) -> String {
    text.replace("MARK", r#"{"$imagepolicy": "ns:app"}"#)
}

#[test]
fn only_the_value_changes() {
    for (before, after) in [
        ("image: a:1 # MARK\n", "image: ghcr.io/org/app:1.10 # MARK\n"),
        ("image:   'a:1'   #MARK", "image:   'ghcr.io/org/app:1.10'   #MARK"),
        ("image: \"a:1\" # MARK\r\nx:  1\r\n", "image: \"ghcr.io/org/app:1.10\" # MARK\r\nx:  1\r\n"),
        ("- # c\n\n-   a:1 # MARK\n", "- # c\n\n-   ghcr.io/org/app:1.10 # MARK\n"),
        ("l:\n# MARK\n- a:1\n- b:1\n", "l:\n# MARK\n- ghcr.io/org/app:1.10\n- b:1\n"),
        ("a: &x b:1 # MARK\nc: *x\n", "a: &x ghcr.io/org/app:1.10 # MARK\nc: *x\n"),
        ("a: |  # MARK\n   b:1\n\nc: 1\n", "a: |  # MARK\n   ghcr.io/org/app:1.10\n\nc: 1\n"),
        ("---\n---\na: b # MARK\n...\n# end", "---\n---\na: ghcr.io/org/app:1.10 # MARK\n...\n# end"),
        ("\u{feff}a: b # MARK\n", "\u{feff}a: ghcr.io/org/app:1.10 # MARK\n"),
        ("é: ü # MARK\n", "é: ghcr.io/org/app:1.10 # MARK\n"),
        // Not as a whole, but line by line.
        (
            "a: {{ .x }\n  {{- if y }}\n  - i: b:1 # MARK\n",
            "a: {{ .x }\n  {{- if y }}\n  - i: ghcr.io/org/app:1.10 # MARK\n",
        ),
    ] {
        let edit = edited(&marked(before));
        assert_eq!(edit.text, marked(after));
        assert_eq!(edit.changes.len(), 1);
        assert_eq!(edit.unapplied, []);
    }
}

#[test]
fn fields_and_quotes() {
    let text = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
n: a # {"$imagepolicy": "ns:app:name"}
t: 1 # {"$imagepolicy": "ns:app:tag"}
d: b # {"$imagepolicy": "ns:app:digest"}
p: c # {"$imagepolicy": "ns:pinned"}
"#;
    let edit = edited(text);
    let expected = text
        .replace("\nn: a", "\nn: ghcr.io/org/app")
        .replace("t: 1 ", "t: \"1.10\" ")
        .replace("d: b", "d: \"\"")
        .replace("p: c", "p: r.io/p:2.0.0@sha256:ab");
    assert_eq!(edit.text, expected);
    let change = &edit.changes[1];
    assert_eq!((change.old.as_str(), change.new.as_str(), change.line), ("1", "1.10", 6));
    assert_eq!(change.setter, "ns:app:tag");
    assert_eq!((change.object.kind.as_str(), change.object.namespace.as_str()), ("Deployment", "shop"));
    // A second time there is nothing to do.
    let again = edited(&edit.text);
    assert_eq!((again.text, again.changes.len()), (edit.text, 0));
}

#[test]
fn what_can_not_be_applied_is_named() {
    let text = r#"a: b # {"$imagepolicy": "ns:app"} and more
b: c # {"$imagepolicy": "ns:app:version"}
c: # {"$imagepolicy": "ns:app"}
  d: e
d: # {"$imagepolicy": "ns:app"}
e: f # {"$imagepolicy": "ns:other"}
# {"$imagepolicy": "ns:app"}
f: g
g: h # {"$imagepolicy": "app"}
"#;
    let edit = edited(text);
    assert_eq!(edit.text, text);
    let lines: Vec<u32> = edit.unapplied.iter().map(|marker| marker.line).collect();
    assert_eq!(lines, [1, 2, 3, 5, 6, 7, 9]);
    assert!(matches!(edit.unapplied[0].reason, Reason::Malformed(_)));
    assert_eq!(edit.unapplied[2].reason, Reason::NoScalar);
    assert_eq!(edit.unapplied[4].reason, Reason::NoImage("ns:other".to_owned()));
}

#[test]
fn a_comment_behind_a_flow_mapping_marks_none_of_its_values() {
    let text = marked("{\"kind\": \"A\", \"t\": \"x:1\"} # MARK\n");
    assert_eq!(edited(&text).text, text);
}

#[test]
fn lists_are_written_with_the_identity_of_their_items() {
    let text = marked("kind: List\nitems:\n- kind: A\n  metadata: {name: x}\n  t: x:1 # MARK\n");
    let edit = edited(&text);
    assert_eq!(edit.text, text.replace("x:1", "ghcr.io/org/app:1.10"));
    assert_eq!((edit.changes[0].object.kind.as_str(), edit.changes[0].object.name.as_str()), ("A", "x"));
}
