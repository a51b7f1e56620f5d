//! Go's text/template with the functions of sprig.
//!
//! ```text
//! let mut set = Set::new("chart", Arc::new(functions));
//! set.set_missing_key(MissingKey::Zero);
//! set.parse("templates/a.yaml", text)?;
//! let _scope = Scope::enter();
//! let data = Value::from_json(&json, Numbers::Float64);
//! let output = Arc::new(set).execute("templates/a.yaml", data, &Budget::default(), &())?;
//! ```
//!
//! Output, error texts, printing and typing follow Go 1.26.

#![allow(
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    reason = "the functions of one table have one signature"
)]
#![allow(clippy::float_cmp, reason = "Go compares floats exactly")]
#![allow(clippy::unnecessary_box_returns, reason = "errors are large and rare: results stay small")]

mod error;
mod exec;
pub mod format;
pub mod function;
pub mod gojson;
pub mod gotime;
mod limits;
pub mod parse;
pub mod quote;
mod set;
pub mod sprig;
mod text;
pub mod value;

pub use error::{Cause, ExecError, Frame, ParseError, Place};
pub use function::{Call, FuncError, FuncMap, Function};
pub use limits::{Budget, CALL_BYTES, Limit, Limits, MAX_TEXT};
pub use set::{MissingKey, Set};
pub use value::{Kind, List, Map, Numbers, Object, Scope, Str, Type, Value};
