//! Watches that wake waiters.
use kube::Client;

/// The watches.
pub struct WatchHub {
    #[allow(dead_code)]
    client: Client,
}
/// A subscription.
pub struct Subscription;
impl WatchHub {
    /// New.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}
