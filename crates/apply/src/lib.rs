//! Server-side apply in stages, drift detection, inventory, pruning and health waits.
