//! Types and kinds.

use super::args::{any, text};
use crate::function::Function;
use crate::value::{Type, Value};

const ANY: Type = Type::Any;
const NAMED: &[Type] = &[Type::String, ANY];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("typeOf", &[ANY], |_, args| Ok(any(args, 0).type_name().into())),
    Function::new("typeIs", NAMED, |_, args| Ok((named(args) == any(args, 1).type_name()).into())),
    Function::new("typeIsLike", NAMED, |_, args| {
        let (name, actual) = (named(args), any(args, 1).type_name());
        Ok((name == actual || actual.strip_prefix('*') == Some(&name)).into())
    }),
    Function::new("kindOf", &[ANY], |_, args| Ok(any(args, 0).kind().name().into())),
    Function::new("kindIs", NAMED, |_, args| Ok((named(args) == any(args, 1).kind().name()).into())),
    Function::new("deepEqual", &[ANY, ANY], |_, args| Ok(any(args, 0).deep_equal(any(args, 1)).into())),
];

fn named(args: &[Value]) -> String {
    text(args, 0).to_text().into_owned()
}
