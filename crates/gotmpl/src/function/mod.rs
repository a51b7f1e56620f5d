//! Functions that templates call.

mod error;
mod host;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

pub use error::FuncError;
pub use host::{Call, Host};

use crate::value::{Type, Value};

/// What a plain function looks like. The arguments have the declared types and number: the executor
/// has seen to that. A nil for a list, map or pointer parameter arrives as [`Value::Nil`].
pub type Native = fn(&mut Call<'_>, &[Value]) -> Result<Value, FuncError>;

type Closure = dyn Fn(&mut Call<'_>, &[Value]) -> Result<Value, FuncError> + Send + Sync;

/// A function or method with the types of its parameters.
#[derive(Clone)]
pub struct Function {
    name: &'static str,
    params: &'static [Type],
    variadic: bool,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Native(Native),
    /// A method of Go that templates can't call, with what Go says of it.
    Unfit(&'static str),
    Closure(Arc<Closure>),
}

impl Function {
    /// A function that takes exactly these parameters.
    pub const fn new(name: &'static str, params: &'static [Type], body: Native) -> Function {
        Function { name, params, variadic: false, body: Body::Native(body) }
    }

    /// A function whose last parameter, given with its element's type, may occur any number of times:
    /// `func(string, ...interface {})` has the parameters `[Type::String, Type::Any]`.
    pub const fn variadic(name: &'static str, params: &'static [Type], body: Native) -> Function {
        Function { name, params, variadic: true, body: Body::Native(body) }
    }

    /// A method that Go has but that templates can't call, for what it returns: the reason in Go's words.
    pub const fn unfit(name: &'static str, why: &'static str) -> Function {
        Function { name, params: &[], variadic: false, body: Body::Unfit(why) }
    }

    /// Why templates can't call it, if they can't.
    pub(crate) fn why_unfit(&self) -> Option<&'static str> {
        match self.body {
            Body::Unfit(why) => Some(why),
            _ => None,
        }
    }

    /// A function that carries something with it, such as a regular expression cache.
    pub fn closure(
        name: &'static str,
        params: &'static [Type],
        body: impl Fn(&mut Call<'_>, &[Value]) -> Result<Value, FuncError> + Send + Sync + 'static,
    ) -> Function {
        Function { name, params, variadic: false, body: Body::Closure(Arc::new(body)) }
    }

    /// The name by which templates call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The types of the parameters; of the variadic one, its element's.
    pub fn params(&self) -> &'static [Type] {
        self.params
    }

    /// Whether the last parameter may occur any number of times.
    pub fn is_variadic(&self) -> bool {
        self.variadic
    }

    /// The type that the argument at the index must have.
    pub fn param(&self, index: usize) -> Option<Type> {
        match self.params.get(index) {
            Some(ty) => Some(*ty),
            None if self.variadic => self.params.last().copied(),
            None => None,
        }
    }

    /// Calls it. The arguments must fit the parameters.
    pub fn call(&self, call: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
        match &self.body {
            Body::Native(body) => body(call, args),
            Body::Unfit(why) => Err((*why).into()),
            Body::Closure(body) => body(call, args),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (index, ty) in self.params.iter().enumerate() {
            let dots = if self.variadic && index + 1 == self.params.len() { "..." } else { "" };
            write!(f, "{}{dots}{ty}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

/// The functions that templates may call besides Go's built-ins. A function with a built-in's name
/// takes its place.
#[derive(Clone, Debug, Default)]
pub struct FuncMap(HashMap<&'static str, Arc<Function>, RandomState>);

impl FuncMap {
    /// No functions.
    pub fn new() -> FuncMap {
        FuncMap::default()
    }

    /// Adds a function; one of the same name is replaced.
    pub fn add(&mut self, function: Function) {
        self.0.insert(function.name, Arc::new(function));
    }

    /// Adds many functions.
    pub fn extend(&mut self, functions: impl IntoIterator<Item = Function>) {
        functions.into_iter().for_each(|function| self.add(function));
    }

    /// Adds the function that already has one name under another one too.
    pub fn alias(&mut self, name: &'static str, of: &str) {
        if let Some(function) = self.get(of).map(|function| Function { name, ..Function::clone(function) }) {
            self.add(function);
        }
    }

    /// Takes a function away.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The function with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.0.get(name)
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}
