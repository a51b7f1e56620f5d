//! `sluice` against a real control plane, real controllers and a real Git server.

mod compare;
mod objects;
mod program;
mod setup;
mod story;
