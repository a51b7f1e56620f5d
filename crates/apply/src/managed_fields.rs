//! Who owns which fields: the sets of field paths in `metadata.managedFields`.
