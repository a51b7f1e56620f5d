//! Who runs beside whom: tests that measure time run alone.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURNS: RwLock<()> = RwLock::const_new(());

/// Held while a test runs.
#[expect(dead_code, reason = "the guards are only held")]
pub enum Turn {
    /// Others may run at the same time.
    Shared(RwLockReadGuard<'static, ()>),
    /// Nobody else runs.
    Alone(RwLockWriteGuard<'static, ()>),
}

impl Turn {
    pub async fn shared() -> Self {
        Self::Shared(TURNS.read().await)
    }

    pub async fn alone() -> Self {
        Self::Alone(TURNS.write().await)
    }
}
