//! Artifact storage, its HTTP server and garbage collection; verified downloads, unpacked once per digest.
