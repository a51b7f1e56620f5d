//! Where to wait.

use futures::future::BoxFuture;

/// Whoever has something done lends it time to wait: nothing of theirs should be held meanwhile.
pub trait Park: Send + Sync {
    /// Runs a wait.
    fn park<'a>(&'a self, wait: BoxFuture<'a, ()>) -> BoxFuture<'a, ()>;

    /// Ends when waits should, with the reason; never, if they are to go on to their end.
    fn interrupted(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::pending())
    }
}

/// Waits where it is asked to: for tools with nothing else to do.
pub struct Here;

impl Park for Here {
    fn park<'a>(&'a self, wait: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        wait
    }
}
