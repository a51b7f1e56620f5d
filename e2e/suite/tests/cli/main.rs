//! `sluice` against a real control plane, real controllers and a real Git server.

mod charts;
mod compare;
mod creations;
mod images;
mod inspection;
mod kustomizations;
mod logs;
mod migrations;
mod objects;
mod program;
mod setup;
mod story;
mod triggers;
