//! `sluice` against a real control plane, real controllers and a real Git server.

mod charts;
mod compare;
mod creations;
mod images;
mod kustomizations;
mod objects;
mod program;
mod setup;
mod story;
