//! YAML trees with positions and comments, read and written as Go's YAML libraries do.
