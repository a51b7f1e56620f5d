//! Fetches sources and serves each as a tarball.
