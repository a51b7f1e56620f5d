//! From templates and data to text.

use std::any::Any;
use std::sync::Arc;

use crate::error::ExecError;
use crate::limits::Budget;
use crate::set::Set;
use crate::value::Value;

/// Executes a template of a set.
pub(crate) fn execute(
    set: &Arc<Set>,
    name: &str,
    _data: Value,
    _budget: &Budget,
    _state: &dyn Any,
) -> Result<Vec<u8>, ExecError> {
    Err(set.no_template(name))
}
