//! Values as JSON text and back, as Go's `encoding/json` does it.

mod decode;
mod encode;

pub use decode::{decode, decode_list, decode_map};
pub use encode::{Style, encode, write_float};
