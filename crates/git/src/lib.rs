//! Git over HTTP and SSH: resolve references, fetch shallowly, read trees.
