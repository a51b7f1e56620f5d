//! `toToml` and `fromToml`.

mod decode;
mod encode;
mod explain;

pub(super) use decode::decode;
pub(super) use encode::encode;
