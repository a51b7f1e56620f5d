//! Developer tasks: generate CRDs and tables, check the layers.
