//! The places at which an action may be cut off: before each write.
//!
//! In builds with debug assertions a test can have the process killed at the n-th of them, and so see what is made of
//! each half-done action afterwards. Release builds have nothing of this.

/// The variable with the number of the write that does not come to pass, from 1.
#[cfg(debug_assertions)]
const VARIABLE: &str = "SLUICE_KILL_BEFORE_WRITE";

/// Something is about to be written: to Helm's storage, to the cluster, or to the status.
#[cfg(debug_assertions)]
pub fn before_write(what: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static LAST: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var(VARIABLE).ok()?.parse().ok());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(last) = *LAST else { return };
    let count = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
    tracing::info!(count, "write: {what}");
    if count == last {
        // No destructor runs and nothing is flushed, as with SIGKILL.
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub fn before_write(_: &str) {}
