//! Selection, by tables of edge cases of the Go controller.

use sluice_image::policy::{Filter, NoneSelected, Order, Policy};

fn owned(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn semver(range: &str, tags: &[&str]) -> Result<String, NoneSelected> {
    Policy::semver(range).unwrap().latest_tag(&owned(tags), None)
}

#[test]
fn versions() {
    for (range, tags, latest) in [
        ("1.x", &["1.0.0", "1.10.0", "1.9.0", "2.0.0"][..], "1.10.0"),
        (">=1.0.0", &["v1.2.3", "1.2.2", "latest"], "v1.2.3"),
        // Three numbers are needed.
        ("*", &["1.5", "2", "1.4.9"], "1.4.9"),
        // Pre-releases take part only where the range names one.
        (">=1.0.0", &["1.0.0", "1.1.0-rc.1"], "1.0.0"),
        (">=1.0.0-0", &["1.0.0", "1.1.0-rc.1"], "1.1.0-rc.1"),
        ("1.0 - 1.2", &["1.2.9", "1.3.0"], "1.2.9"),
        // Of equal versions the first of the list.
        ("1.0.0", &["v1.0.0", "1.0.0"], "v1.0.0"),
        ("1.0.0", &["1.0.0+b", "1.0.0+a"], "1.0.0+b"),
    ] {
        assert_eq!(semver(range, tags).as_deref(), Ok(latest), "{range} {tags:?}");
    }
    assert_eq!(semver("9.x", &["1.0.0"]), Err(NoneSelected::NoMatch));
    assert_eq!(semver("9.x", &[]), Err(NoneSelected::Empty));
    assert!(Policy::semver("").is_err());
    assert!(Policy::semver("nonsense").is_err());
}

#[test]
fn alphabet() {
    let latest = |order, tags: &[&str]| Policy::Alphabetical(order).latest_tag(&owned(tags), None).unwrap();
    assert_eq!(latest(Order::Ascending, &["b", "c", "a"]), "c");
    assert_eq!(latest(Order::Descending, &["b", "c", "a"]), "a");
    assert_eq!(latest(Order::Ascending, &["a", "Z"]), "a");
    assert_eq!(latest(Order::Ascending, &["10", "9"]), "9");
}

#[test]
fn numbers() {
    let latest = |order, tags: &[&str]| Policy::Numerical(order).latest_tag(&owned(tags), None);
    assert_eq!(latest(Order::Ascending, &["10", "9", "1e2"]).as_deref(), Ok("1e2"));
    assert_eq!(latest(Order::Descending, &["10", "9", "-1"]).as_deref(), Ok("-1"));
    assert_eq!(latest(Order::Ascending, &["1", "Inf"]).as_deref(), Ok("Inf"));
    // Seen at the Go controller, whose tags are in this order: of equal numbers the last.
    for order in [Order::Ascending, Order::Descending] {
        assert_eq!(latest(order, &["1.0", "1", "01"]).as_deref(), Ok("01"));
    }
    assert_eq!(latest(Order::Ascending, &["NaN", "7", "5"]).as_deref(), Ok("7"));
    assert_eq!(latest(Order::Descending, &["NaN", "7", "5"]).as_deref(), Ok("5"));
    for bad in ["v1", "0x10", " 1", ""] {
        let error = latest(Order::Ascending, &["1", bad]).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to parse invalid numeric value '{bad}'"));
    }
}

#[test]
fn filters() {
    let policy = Policy::Numerical(Order::Ascending);
    let filter = |pattern, extract| Filter::new(pattern, extract).unwrap();
    let tags = owned(&["main-bbb-20", "main-aaa-3", "dev-ccc-99"]);
    let extracted = filter(r"^main-[a-f0-9]+-(?P<ts>\d+)", "$ts");
    assert_eq!(policy.latest_tag(&tags, Some(&extracted)).as_deref(), Ok("main-bbb-20"));
    let braces = filter(r"^main-\w+-(\d+)$", "${1}");
    assert_eq!(policy.latest_tag(&tags, Some(&braces)).as_deref(), Ok("main-bbb-20"));
    // The whole tag without a template.
    let whole = Policy::Alphabetical(Order::Ascending).latest_tag(&tags, Some(&filter("main", "")));
    assert_eq!(whole.as_deref(), Ok("main-bbb-20"));
    // "$1x" is the group "1x", of which there is none.
    assert!(policy.latest_tag(&tags, Some(&filter(r"(\d+)", "$1x"))).is_err());
    // Of tags with the same value the last.
    let same = owned(&["b-1", "a-1"]);
    assert_eq!(policy.latest_tag(&same, Some(&filter(r"-(\d)", "$1"))).as_deref(), Ok("a-1"));
    assert_eq!(policy.latest_tag(&tags, Some(&filter("none", ""))), Err(NoneSelected::Empty));
    let error = Filter::new("(", "").unwrap_err().to_string();
    assert!(
        error.starts_with("invalid regular expression pattern '(': error parsing regexp: missing closing )")
    );
}
