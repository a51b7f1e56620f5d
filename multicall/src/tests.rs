use super::*;

#[test]
fn names_that_are_no_controller_are_refused() {
    for args in [vec![], vec!["sluice-controllers"], vec!["/bin/other-controller", "x"]] {
        assert!(run(args.into_iter().map(OsString::from).collect()).is_none());
    }
}

/// The settings come from the environment of the build: a build that misses them wastes memory silently.
#[test]
fn the_allocator_is_tuned() {
    assert!(tikv_jemalloc_ctl::opt::background_thread::read().unwrap());
    assert_eq!(tikv_jemalloc_ctl::opt::narenas::read().unwrap(), 4);
}
