//! The types of the Flux APIs, their conditions and durations.
//!
//! One module per API group and version, such as [`source::v1`] and [`kustomize::v1`]. Types serialise as Flux's own do
//! (empty optional fields are left out) and deserialise leniently: a word outside an enumeration is kept as
//! `Other`, so that an object written for a newer CRD cannot hide the objects listed beside it.
//!
//! This is the only crate that names `k8s-openapi`; others take its types from [`k8s`].

// Every printer column has a type: the lint does not look into `printcolumn(…)`.
#![allow(clippy::duplicated_attributes)]

#[macro_use]
mod macros;

pub mod conditions;
pub mod crd;
pub mod extensions;
pub mod helm;
pub mod image;
pub mod k8s;
pub mod kustomize;
pub mod meta;
pub mod notification;
mod schema;
pub mod source;
