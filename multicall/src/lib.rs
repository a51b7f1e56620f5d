//! All controllers in one binary, chosen by its name.
