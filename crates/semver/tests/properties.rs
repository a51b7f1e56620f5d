//! Properties that hold for every input.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use sluice_semver::{Constraints, Version};

fn version_text() -> impl Strategy<Value = String> {
    "v?(0|[1-9][0-9]{0,2})(\\.(0|[1-9][0-9]{0,2})){0,2}(-[a-z][a-z0-9]{0,3}(\\.[1-9]){0,2})?(\\+[a-z]{1,3})?"
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = Version::parse(&text);
        let _ = Version::parse_strict(&text);
        let _ = Constraints::parse(&text);
    }

    #[test]
    fn no_constraint_like_text_panics(text in "[0-9xX*v.|,<>=~^! +a-]{0,40}") {
        let _ = Constraints::parse(&text).map(|c| c.matches(&Version::parse("1.2.3").unwrap()));
    }

    #[test]
    fn canonical_form_parses_strictly_to_an_equal_version(text in version_text()) {
        let version = Version::parse(&text).unwrap();
        let strict = Version::parse_strict(&version.to_string()).unwrap();
        prop_assert_eq!(version.to_string(), strict.to_string());
        prop_assert_eq!(version, strict);
    }

    #[test]
    fn order_is_transitive(a in version_text(), b in version_text(), c in version_text()) {
        let mut v = [a, b, c].map(|t| Version::parse(&t).unwrap());
        v.sort();
        prop_assert!(v[0] <= v[1] && v[1] <= v[2] && v[0] <= v[2]);
    }

    #[test]
    fn at_least_is_the_opposite_of_less(version in version_text(), bound in version_text()) {
        let version = Version::parse(&version).unwrap();
        let at_least = Constraints::parse(&format!(">={bound}")).unwrap().including_prereleases();
        let less = Constraints::parse(&format!("<{bound}")).unwrap().including_prereleases();
        prop_assert_ne!(at_least.matches(&version), less.matches(&version));
    }

    #[test]
    fn normal_form_means_the_same(low in version_text(), high in version_text(), version in version_text()) {
        let version = Version::parse(&version).unwrap();
        let range = Constraints::parse(&format!("{low} - {high} || ~{high},^{low}")).unwrap();
        let again = Constraints::parse(&range.to_string()).unwrap();
        prop_assert_eq!(range.matches(&version), again.matches(&version));
    }
}
