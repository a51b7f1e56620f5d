//! The tests of a release.

use std::time::Duration;

use super::Context;
use crate::Failure;
use crate::hooks::{self, HookOptions};
use crate::record::Release;

/// A run of tests.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name of the release.
    pub name: String,
    /// How long each may take.
    pub timeout: Duration,
    /// Which ones run.
    pub filters: Vec<TestFilter>,
}

/// A test to run, or to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFilter {
    /// Its name.
    pub name: String,
    /// Whether it is left out.
    pub exclude: bool,
}

impl TestFilter {
    /// Whether filters let a test run: it is not left out, and among those named, if any are.
    pub fn select(filters: &[Self], name: &str) -> bool {
        let names = |exclude: bool| filters.iter().filter(move |filter| filter.exclude == exclude);
        let is_named =
            |mut list: Box<dyn Iterator<Item = &Self> + '_>| list.any(|filter| filter.name == name);
        !is_named(Box::new(names(true)))
            && (names(false).next().is_none() || is_named(Box::new(names(false))))
    }
}

/// Runs the tests of the newest revision, which is stored afterwards with how they went.
pub async fn test(context: &Context<'_>, test: &Test) -> (Option<Release>, Result<(), Failure>) {
    let mut release = match context.storage.last(&test.name).await {
        Ok(release) => release,
        Err(error) => return (None, Err(error.into())),
    };
    let all = std::mem::take(&mut release.hooks);
    let (selected, skipped): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|hook| TestFilter::select(&test.filters, &hook.name));
    release.hooks = selected;
    let options = HookOptions { timeout: test.timeout, server_side: release.is_server_side() };
    let result = hooks::run_with(context, &mut release, "test", options, &skipped).await;
    let mut hooks = skipped;
    hooks.append(&mut release.hooks);
    release.hooks = hooks;
    let stored = context.storage.update(&release).await;
    let result = result.and_then(|()| stored.map_err(Failure::from));
    (Some(release), result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_name_tests_or_leave_them_out() {
        let filter = |name: &str, exclude| TestFilter { name: name.to_owned(), exclude };
        assert!(TestFilter::select(&[], "a"));
        assert!(TestFilter::select(&[filter("a", false)], "a"));
        assert!(!TestFilter::select(&[filter("a", false)], "b"));
        assert!(!TestFilter::select(&[filter("a", true)], "a"));
        assert!(TestFilter::select(&[filter("a", true)], "b"));
        assert!(!TestFilter::select(&[filter("a", true), filter("a", false)], "a"));
    }
}
